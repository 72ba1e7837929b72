//! The value of a client in Redis: a line for the scripts, which read no JSON, and the record.
//!
//! The line is in the value itself and not in a key of its own, so one command reads and writes both. It has the last
//! use, the rows in the index, the revision, and the digests of the registration access tokens, separated by spaces.

use std::sync::Arc;

use super::keys;
use crate::client::Client;
use crate::error::StoreError;
use crate::store::record;

/// The line has everything that a script needs to know: the rows, so that a client is removed with the rows that it
/// was added with; the revision, for updates; the digests, which are compared before the record is read. The last use
/// is first and of fixed length, so that recording one changes some bytes in place.
pub(super) fn write(client: &Client) -> Vec<u8> {
    let (used, rows) = (keys::last_use(client), keys::rows(client).join(" "));
    let token = client.token.as_ref();
    let tokens = token.into_iter().flat_map(|token| token.earlier.iter().chain([&token.current]));
    let tokens = Vec::from_iter(tokens.map(keys::hex)).join(" ");
    let tokens = if tokens.is_empty() { "-" } else { &tokens };
    let mut value = format!("{used} {rows} {} {tokens}\n", client.revision).into_bytes();
    value.extend(record::encode_client(client));
    value
}

/// The client of a value: its record with the last use of its line.
pub(super) fn read(value: &[u8]) -> Result<Arc<Client>, StoreError> {
    let mut parts = value.splitn(2, |byte| *byte == b'\n');
    let (Some(line), Some(record)) = (parts.next(), parts.next()) else {
        return Err(StoreError::unavailable("what is kept of a client has no line of its own"));
    };
    let used = line.split(|byte| *byte == b' ').next().and_then(|used| std::str::from_utf8(used).ok());
    let used = used.and_then(keys::read_last_use);
    Ok(Arc::new(record::decode_client(record)?.with_last_used(used)))
}
