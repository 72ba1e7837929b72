//! Client secrets under authenticated encryption: XChaCha20-Poly1305
//! ([draft-irtf-cfrg-xchacha](https://datatracker.ietf.org/doc/html/draft-irtf-cfrg-xchacha-03)), a random nonce for
//! each secret, tenant and client as associated data.
//!
//! The nonce has 24 bytes, so a random one never repeats in practice and no counter has to be stored. The associated data
//! bind a text to its owner: a row that was copied to another client does not open.

use std::fmt;
use std::sync::Arc;

use base64::DecodeError;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::secrets::unreadable;
use super::{ClientSecret, SealedText, SecretOwner, random};
use crate::error::{ConfigError, ConfigErrorKind, RegistrationError, RegistrationErrorKind};

const KEY: usize = 32;
const NONCE: usize = 24;

/// The beginning of the associated data. A text that was sealed for another purpose does not open.
const PURPOSE: &str = "tower-dcr client secret";

/// As `base64` and `openssl rand -base64 32` write it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The keys that seal client secrets. The first one seals, every one opens.
///
/// To rotate, put a new key before the old ones; drop an old one when every client was updated since, or when the
/// secrets that it sealed may be lost.
///
/// ```
/// use tower_dcr::credential::{SecretStorage, SealingKeys};
///
/// let keys = SealingKeys::parse(
///     "# head -c 32 /dev/urandom | base64
///      2026-11:q1nXl6lMpEk0cyZ8cTmTFtP8wVbYbMfTn3O4lbKXyUo=
///      2025-03:Kk8m1m8F2oKk4wJ4dYl3c3E0nq8vH3e5q0Qv1m4J9ZU=",
/// )?;
/// assert_eq!(format!("{keys:?}"), r#"SealingKeys(["2026-11", "2025-03"])"#);
/// let secrets = SecretStorage::sealed(keys);
/// # let _ = secrets;
/// # Ok::<(), tower_dcr::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SealingKeys {
    first: SealingKey,
    others: Arc<[SealingKey]>,
}

/// A key and the name by which a sealed text refers to it.
#[derive(Clone)]
struct SealingKey {
    id: Arc<str>,
    key: Arc<Zeroizing<[u8; KEY]>>,
}

impl SealingKeys {
    /// Reads keys, one on each line: a name of visible characters, a colon, and 32 bytes as base64
    /// ([RFC 4648 §4](https://www.rfc-editor.org/rfc/rfc4648#section-4)). Blank lines and lines that begin with `#` are
    /// comments. The names are stored beside the secrets; they say nothing of the keys.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::SealingKeys`] when there is no key, a line is not a key, or two keys have the same name. The error
    /// names the number of the line and never its text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut keys: Vec<SealingKey> = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // The line itself may be a key, so a message has only its number.
            let refused = |what: &str| ConfigErrorKind::SealingKeys.found(format_args!("line {}, {what}", index + 1));
            let key = SealingKey::parse(line).map_err(|cause| {
                let error = refused("which is not name:base64 of 32 bytes");
                cause.into_iter().fold(error, ConfigError::caused_by)
            })?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(refused("whose name another key has"));
            }
            keys.push(key);
        }
        let (first, others) = keys.split_first().ok_or_else(|| ConfigErrorKind::SealingKeys.found("no key"))?;
        Ok(Self { first: first.clone(), others: others.into() })
    }

    /// Encrypts a secret for its owner under the first key. The result begins with the nonce.
    pub(super) fn seal(&self, secret: &ClientSecret, owner: SecretOwner<'_>) -> Result<SealedText, RegistrationError> {
        // A new nonce for each call: two texts under one nonce would show the difference of the secrets.
        let mut nonce = [0; NONCE];
        random::fill(&mut nonce)?;
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &associated_data(owner) };
        let sealed = self.first.cipher().encrypt(&XNonce::from(nonce), payload);
        let sealed =
            sealed.map_err(|_| RegistrationError::new(RegistrationErrorKind::Internal).caused_by("sealing failed"))?;
        Ok(SealedText { key: Arc::clone(&self.first.id), sealed: [&nonce[..], &sealed].concat().into() })
    }

    /// Decrypts a secret for its owner with the key that the text names.
    pub(super) fn open(&self, text: &SealedText, owner: SecretOwner<'_>) -> Result<ClientSecret, RegistrationError> {
        let mut keys = std::iter::once(&self.first).chain(&*self.others);
        // The name decides and not a trial of all keys, so the error can say that a key is missing.
        let key = keys.find(|key| key.id == text.key);
        let key = key.ok_or_else(|| unreadable("a client secret is sealed under a key that is not given"))?;
        let opened = text.sealed.split_first_chunk::<NONCE>().and_then(|(nonce, sealed)| {
            let payload = Payload { msg: sealed, aad: &associated_data(owner) };
            let opened = Zeroizing::new(key.cipher().decrypt(&XNonce::from(*nonce), payload).ok()?);
            std::str::from_utf8(&opened).ok().map(ClientSecret::new)
        });
        opened.ok_or_else(|| unreadable("a sealed client secret does not open for its client"))
    }

    /// Whether the first key has sealed this text, so that it need not be sealed again.
    pub(super) fn are_newest_for(&self, text: &SealedText) -> bool {
        self.first.id == text.key
    }
}

