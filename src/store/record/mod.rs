//! Clients and initial access tokens as bytes, for stores that outlive the process.
//!
//! A store keeps these bytes as they are, beside the few values that it selects and orders by. They are JSON with a
//! version, and what a client said about itself stands in them as it stood on the wire. Reading applies no rule of
//! today's policy, so a stricter one never makes a client unreadable that was accepted before.
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::{MemoryStore, record};
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! let registered = registry.register(metadata).await?;
//!
//! let bytes = record::encode_client(registered.client());
//! let client = record::decode_client(&bytes)?;
//! assert_eq!(client.id(), registered.client().id());
//! assert!(client.verify_secret(registered.client_secret().unwrap().expose(), registry.now()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a store must know
//!
//! - **Secrets.** Only what [`SecretStorage`](crate::credential::SecretStorage) makes safe is written: a digest, and a
//!   sealed text if there is one. A secret that is kept as text (`SecretStorage::InMemory`) comes back as its digest alone.
//! - **Times** keep their milliseconds.
//! - **What changes beside the record.** A store that keeps the last use in a column of its own puts it back with
//!   [`Client::with_last_used`].
//! - **Versions.** A record of an older version is read; the bytes of every released version are part of the tests. One
//!   of a newer version is a [`StoreError`], because an older program would lose what it does not know. The version
//!   changes only when an older program could not read a record correctly: a new member that may be missing is no reason.
//!
//! # The format
//!
//! A record is one JSON object. The record of a client has `v`, `client` and `metadata`; the record of an initial
//! access token has `v` and `token`. `v` is the version, a number. `client` and `token` are what the server knows:
//! times are numbers of milliseconds since 1970, digests and sealed texts are base64url without padding ([RFC 4648
//! §5](https://www.rfc-editor.org/rfc/rfc4648#section-5)), and a member without a value is left out. `metadata` is the
//! object of [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2), with every member that the client
//! registered.
//!
//! A record has no text of a credential. A backup of a database is therefore not enough to act as a client; it is
//! still personal data, because metadata has names and addresses.

mod state;

use std::time::SystemTime;

use serde::Deserialize;

use self::state::{ClientState, TokenState};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::error::{BoxError, StoreError};
use crate::protocol::json::{Object, ObjectWriter};
use crate::protocol::metadata::{ClientMetadata, Document, KnownMembers};

/// The version that is written.
///
/// A store that is opened by an older program may have records of a newer version. Upgrade all nodes before one of
/// them writes a new version.
pub const VERSION: u32 = 1;

/// The record of a client.
///
/// The bytes are UTF-8, and control characters in them are escaped, so a text column and a binary one can both store
/// them. The size is that of the metadata and a few hundred bytes more.
#[must_use]
pub fn encode_client(client: &Client) -> Vec<u8> {
    // Written member by member: the metadata are streamed into the record and not copied into a JSON tree first.
    let mut record = ObjectWriter::new();
    record.member("v", &VERSION);
    record.member("client", &ClientState::of(client));
    record.object("metadata", |object| client.metadata.write(object));
    record.finish()
}

/// The client of a record, exactly as it was encoded.
///
/// # Errors
///
/// [`StoreError::unavailable`] when the bytes are no record of a client, or one of a newer version.
///
/// No rule of the policy is applied: a client that was registered under an earlier policy must be able to log in and
/// to correct its metadata.
pub fn decode_client(record: &[u8]) -> Result<Client, StoreError> {
    let ClientRecord { v, client, metadata } = parse(record)?;
    check_version(v)?;
    client.with(metadata_of(metadata)?).ok_or_else(|| unreadable("a value of the record is none"))
}

/// The record of an initial access token.
///
/// The text of the token is not part of the record; the digest is enough to find and to verify it.
#[must_use]
pub fn encode_token(token: &InitialAccessTokenRecord) -> Vec<u8> {
    let mut record = ObjectWriter::new();
    record.member("v", &VERSION);
    record.member("token", &TokenState::of(token));
    record.finish()
}

/// The initial access token of a record, exactly as it was encoded.
///
/// # Errors
///
/// [`StoreError::unavailable`] when the bytes are no record of an initial access token, or one of a newer version.
pub fn decode_token(record: &[u8]) -> Result<InitialAccessTokenRecord, StoreError> {
    let TokenRecord { v, token } = parse(record)?;
    check_version(v)?;
    token.into_token().ok_or_else(|| unreadable("a value of the record is none"))
}

impl Client {
    /// The same client with another last use, for a store that keeps it beside the record.
    ///
    /// A use is recorded far more often than a client is changed, so most stores write it to a column and leave the
    /// record as it is. The value in the record is then out of date, and this replaces it after decoding.
    #[must_use]
    pub fn with_last_used(self, last_used: Option<SystemTime>) -> Self {
        Self { last_used, ..self }
    }
}

/// The error of a record that cannot be read. It is an outage and not a missing client, so nothing is deleted for it.
///
/// The registry answers with 503 and the operator finds the cause in the log. If the client were reported as unknown,
/// it would register again, and its first registration would be lost.
fn unreadable(cause: impl Into<BoxError>) -> StoreError {
    StoreError::unavailable(cause)
}

/// Reads the JSON of a record; members that are not known are ignored.
///
/// Unknown members come from a later program with the same version, which may add members that an older one can do
/// without.
fn parse<'a, T: Deserialize<'a>>(record: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(record).map_err(unreadable)
}

/// Refuses a version that this program does not know: it could lose values when it writes the record back.
fn check_version(version: u32) -> Result<(), StoreError> {
    // Version 0 was never written. It is a sign of damage and no older format.
    match version {
        1..=VERSION => Ok(()),
        _ => Err(unreadable(format!("the record has version {version}, this program knows 1 to {VERSION}"))),
    }
}

/// The metadata of a record. Every member that this crate knows is read, whatever is switched on today, so metadata
/// that were accepted once stay readable.
fn metadata_of(object: Object) -> Result<ClientMetadata, StoreError> {
    let document = Document::from_object(object, KnownMembers::ALL);
    // A violation here is a member of another JSON type, which this program never writes. Rules of the policy are
    // checked elsewhere.
    match document.violations.is_empty() {
        true => Ok(document.metadata),
        false => Err(unreadable("the metadata of the record have a member of another type")),
    }
}

/// The record of a client: version, what the server knows, and what the client said about itself.
///
/// The metadata are kept apart, since a member of theirs may have the same name as one of the server.
#[derive(Deserialize)]
struct ClientRecord {
    v: u32,
    client: ClientState,
    metadata: Object,
}

/// The record of an initial access token.
#[derive(Deserialize)]
struct TokenRecord {
    v: u32,
    token: TokenState,
}
