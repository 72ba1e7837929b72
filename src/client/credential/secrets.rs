//! How client secrets are stored.
//!
//! [RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3) has the current secret in every response to a read or
//! an update, so its text must be recoverable; but a database must not contain it in the clear. [`SecretStorage`] is the
//! choice between encryption and a digest.
//!
//! | | the stored text | responses to GET and PUT | [`Client::verify_secret`](crate::Client::verify_secret) |
//! | --- | --- | --- | --- |
//! | `InMemory` | in the clear; refused for a durable store | with the secret | by digest |
//! | `Sealed` | under XChaCha20-Poly1305 | with the secret | by digest |
//! | `Hashed` | none | without the secret | by digest |

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "sealed")]
use super::SealingKeys;
use super::{ClientId, ClientSecret, Digest};
use crate::error::{RegistrationError, RegistrationErrorKind};

/// A client secret as it is stored: a digest that verifies it and, unless only digests are kept, its text in the clear or
/// encrypted.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    digest: Digest,
    text: Text,
}

/// The text of a secret. A process that never wrote to disk may keep it in the clear.
#[derive(Clone, Debug)]
enum Text {
    NotStored,
    Plain(ClientSecret),
    Sealed(SealedText),
}

/// A text under authenticated encryption, and the name of the key that opens it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SealedText {
    pub(crate) key: Arc<str>,
    pub(crate) sealed: Arc<[u8]>,
}

impl fmt::Debug for SealedText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SealedText").field("key", &self.key).finish_non_exhaustive()
    }
}

impl StoredSecret {
    /// A secret as a durable store returns it.
    pub(crate) fn from_parts(digest: Digest, sealed: Option<SealedText>) -> Self {
        Self { digest, text: sealed.map_or(Text::NotStored, Text::Sealed) }
    }

    /// The digest, by which a store and [`verify`](Self::verify) compare.
    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What a durable store may keep of the text.
    pub(crate) fn sealed(&self) -> Option<&SealedText> {
        match &self.text {
            Text::Sealed(sealed) => Some(sealed),
            Text::NotStored | Text::Plain(_) => None,
        }
    }

    /// Whether this is the secret, in constant time.
    #[must_use]
    pub fn verify(&self, presented: &str) -> bool {
        self.digest.matches(&Digest::of(presented))
    }
}

/// The client that a secret belongs to. A sealed text opens for this client alone, so an attacker who can write to the
/// database cannot exchange the secrets of two rows.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "sealed"), expect(dead_code, reason = "only sealing binds"))]
pub(crate) struct SecretOwner<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) client: &'a ClientId,
}

/// How client secrets are stored. A durable store needs a choice between `sealed` and [`hashed`](Self::hashed).
///
/// ```
/// use tower_dcr::credential::SecretStorage;
///
/// assert!(matches!(SecretStorage::default(), SecretStorage::InMemory));
/// assert!(matches!(SecretStorage::hashed(), SecretStorage::Hashed));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum SecretStorage {
    /// In the clear, for a store in memory, whose content ends with the process.
    #[default]
    InMemory,
    /// See [`sealed`](Self::sealed).
    #[cfg(feature = "sealed")]
    Sealed(SealingKeys),
    /// See [`hashed`](Self::hashed).
    Hashed,
}

impl SecretStorage {
    /// Sealed with authenticated encryption: the first key seals, every key opens. An update of a client seals its
    /// secret afresh under the first key.
    #[cfg(feature = "sealed")]
    #[must_use]
    pub fn sealed(keys: SealingKeys) -> Self {
        Self::Sealed(keys)
    }

    /// Only as a digest. That departs from [RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3): a client
    /// receives its secret once, when the secret is created; a response to a later GET or PUT has neither `client_secret`
    /// nor `client_secret_expires_at`. A PUT that states the secret is still compared with it.
    #[must_use]
    pub fn hashed() -> Self {
        Self::Hashed
    }

