//! The bearer token of a request ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).

use http::header::AUTHORIZATION;

use super::RequestHead;
use crate::client::credential::is_bearer_token;
use crate::error::{RegistrationError, RegistrationErrorKind};

/// The presented token. Another scheme is ignored, and so is a token in the query or the body: URLs are logged, and the
/// body is not read before the caller is authorized.
///
/// # Errors
///
/// [`MissingCredentials`](RegistrationErrorKind::MissingCredentials) without a bearer token,
/// [`InvalidToken`](RegistrationErrorKind::InvalidToken) for text that is not a token, and
/// [`AmbiguousCredentials`](RegistrationErrorKind::AmbiguousCredentials) for more than one `Authorization` header, or for
/// another token in the query ([RFC 6750 §2](https://www.rfc-editor.org/rfc/rfc6750#section-2)).
pub(crate) fn token<'a>(request: &RequestHead<'a>) -> Result<&'a str, RegistrationError> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(|| RegistrationError::new(RegistrationErrorKind::MissingCredentials))?;
    let mut parameters = request.uri().query().unwrap_or_default().split('&');
    if values.next().is_some() || parameters.any(|parameter| parameter.starts_with("access_token=")) {
        return Err(RegistrationError::new(RegistrationErrorKind::AmbiguousCredentials));
    }
    // The name of a scheme ends at the first byte that is not a letter or digit. What follows must then be a token, so
    // `Bearer,abc` is refused as an invalid token and not treated as a missing one.
    let bytes = value.as_bytes();
    let scheme_end = bytes.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(bytes.len());
    let (scheme, token) = bytes.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(RegistrationError::new(RegistrationErrorKind::MissingCredentials));
    }
    let token = std::str::from_utf8(token).ok().map(|token| token.trim_matches(' '));
    token
        .filter(|token| is_bearer_token(token))
        .ok_or_else(|| RegistrationError::new(RegistrationErrorKind::InvalidToken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authorization_header_has_one_reading() {
        type Row = (&'static [&'static [u8]], Result<&'static str, RegistrationErrorKind>);
        let rows: &[Row] = &[
            (&[b"Bearer abc"], Ok("abc")),
            (&[b"bearer abc"], Ok("abc")),
            (&[b"BEARER a-._~+/=="], Ok("a-._~+/==")),
            (&[b"Bearer   abc "], Ok("abc")),
            (&[], Err(RegistrationErrorKind::MissingCredentials)),
            (&[b""], Err(RegistrationErrorKind::MissingCredentials)),
            (&[b"Basic YTpi"], Err(RegistrationErrorKind::MissingCredentials)),
            (&[b"DPoP abc"], Err(RegistrationErrorKind::MissingCredentials)),
            (&[b"Bearerabc"], Err(RegistrationErrorKind::MissingCredentials)),
            (&[b"Bearer"], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"Bearer "], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"Bearer  a b"], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"Bearer a,Bearer b"], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"Bearer \"abc\""], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"Bearer ="], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"bearer\xa0x"], Err(RegistrationErrorKind::InvalidToken)),
            (&[b"Bearer abc", b"Bearer abc"], Err(RegistrationErrorKind::AmbiguousCredentials)),
            (&[b"Bearer abc", b"Basic YTpi"], Err(RegistrationErrorKind::AmbiguousCredentials)),
        ];
        for (values, expected) in rows {
            let request = values.iter().fold(http::Request::get("/?a=b"), |request, value| {
                request.header(AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap())
            });
            let (request, ()) = request.body(()).unwrap().into_parts();
            let read = token(&RequestHead::of_parts(&request)).map_err(|error| error.kind());
            assert_eq!(read, *expected, "{values:?}");
        }
    }
}
