//! The value of a client in Redis: a line for the scripts, which read no JSON, and the record.
//!
//! The line is in the value itself and not in a key of its own, so one command reads and writes both. It has the last
//! use, the rows in the index, the revision, and the digests of the registration access tokens, separated by spaces.
//!
//! ```text
//! 8000019a5b3c7d10 cu8000019a00000000ID o…8000019a00000000ID 3 DIGEST DIGEST
//! { the record as versioned JSON }
//! ```
//!
//! The format is stored, so it only grows at its end: `client.lua` reads the line of an earlier version too, and a
//! value that an earlier version wrote gets the new form with its next update. Of two times of last use, that of the
//! line and that of the record, the line is right, since a use changes the line alone.

use std::sync::Arc;

use super::keys;
use crate::client::Client;
use crate::error::StoreError;
use crate::store::record;

/// The line has everything that a script needs to know: the rows, so that a client is removed with the rows that it
/// was added with; the revision, for updates; the digests, which are compared before the record is read. The last use
/// is first and of fixed length, so that recording one changes some bytes in place.
///
/// Neither rows nor digests have spaces: identifiers are of the alphabet of URLs, and all other text is hashed.
pub(super) fn write(client: &Client) -> Vec<u8> {
    let (used, rows) = (keys::last_use(client), keys::rows(client).join(" "));
    let token = client.token.as_ref();
    // All valid tokens and not the current one alone: after a rotation the client may not have received the new one.
    let tokens = token.into_iter().flat_map(|token| token.earlier.iter().chain([&token.current]));
    let tokens = Vec::from_iter(tokens.map(keys::hex)).join(" ");
    // A client without tokens has a mark in their place. A line that ends after the revision is from an earlier
    // version, and then the digests are unknown, not missing.
    let tokens = if tokens.is_empty() { "-" } else { &tokens };
    let mut value = format!("{used} {rows} {} {tokens}\n", client.revision).into_bytes();
    value.extend(record::encode_client(client));
    value
}

/// The client of a value: its record with the last use of its line.
///
/// # Errors
///
/// When there is no line, or the record is damaged or of a newer version.
pub(super) fn read(value: &[u8]) -> Result<Arc<Client>, StoreError> {
    let mut parts = value.splitn(2, |byte| *byte == b'\n');
    let (Some(line), Some(record)) = (parts.next(), parts.next()) else {
        return Err(StoreError::unavailable("what is kept of a client has no line of its own"));
    };
    let used = line.split(|byte| *byte == b' ').next().and_then(|used| std::str::from_utf8(used).ok());
    let used = used.and_then(keys::read_last_use);
    Ok(Arc::new(record::decode_client(record)?.with_last_used(used)))
}
