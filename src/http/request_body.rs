//! The request body: its media type is checked before it is read, its length while it arrives.
//!
//! The order protects against abuse. A body of a wrong media type, or of a declared length above the limit, is
//! refused before the first frame is polled. A body without a declared length is refused as soon as it exceeds the
//! limit. So memory per request is bounded by the limit, whatever the caller declares or sends.
//!
//! This module has no timer. A body that arrives slowly is ended by a timeout of the server or of a layer around this
//! one, which is seen here as an error of the body.

use std::pin::pin;

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError};

use crate::error::{BoxError, RegistrationError, RegistrationErrorKind};
use crate::registry::Payload;

/// The media types that a body can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// Metadata as a JSON object ([RFC 7591 §3.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.1)).
    Json,
    /// Metadata as the claims of a signed token
    /// ([RFC 7519 §10.3.1](https://www.rfc-editor.org/rfc/rfc7519#section-10.3.1)).
    #[cfg(feature = "software-statements")]
    Jwt,
}

impl MediaType {
    /// The type and subtype, without parameters.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            #[cfg(feature = "software-statements")]
            Self::Jwt => "application/jwt",
        }
    }
}

/// How many bytes are allocated for a declared length before they arrive. A caller may declare more than it sends, so
/// the rest is allocated as it comes.
const MAX_DECLARED: usize = 4 * 1024;

/// Reads the whole body into one buffer of at most `limit` bytes. A body that is declared to be larger is refused
/// before it is polled, so that a client that waits for `100 Continue` never sends it.
pub(crate) async fn read<B>(
    headers: &HeaderMap,
    body: B,
    limit: usize,
    accepted: &[MediaType],
) -> Result<Payload, RegistrationError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    // The media type first: 415 for the wrong type is more useful to the caller than 413.
    let media_type = media_type(headers, accepted);
    let media_type = media_type.ok_or_else(|| RegistrationError::new(RegistrationErrorKind::UnsupportedMediaType))?;
    // A layer around this one may wrap the body and hide its size hint, so the header is read too.
    let declared = content_length(headers)?.unwrap_or_default().max(body.size_hint().lower());
    if declared > limit as u64 {
        return Err(RegistrationError::new(RegistrationErrorKind::BodyTooLarge));
    }
    let declared = usize::try_from(declared).unwrap_or(limit);
    let text = Bytes::from(collect(body, declared.min(MAX_DECLARED), limit).await?);
    Ok(match media_type {
        MediaType::Json => Payload::Json(text),
        #[cfg(feature = "software-statements")]
        MediaType::Jwt => Payload::Jwt(text),
    })
}

/// Reads all frames into one buffer of at most `limit` bytes.
async fn collect<B>(body: B, capacity: usize, limit: usize) -> Result<Vec<u8>, RegistrationError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut bytes = Vec::with_capacity(capacity);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| refuse(error.into()))?;
        // Trailers have no meaning here.
        let Ok(mut data) = frame.into_data() else { continue };
        if data.remaining() > limit - bytes.len() {
            return Err(RegistrationError::new(RegistrationErrorKind::BodyTooLarge));
        }
        // The frame is copied and dropped. A frame of one byte may hold the whole read buffer that it is a part of, so
        // a collection of frames could take many times the limit.
        grow(&mut bytes, data.remaining(), limit);
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(bytes)
}

/// Reserves memory for more bytes. The capacity doubles, so that many small frames do not copy the buffer each time,
/// and never exceeds the limit.
fn grow(bytes: &mut Vec<u8>, more: usize, limit: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let capacity = (2 * bytes.capacity()).clamp(needed, limit);
        bytes.reserve_exact(capacity - bytes.len());
    }
}

/// The declared length of the body. Several values must all be the same number
/// ([RFC 9110 §8.6](https://www.rfc-editor.org/rfc/rfc9110#section-8.6)). A server such as hyper checks it before; a
/// test service or another server may not.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, RegistrationError> {
    let mut declared = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for number in value.as_bytes().split(|byte| *byte == b',') {
            // Different values are how request smuggling begins: a proxy may have used one and this server the other.
            let number = decimal(number.trim_ascii());
            if number.is_none() || declared.is_some_and(|declared| Some(declared) != number) {
                return Err(RegistrationError::new(RegistrationErrorKind::InvalidContentLength));
            }
            declared = number;
        }
    }
    Ok(declared)
}

/// A number of decimal digits alone. A number that does not fit is `u64::MAX`, which is above every limit.
fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let add = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    is_number.then(|| digits.iter().fold(0, add))
}