impl SealingKey {
    /// Reads one line. The error is what the base64 decoder said, if the fault is there.
    fn parse(line: &str) -> Result<Self, Option<DecodeError>> {
        let (id, key) = line.split_once(':').ok_or(None)?;
        let is_named = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic());
        let bytes = Zeroizing::new(BASE64.decode(key).map_err(Some)?);
        let key = <[u8; KEY]>::try_from(bytes.as_slice()).map(Zeroizing::new).map_err(|_| None)?;
        is_named.then(|| Self { id: id.into(), key: Arc::new(key) }).ok_or(None)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&Key::from(**self.key))
    }
}

/// The associated data of an owner. Names and identifiers never contain U+0000, so no two owners have the same data.
fn associated_data(owner: SecretOwner<'_>) -> Vec<u8> {
    [PURPOSE, owner.tenant, owner.client.as_str()].join("\0").into_bytes()
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = std::iter::once(&self.first).chain(&*self.others).map(|key| &key.id).collect();
        formatter.debug_tuple("SealingKeys").field(&ids).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::credential::{ClientId, SecretStorage};

    const OLD: &str = "old:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const NEW: &str = "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn secrets(lines: &[&str]) -> SecretStorage {
        SecretStorage::sealed(SealingKeys::parse(&lines.join("\n")).unwrap())
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let secret = ClientSecret::generate().unwrap();
        let (one, other) = (ClientId::parse("one").unwrap(), ClientId::parse("other").unwrap());
        let owner = SecretOwner { tenant: "a", client: &one };
        let stored = secrets(&[NEW, OLD]).to_stored(&secret, owner).unwrap();
        let revealed = secrets(&[OLD, NEW]).reveal(&stored, owner).unwrap().unwrap();
        assert_eq!(revealed.expose(), secret.expose());
        assert!(stored.verify(secret.expose()));
        let rows = [
            ("another client", &[NEW][..], SecretOwner { client: &other, ..owner }),
            ("another tenant", &[NEW], SecretOwner { tenant: "b", ..owner }),
            ("no key of that name", &[OLD], owner),
            ("another key of that name", &["new:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="], owner),
        ];
        for (name, keys, owner) in rows {
            let error = secrets(keys).reveal(&stored, owner).unwrap_err();
            assert_eq!(error.kind(), RegistrationErrorKind::Unavailable, "{name}");
        }
    }

    /// Sealed by libsodium: a nonce of 24 bytes, the text, the tag. Existing databases must stay readable.
    #[test]
    fn a_secret_that_another_program_sealed_opens() {
        let sealed = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXDLi+pe70tPqGMsxiW15xus+AtIHi7ZcXWw4=";
        let text = SealedText { key: "new".into(), sealed: BASE64.decode(sealed).unwrap().into() };
        let id = ClientId::parse("one").unwrap();
        let owner = SecretOwner { tenant: "acme", client: &id };
        let opened = SealingKeys::parse(NEW).unwrap().open(&text, owner).unwrap();
        assert_eq!(opened.expose(), "the secret");
    }

    #[test]
    fn two_seals_of_one_secret_differ_and_hold_no_text() {
        let (secret, id) = (ClientSecret::new("the secret that is sealed"), ClientId::parse("one").unwrap());
        let owner = SecretOwner { tenant: "", client: &id };
        let seal = || secrets(&[NEW]).to_stored(&secret, owner).unwrap().sealed().unwrap().clone();
        let (first, second) = (seal(), seal());
        assert_ne!(first.sealed, second.sealed);
        let text = secret.expose().as_bytes();
        assert!(!first.sealed.windows(text.len()).any(|window| window == text));
        let shown = format!("{first:?}");
        assert!(shown.contains("new") && !shown.contains("sealed:"), "{shown}");
    }

    #[test]
    fn every_changed_bit_is_detected() {
        let (secret, id) = (ClientSecret::new("s"), ClientId::parse("one").unwrap());
        let owner = SecretOwner { tenant: "", client: &id };
        let keys = SealingKeys::parse(NEW).unwrap();
        let text = keys.seal(&secret, owner).unwrap();
        for bit in 0..text.sealed.len() * 8 {
            let mut sealed = text.sealed.to_vec();
            sealed[bit / 8] ^= 1 << (bit % 8);
            let changed = SealedText { sealed: sealed.into(), ..text.clone() };
            assert!(keys.open(&changed, owner).is_err(), "bit {bit}");
        }
        for length in 0..text.sealed.len() {
            let cut = SealedText { sealed: text.sealed[..length].into(), ..text.clone() };
            assert!(keys.open(&cut, owner).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn renewing_seals_under_the_first_key() {
        let (secret, id) = (ClientSecret::generate().unwrap(), ClientId::parse("one").unwrap());
        let owner = SecretOwner { tenant: "", client: &id };
        let stored = secrets(&[OLD]).to_stored(&secret, owner).unwrap();
        let renewed = secrets(&[NEW, OLD]).renew(&stored, owner).unwrap();
        assert_eq!(&*renewed.sealed().unwrap().key, "new");
        let again = secrets(&[NEW, OLD]).renew(&renewed, owner).unwrap();
        assert_eq!(again.sealed(), renewed.sealed(), "a text under the first key is not sealed again");
        let revealed = secrets(&[NEW]).reveal(&renewed, owner).unwrap().unwrap();
        assert_eq!(revealed.expose(), secret.expose());
        assert!(secrets(&[NEW]).renew(&stored, owner).is_err(), "a secret whose key is missing is not discarded");
        assert!(SecretStorage::hashed().renew(&stored, owner).unwrap().sealed().is_none());
    }

    #[test]
    fn a_text_that_is_not_a_list_of_keys_is_refused() {
        let rows = [
            ("nothing", ""),
            ("a comment alone", "# none yet"),
            ("no name", ":AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("no colon", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("31 bytes", "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
            ("33 bytes", "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("no base64", "a:not base64 at all"),
            ("one good and one bad line", "new:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\nbad"),
            (
                "one name twice",
                "a:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\na:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE",
            ),
        ];
        for (name, text) in rows {
            assert_eq!(SealingKeys::parse(text).unwrap_err().kind(), ConfigErrorKind::SealingKeys, "{name}");
        }
    }

    #[test]
    fn the_cause_of_a_base64_fault_is_kept() {
        use std::error::Error as _;
        for (line, has_cause) in [("a:not base64", true), ("a:AAAA", false), ("no colon", false)] {
            let error = SealingKeys::parse(line).unwrap_err();
            assert_eq!(error.source().is_some_and(|source| source.is::<DecodeError>()), has_cause, "{line}");
        }
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let shown = format!("{:?}", secrets(&[NEW, OLD]));
        assert_eq!(shown, r#"Sealed(SealingKeys(["new", "old"]))"#);
    }
}
