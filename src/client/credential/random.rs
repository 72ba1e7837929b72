//! Random text for credentials, from the operating system's generator.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::{ClientId, ClientSecret, RegistrationAccessToken};
use crate::error::{RegistrationError, RegistrationErrorKind};

/// Everything that a registration issues, from one draw of random bytes.
pub(crate) struct NewCredentials {
    pub(crate) id: ClientId,
    pub(crate) secret: ClientSecret,
    pub(crate) token: RegistrationAccessToken,
}

impl NewCredentials {
    pub(crate) fn generate() -> Result<Self, RegistrationError> {
        let sizes = [ClientId::RANDOM_BYTES, ClientSecret::RANDOM_BYTES, RegistrationAccessToken::RANDOM_BYTES];
        let [id, secret, token] = texts(sizes)?;
        Ok(Self {
            id: ClientId(id.as_str().into()),
            secret: ClientSecret::new(&*secret),
            token: RegistrationAccessToken::new(&*token),
        })
    }
}

/// Fills a buffer with random bytes.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), RegistrationError> {
    SysRng
        .try_fill_bytes(bytes)
        .map_err(|error| RegistrationError::new(RegistrationErrorKind::Internal).caused_by(error))
}

/// A random text of so many bytes as base64url, 4 characters for every 3 bytes.
pub(super) fn text(size: usize) -> Result<Zeroizing<String>, RegistrationError> {
    texts([size]).map(|[text]| text)
}

/// Several random texts from one draw. When one of them begins with `-` all are drawn again, because a command line
/// would take it for an option. That costs a credential less than 0.03 bits.
fn texts<const N: usize>(sizes: [usize; N]) -> Result<[Zeroizing<String>; N], RegistrationError> {
    let mut bytes = Zeroizing::new(vec![0; sizes.iter().sum()]);
    loop {
        fill(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let texts = sizes.map(|size| {
            let (bytes, others) = rest.split_at(size);
            rest = others;
            Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes))
        });
        if texts.iter().all(|text| !text.starts_with('-')) {
            return Ok(texts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::client::credential::InitialAccessToken;

    #[test]
    fn no_credential_begins_with_a_hyphen() {
        type Generate = fn() -> String;
        let rows: [(&str, Generate); 7] = [
            ("client identifier", || ClientId::generate().unwrap().to_string()),
            ("client secret", || ClientSecret::generate().unwrap().expose().to_owned()),
            ("registration access token", || RegistrationAccessToken::generate().unwrap().expose().to_owned()),
            ("initial access token", || InitialAccessToken::generate().unwrap().expose().to_owned()),
            ("identifier of a registration", || NewCredentials::generate().unwrap().id.to_string()),
            ("secret of a registration", || NewCredentials::generate().unwrap().secret.expose().to_owned()),
            ("token of a registration", || NewCredentials::generate().unwrap().token.expose().to_owned()),
        ];
        // One in 64 would, so 2000 of them without one are no accident.
        for (name, generate) in rows {
            let hyphens = (0..2000).filter(|_| generate().starts_with('-')).count();
            assert_eq!(hyphens, 0, "{name}");
        }
    }

    #[test]
    fn the_credentials_of_a_registration_have_nothing_in_common() {
        let credentials = NewCredentials::generate().unwrap();
        let (id, secret, token) = (credentials.id.as_str(), credentials.secret.expose(), credentials.token.expose());
        assert_eq!((id.len(), secret.len(), token.len()), (24, 64, 43));
        let parts =
            |text: &str| -> Vec<String> { (0..=text.len() - 8).map(|at| text[at..at + 8].to_owned()).collect() };
        let parts: Vec<String> = [id, secret, token].into_iter().flat_map(parts).collect();
        assert_eq!(HashSet::<&String>::from_iter(&parts).len(), parts.len());
    }
}
