//! Random text for credentials, from the random generator of the operating system.
//!
//! There is no generator in the process, because its state would be copied by `fork` and by a snapshot of a virtual machine.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use super::{ClientId, ClientSecret, RegistrationAccessToken};
use crate::error::{RegistrationError, RegistrationErrorKind};

/// Identifier, secret and token of a new registration. All come from one draw, which costs one system call and not three.
pub(crate) struct NewCredentials {
    pub(crate) id: ClientId,
    pub(crate) secret: ClientSecret,
    pub(crate) token: RegistrationAccessToken,
}

impl NewCredentials {
    /// New credentials. Fails when the operating system returns no random bytes.
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

/// Fills a buffer with random bytes. A failure is an internal error: a weaker generator is never used in its place.
pub(super) fn fill(bytes: &mut [u8]) -> Result<(), RegistrationError> {
    SysRng
        .try_fill_bytes(bytes)
        .map_err(|error| RegistrationError::new(RegistrationErrorKind::Internal).caused_by(error))
}

/// A random text of so many bytes as base64url, 4 characters for every 3 bytes.
pub(super) fn text(size: usize) -> Result<Zeroizing<String>, RegistrationError> {
    texts([size]).map(|[text]| text)
}

/// Several random texts from one draw. If one of them begins with `-`, all are drawn again, because a command line reads
/// such a text as an option. A credential loses less than 0.03 bits of entropy by that.
fn texts<const N: usize>(sizes: [usize; N]) -> Result<[Zeroizing<String>; N], RegistrationError> {
    let mut bytes = Zeroizing::new(vec![0; sizes.iter().sum()]);
    // A text begins with `-` once in 64 draws, so the loop ends after a few rounds.
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
        // One in 64 would begin with a hyphen, so 2000 texts without one do not happen by chance.
        for (name, generate) in rows {
            let hyphens = (0..2000).filter(|_| generate().starts_with('-')).count();
            assert_eq!(hyphens, 0, "{name}");
        }
    }

    #[test]
    fn the_credentials_of_a_registration_share_no_part() {
        let credentials = NewCredentials::generate().unwrap();
        let (id, secret, token) = (credentials.id.as_str(), credentials.secret.expose(), credentials.token.expose());
        assert_eq!((id.len(), secret.len(), token.len()), (24, 64, 43));
        let parts =
            |text: &str| -> Vec<String> { (0..=text.len() - 8).map(|at| text[at..at + 8].to_owned()).collect() };
        let parts: Vec<String> = [id, secret, token].into_iter().flat_map(parts).collect();
        assert_eq!(HashSet::<&String>::from_iter(&parts).len(), parts.len());
    }
}
