//! The request body: declared as something that is accepted, bounded while it arrives.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::error::{BoxError, ErrorKind, RegistrationError};

/// What a body can be declared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// Metadata as a JSON object ([RFC 7591 §3.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.1)).
    Json,
    /// Metadata as the claims of a signed token ([RFC 7519 §10.3.1](https://www.rfc-editor.org/rfc/rfc7519#section-10.3.1)).
    #[cfg(feature = "software-statements")]
    Jwt,
}

impl MediaType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            #[cfg(feature = "software-statements")]
            Self::Jwt => "application/jwt",
        }
    }
}

/// Reads the whole body, of which no more than `limit` bytes are ever kept.
pub(crate) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    limit: usize,
    accepted: &[MediaType],
) -> Result<(MediaType, Bytes), RegistrationError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let media_type = media_type(headers, accepted);
    let media_type = media_type.ok_or_else(|| RegistrationError::new(ErrorKind::UnsupportedMediaType))?;
    if body.size_hint().lower() > limit as u64 {
        return Err(RegistrationError::new(ErrorKind::BodyTooLarge));
    }
    let collected = std::pin::pin!(Limited::new(body, limit)).collect().await;
    Ok((media_type, collected.map_err(refuse)?.to_bytes()))
}

/// One of the accepted types, in no other encoding than UTF-8 and without content coding.
fn media_type(headers: &HeaderMap, accepted: &[MediaType]) -> Option<MediaType> {
    let identity =
        headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(declared), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
        return None;
    };
    let mut parts = declared.split(';').map(str::trim);
    let essence = parts.next()?;
    let media_type = accepted.iter().find(|media_type| media_type.name().eq_ignore_ascii_case(essence));
    media_type.copied().filter(|_| identity && parts.all(is_harmless))
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
            let found = media_type(&headers, &[MediaType::Json]);
            assert_eq!(found.is_some(), *expected, "{types:?} {codings:?}");
        }
    }
}
