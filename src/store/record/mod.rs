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
//! - **Secrets.** Only what [`SecretStorage`](crate::credential::SecretStorage) makes safe is written: a digest, and a sealed text
//!   if there is one. A secret that is kept as text (`SecretStorage::InMemory`) comes back as its digest alone.
//! - **Times** keep their milliseconds.
//! - **What changes beside the record.** A store that keeps the last use in a column of its own puts it back with
//!   [`Client::with_last_used`].
//! - **Versions.** A record of an older version is read; the bytes of every released version are part of the tests. One
//!   of a newer version is a [`StoreError`], because an older program would lose what it does not know. The version
//!   changes only when an older program could not read a record correctly: a new member that may be missing is no reason.

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
pub const VERSION: u32 = 1;

/// The record of a client.
#[must_use]
pub fn encode_client(client: &Client) -> Vec<u8> {
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
pub fn decode_client(record: &[u8]) -> Result<Client, StoreError> {
    let ClientRecord { v, client, metadata } = parse(record)?;
    check_version(v)?;
    client.with(metadata_of(metadata)?).ok_or_else(|| unreadable("a value of the record is none"))
}

/// The record of an initial access token.
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
    #[must_use]
    pub fn with_last_used(self, last_used: Option<SystemTime>) -> Self {
        Self { last_used, ..self }
    }
}

/// The error of a record that cannot be read. It is an outage and not a missing client, so nothing is deleted for it.
fn unreadable(cause: impl Into<BoxError>) -> StoreError {
    StoreError::unavailable(cause)
}

/// Reads the JSON of a record; members that are not known are ignored.
fn parse<'a, T: Deserialize<'a>>(record: &'a [u8]) -> Result<T, StoreError> {
    serde_json::from_slice(record).map_err(unreadable)
}

fn check_version(version: u32) -> Result<(), StoreError> {
    match version {
        1..=VERSION => Ok(()),
        _ => Err(unreadable(format!("the record has version {version}, this program knows 1 to {VERSION}"))),
    }
}

/// The metadata of a record. Every member that this crate knows is read, whatever is switched on today, so metadata
/// that were accepted once stay readable.
fn metadata_of(object: Object) -> Result<ClientMetadata, StoreError> {
    let document = Document::from_object(object, KnownMembers::ALL);
    match document.violations.is_empty() {
        true => Ok(document.metadata),
        false => Err(unreadable("the metadata of the record have a member of another type")),
    }
}

/// The record of a client: version, what the server knows, and what the client said about itself.
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
