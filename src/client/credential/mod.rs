//! Credentials of clients: identifiers, secrets and tokens, from the random generator of the operating system alone.
//!
//! Tokens are stored as SHA-256 digests. That is enough, because every credential made here holds at least 144 random
//! bits. They cannot be guessed, so a slow password hash would add cost and no security. None begins with `-`, which a
//! command line reads as an option. Secrets are wiped from memory when dropped, are compared in constant time and show
//! nothing in `Debug`. How a client secret is kept so that it can be shown again is
//! the choice of [`SecretStorage`].
//!
//! ```
//! use tower_dcr::credential::ClientSecret;
//!
//! let secret = ClientSecret::generate()?;
//! assert_eq!(secret.expose().len(), 64);
//! assert_eq!(format!("{secret:?}"), "ClientSecret(..)");
//! # Ok::<(), tower_dcr::RegistrationError>(())
//! ```

mod random;
#[cfg(feature = "sealed")]
mod sealing;
mod secrets;

pub(crate) use random::NewCredentials;
#[cfg(feature = "sealed")]
pub use sealing::SealingKeys;
pub(crate) use secrets::{SealedText, SecretOwner};
pub use secrets::{SecretStorage, StoredSecret};

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::RegistrationError;

/// A client identifier: 1 to 128 of `A-Z a-z 0-9 - _`.
///
/// Generated identifiers are 24 characters from 18 random bytes and do not begin with `-`. The alphabet needs no escape in
/// paths, in HTTP Basic credentials and in logs, and an identifier never looks like a URL
/// ([RFC 6749 §2.2](https://www.rfc-editor.org/rfc/rfc6749#section-2.2)).
///
/// ```
/// use tower_dcr::credential::ClientId;
///
/// assert_eq!(ClientId::generate()?.as_str().len(), 24);
/// assert_eq!(ClientId::parse("s6BhdRkqt3").unwrap().as_str(), "s6BhdRkqt3");
/// assert!(ClientId::parse("../admin").is_none());
/// # Ok::<(), tower_dcr::RegistrationError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(Arc<str>);

impl ClientId {
    const MAX: usize = 128;
    const RANDOM_BYTES: usize = 18;

    /// A new random identifier.
    ///
    /// # Errors
    ///
    /// When the operating system gives no random bytes.
    pub fn generate() -> Result<Self, RegistrationError> {
        random::text(Self::RANDOM_BYTES).map(|text| Self(text.as_str().into()))
    }

    /// Reads an identifier; `None` when the text is empty, longer than 128 bytes or has another character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The length is checked first: the text comes from the path of a request and may be long.
        let fits = (1..=Self::MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (fits && plain).then(|| Self(text.into()))
    }

    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// One macro for the three secrets, so that none of them can have a `Display` or a `PartialEq` by accident.
macro_rules! secret_text {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $bytes:literal) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            const RANDOM_BYTES: usize = $bytes;

            /// A new random value.
            ///
            /// # Errors
            ///
            /// When the operating system gives no random bytes.
            pub fn generate() -> Result<Self, RegistrationError> {
                let random = random::text(Self::RANDOM_BYTES)?;
                Ok(Self::new(format!(concat!($prefix, "{}"), *random)))
            }

            /// Takes a value that exists, for instance from a request.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Zeroizing::new(text.into()))
            }

            /// The text itself; it must not reach logs.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// The digest, which is what a store keeps.
            #[must_use]
            pub fn digest(&self) -> Digest {
                Digest::of(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret_text! {
    /// A client secret: 64 base64url characters from 48 random bytes, long enough for HS512
    /// ([OpenID Connect Core §16.19](https://openid.net/specs/openid-connect-core-1_0.html#SymmetricKeyEntropy)).
    ClientSecret, "", 48
}

secret_text! {
    /// A registration access token: 43 base64url characters from 32 random bytes
    /// ([RFC 7592 §1.2](https://www.rfc-editor.org/rfc/rfc7592#section-1.2)).
    RegistrationAccessToken, "", 32
}

secret_text! {
    /// An initial access token: `dcr_iat_` and 43 base64url characters from 32 random bytes, so that scanners for
    /// leaked secrets recognize it
    /// ([RFC 7591 §1.2](https://www.rfc-editor.org/rfc/rfc7591#section-1.2)).
    InitialAccessToken, "dcr_iat_", 32
}

/// The SHA-256 digest of a credential. It has no `PartialEq`: [`matches`](Self::matches) compares in constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a presented credential.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// The digest from its 32 bytes, as a store returns them.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest, for a store.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest as 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both are digests of the same text, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digest(..)")
    }
}

/// Whether a text has the syntax `b64token` of a bearer token: letters, digits and `- . _ ~ + /`, then any number of `=`
/// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
pub(crate) fn is_bearer_token(text: &str) -> bool {
    // Equals signs stand at the end only; inside the token they are another character that is refused.
    let token = text.trim_end_matches('=');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !token.is_empty() && token.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_credential_shows_in_debug_output() {
        let secret = ClientSecret::generate().unwrap();
        let token = RegistrationAccessToken::generate().unwrap();
        let initial = InitialAccessToken::generate().unwrap();
        let shown = format!("{secret:?} {token:?} {initial:?} {:?}", token.digest());
        for text in [secret.expose(), token.expose(), initial.expose()] {
            assert!(!shown.contains(text), "{shown}");
        }
    }

    #[test]
    fn credentials_have_the_promised_shape() {
        let cases = [
            ("client secret", ClientSecret::generate().unwrap().expose().to_owned(), 64),
            ("registration access token", RegistrationAccessToken::generate().unwrap().expose().to_owned(), 43),
            ("initial access token", InitialAccessToken::generate().unwrap().expose().to_owned(), 51),
            ("client identifier", ClientId::generate().unwrap().to_string(), 24),
        ];
        for (name, text, length) in cases {
            assert_eq!(text.len(), length, "{name}");
            assert!(ClientId::parse(&text).is_some(), "{name} has a character outside A-Z a-z 0-9 - _");
        }
    }

    #[test]
    fn ten_thousand_credentials_are_all_different() {
        let secrets: std::collections::HashSet<String> =
            (0..10_000).map(|_| ClientSecret::generate().unwrap().expose().to_owned()).collect();
        assert_eq!(secrets.len(), 10_000);
    }

    #[test]
    fn only_the_same_text_matches() {
        let digest = Digest::of("one");
        assert!(digest.matches(&Digest::of("one")));
        for other in ["two", "one ", "", "ONE"] {
            assert!(!digest.matches(&Digest::of(other)), "{other}");
        }
    }

    #[test]
    fn every_byte_of_a_digest_is_compared() {
        for place in 0..32 {
            let mut bytes = [7; 32];
            bytes[place] ^= 1;
            assert!(!Digest::from_bytes([7; 32]).matches(&Digest::from_bytes(bytes)), "byte {place}");
        }
    }

    #[test]
    fn a_text_that_is_not_an_identifier_is_not_read() {
        let long = "a".repeat(129);
        for text in ["", "a b", "a/b", "%2e%2e", "a\0", "é", &long] {
            assert!(ClientId::parse(text).is_none(), "{text}");
        }
    }
}
