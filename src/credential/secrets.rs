//! How client secrets are kept.

use std::fmt;
use std::sync::Arc;

use super::{ClientSecret, Digest};

/// A client secret at rest: a digest that verifies it and, unless that was given up, what is needed to show it again.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    digest: Digest,
    text: Text,
}

#[derive(Clone, Debug)]
enum Text {
    Forgotten,
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
    /// A secret as a durable store gives it back.
    pub(crate) fn from_parts(digest: Digest, sealed: Option<SealedText>) -> Self {
        Self { digest, text: sealed.map_or(Text::Forgotten, Text::Sealed) }
    }

    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What a durable store may keep of the text.
    pub(crate) fn sealed(&self) -> Option<&SealedText> {
        match &self.text {
            Text::Sealed(sealed) => Some(sealed),
            Text::Forgotten | Text::Plain(_) => None,
        }
    }

    /// Whether this is the secret, in constant time.
    #[must_use]
    pub fn verify(&self, presented: &str) -> bool {
        self.digest.matches(&Digest::of(presented))
    }
}

/// How client secrets are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Secrets {
    /// As text, for a store that forgets everything when the process ends.
    InMemory,
}

impl Secrets {
    pub(crate) fn keep(&self, secret: &ClientSecret) -> StoredSecret {
        match self {
            Self::InMemory => StoredSecret { digest: secret.digest(), text: Text::Plain(secret.clone()) },
        }
    }

    pub(crate) fn reveal(&self, stored: &StoredSecret) -> Option<ClientSecret> {
        match (self, &stored.text) {
            (Self::InMemory, Text::Plain(secret)) => Some(secret.clone()),
            (Self::InMemory, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_secret_does_not_show_in_debug_output() {
        let secret = ClientSecret::generate().unwrap();
        let stored = Secrets::InMemory.keep(&secret);
        assert!(!format!("{stored:?}").contains(secret.expose()));
    }
}
