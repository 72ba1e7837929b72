//! The request body: declared as JSON, bounded while it arrives.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::error::{BoxError, ErrorKind, RegistrationError};

/// Reads the whole body, of which no more than `limit` bytes are ever kept.
pub(crate) async fn read<B>(headers: &HeaderMap, body: B, limit: usize) -> Result<Bytes, RegistrationError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    if !is_json(headers) {
        return Err(RegistrationError::new(ErrorKind::UnsupportedMediaType));
    }
    if body.size_hint().lower() > limit as u64 {
        return Err(RegistrationError::new(ErrorKind::BodyTooLarge));
    }
    let collected = std::pin::pin!(Limited::new(body, limit)).collect().await;
    Ok(collected.map_err(refuse)?.to_bytes())
}

/// `application/json`, in no other encoding than UTF-8 and without content coding
/// ([RFC 7591 §3.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.1)).
fn is_json(headers: &HeaderMap) -> bool {
    let identity =
        headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
        return false;
    };
    let mut parts = media_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    json && identity && parts.all(is_harmless)
}

/// A parameter of the media type. Only `charset` could change the meaning of the body.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    }
}

/// Why a body could not be read. A limit or a timeout may also come from a layer around this one, as the error of the
/// body that it hands on.
fn refuse(error: BoxError) -> RegistrationError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return RegistrationError::new(ErrorKind::BodyTooLarge);
        }
        cause = error.source();
    }
    RegistrationError::new(ErrorKind::IncompleteBody).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf_8_is_json() {
        let rows: &[(&[&str], &[&str], bool)] = &[
            (&["application/json"], &[], true),
            (&["Application/JSON; charset=UTF-8"], &[], true),
            (&["application/json;charset=\"utf-8\""], &["identity"], true),
            (&["application/json; profile=x;"], &[], true),
            (&["application/json; charset=utf-16"], &[], false),
            (&["application/json"], &["gzip"], false),
            (&["application/json", "text/plain"], &[], false),
            (&["application/jwt"], &[], false),
            (&["application/x-www-form-urlencoded"], &[], false),
            (&["application/jsonx"], &[], false),
            (&["text/plain"], &[], false),
            (&[""], &[], false),
            (&[], &[], false),
        ];
        for (types, codings, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in *types {
                headers.append(CONTENT_TYPE, value.parse().unwrap());
            }
            for value in *codings {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(is_json(&headers), *expected, "{types:?} {codings:?}");
        }
    }
}