/// The declared media type, if it is accepted, its character encoding is UTF-8, and there is no content coding. A
/// repeated `Content-Type` is refused, since another server may read the other value. A compressed body is refused as
/// well: a small body could expand to many times the limit.
fn media_type(headers: &HeaderMap, accepted: &[MediaType]) -> Option<MediaType> {
    let identity =
        headers.get_all(CONTENT_ENCODING).iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(declared), None) = (types.next().and_then(|value| value.to_str().ok()), types.next()) else {
        return None;
    };
    let mut parts = parts(declared).map(str::trim);
    let essence = parts.next()?;
    let media_type = accepted.iter().find(|media_type| media_type.name().eq_ignore_ascii_case(essence));
    media_type.copied().filter(|_| identity && parts.all(is_harmless))
}

/// A media type and its parameters. A semicolon inside of a quoted value separates nothing
/// ([RFC 9110 §5.6.6](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.6)).
fn parts(declared: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    declared.split(move |character| {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        character == ';' && !is_quoted
    })
}

/// The names of UTF-8, and US-ASCII, a part of it, which older libraries declare (M1).
const CHARSETS: [&str; 3] = ["utf-8", "utf8", "us-ascii"];

/// Whether a parameter of the media type leaves the meaning of the body unchanged. Only `charset` could change it.
/// Other parameters are ignored, since JSON defines none
/// ([RFC 8259 §11](https://www.rfc-editor.org/rfc/rfc8259#section-11)).
fn is_harmless(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return true };
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    !name.trim().eq_ignore_ascii_case("charset") || CHARSETS.iter().any(|known| known.eq_ignore_ascii_case(unquoted))
}

/// The refusal of a body that could not be read: 413 if a layer around this one limits its length, otherwise 400.
/// Such a layer wraps the body, and its error may be the source of another one, so the whole chain of sources is
/// searched.
fn refuse(error: BoxError) -> RegistrationError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return RegistrationError::new(RegistrationErrorKind::BodyTooLarge);
        }
        cause = error.source();
    }
    RegistrationError::new(RegistrationErrorKind::IncompleteBody).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_content_length_has_one_reading() {
        type Row = (&'static [&'static str], Result<Option<u64>, RegistrationErrorKind>);
        let invalid = Err(RegistrationErrorKind::InvalidContentLength);
        let rows: &[Row] = &[
            (&[], Ok(None)),
            (&["0"], Ok(Some(0))),
            (&["65537"], Ok(Some(65_537))),
            (&["007"], Ok(Some(7))),
            (&["5", "5"], Ok(Some(5))),
            (&["5, 5"], Ok(Some(5))),
            (&["1099511627776"], Ok(Some(1 << 40))),
            (&["18446744073709551616"], Ok(Some(u64::MAX))),
            (&["99999999999999999999999999"], Ok(Some(u64::MAX))),
            (&["5", "6"], invalid),
            (&["5,6"], invalid),
            (&["5,"], invalid),
            (&[""], invalid),
            (&["+5"], invalid),
            (&["-5"], invalid),
            (&["5.0"], invalid),
            (&["5 5"], invalid),
            (&["0x5"], invalid),
            (&["five"], invalid),
        ];
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in *values {
                headers.append(CONTENT_LENGTH, value.parse().unwrap());
            }
            assert_eq!(content_length(&headers).map_err(|error| error.kind()), *expected, "{values:?}");
        }
    }

    #[test]
    fn the_buffer_grows_in_steps_and_never_above_the_limit() {
        for limit in [1, 5, 4096, 65_536, 100_000] {
            let (mut bytes, mut steps) = (Vec::new(), 0);
            while bytes.len() < limit {
                let before = bytes.capacity();
                grow(&mut bytes, 1, limit);
                bytes.push(0);
                steps += usize::from(bytes.capacity() != before);
                assert!(bytes.capacity() <= limit, "{limit}");
            }
            assert!(steps <= 18, "{limit}: {steps} steps");
        }
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        let rows: &[(&[&str], &[&str], bool)] = &[
            (&["application/json"], &[], true),
            (&["Application/JSON; charset=UTF-8"], &[], true),
            (&["application/json;charset=\"utf-8\""], &["identity"], true),
            (&["application/json; profile=x;"], &[], true),
            (&["application/json; charset=US-ASCII"], &[], true),
            (&["application/json; charset = \"UTF8\""], &[], true),
            (&["application/json; charset=utf-8; charset=us-ascii"], &[], true),
            (&["application/json; profile=\"a;charset=utf-16\"; charset=utf-8"], &[], true),
            (&["application/json; profile=\"a\\\";charset=utf-16\""], &[], true),
            (&["application/json; profile=\"a\\\"\";charset=utf-16"], &[], false),
            (&["application/json; charset=utf-16"], &[], false),
            (&["application/json; charset=utf-8; charset=utf-16"], &[], false),
            (&["application/json; charset=iso-8859-1"], &[], false),
            (&["application/json; charset=\"utf-8"], &[], false),
            (&["application/json; charset=ascii"], &[], false),
            (&["application/json; charset="], &[], false),
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