    /// What is stored of a new secret.
    pub(crate) fn to_stored(
        &self,
        secret: &ClientSecret,
        #[cfg_attr(not(feature = "sealed"), expect(unused_variables, reason = "only sealing binds"))]
        owner: SecretOwner<'_>,
    ) -> Result<StoredSecret, RegistrationError> {
        let text = match self {
            Self::InMemory => Text::Plain(secret.clone()),
            #[cfg(feature = "sealed")]
            Self::Sealed(keys) => Text::Sealed(keys.seal(secret, owner)?),
            Self::Hashed => Text::NotStored,
        };
        Ok(StoredSecret { digest: secret.digest(), text })
    }

    /// The secret as it is stored with the present choice: sealed under the first key, or without its text. An update of a
    /// client calls this, so a rotation of keys reaches every client that is updated.
    pub(crate) fn renew(
        &self,
        stored: &StoredSecret,
        owner: SecretOwner<'_>,
    ) -> Result<StoredSecret, RegistrationError> {
        // A text under the first key stays as it is: an update without a rotation must not change the stored secret.
        #[cfg(feature = "sealed")]
        if let (Self::Sealed(keys), Text::Sealed(sealed)) = (self, &stored.text)
            && keys.are_newest_for(sealed)
        {
            return Ok(stored.clone());
        }
        match self.reveal(stored, owner)? {
            Some(secret) => self.to_stored(&secret, owner),
            None => Ok(StoredSecret { digest: stored.digest, text: Text::NotStored }),
        }
    }

    /// The text of a secret, if it is stored. A text that cannot be decrypted is an error of the server and never a client
    /// without a secret: a client that receives no secret would register again.
    pub(crate) fn reveal(
        &self,
        stored: &StoredSecret,
        #[cfg_attr(not(feature = "sealed"), expect(unused_variables, reason = "only sealing binds"))]
        owner: SecretOwner<'_>,
    ) -> Result<Option<ClientSecret>, RegistrationError> {
        // The choice of today wins over the stored form: after a change to digests no reply shows a secret.
        let secret = match (self, &stored.text) {
            (Self::Hashed, _) | (_, Text::NotStored) => return Ok(None),
            (_, Text::Plain(secret)) => secret.clone(),
            #[cfg(feature = "sealed")]
            (Self::Sealed(keys), Text::Sealed(sealed)) => keys.open(sealed, owner)?,
            (Self::InMemory, Text::Sealed(_)) => {
                return Err(unreadable("a client secret is sealed, but no keys are given"));
            }
        };
        // A record whose parts come from two clients, for instance after a partial restore, must not show a secret.
        match stored.digest.matches(&secret.digest()) {
            true => Ok(Some(secret)),
            false => Err(unreadable("a client secret and its digest do not belong together")),
        }
    }
}

/// The error of a secret that cannot be read: temporary, because the operator can add the missing key.
pub(super) fn unreadable(cause: &'static str) -> RegistrationError {
    RegistrationError::new(RegistrationErrorKind::Unavailable).caused_by(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ClientId {
        ClientId::parse(text).unwrap()
    }

    #[test]
    fn a_hashed_secret_verifies_and_is_never_shown() {
        let (secret, id) = (ClientSecret::generate().unwrap(), id("a"));
        let owner = SecretOwner { tenant: "", client: &id };
        let stored = SecretStorage::hashed().to_stored(&secret, owner).unwrap();
        assert!(stored.verify(secret.expose()) && !stored.verify("another"));
        assert!(SecretStorage::hashed().reveal(&stored, owner).unwrap().is_none());
        assert!(SecretStorage::InMemory.reveal(&stored, owner).unwrap().is_none());
    }

    #[test]
    fn a_change_to_hashing_removes_the_text() {
        let (secret, id) = (ClientSecret::generate().unwrap(), id("a"));
        let owner = SecretOwner { tenant: "", client: &id };
        let stored = SecretStorage::InMemory.to_stored(&secret, owner).unwrap();
        let renewed = SecretStorage::hashed().renew(&stored, owner).unwrap();
        assert!(matches!(renewed.text, Text::NotStored));
        assert!(renewed.verify(secret.expose()));
    }

    #[test]
    fn a_stored_secret_does_not_show_in_debug_output() {
        let (secret, id) = (ClientSecret::generate().unwrap(), id("a"));
        let stored = SecretStorage::InMemory.to_stored(&secret, SecretOwner { tenant: "", client: &id }).unwrap();
        assert!(!format!("{stored:?}").contains(secret.expose()));
    }
}
