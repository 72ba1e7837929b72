//! Records that lose something on the way into the store.

use serde_json::Value;
use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::store::record::{decode_client, decode_token, encode_client, encode_token};
use tower_dcr::{Client, StoreError};

use super::{Broken, Fault, complaint};

impl Broken {
    /// The client as the fault writes it.
    pub(super) fn written(&self, client: &Client) -> Result<Client, StoreError> {
        match self.fault {
            Fault::RecordForgets(member) => edited(client, |record| put(record, member, None)),
            Fault::RecordsAreShort if encode_client(client).len() >= 1 << 15 => {
                Err(StoreError::unavailable("the value is too long for its column"))
            }
            Fault::TextIsAscii => edited(client, |record| {
                let ascii = record.to_string().replace(|c: char| !c.is_ascii(), "?");
                *record = serde_json::from_str(&ascii).unwrap();
            }),
            Fault::TimesAreSeconds => edited(client, |record| {
                for member in ["/client/issued_at", "/client/last_used"] {
                    let millis = record.pointer(member).and_then(Value::as_i64);
                    put(record, member, millis.map(|millis| (millis / 1000 * 1000).into()));
                }
            }),
            _ => Ok(client.clone()),
        }
    }

    /// The token as the fault writes it.
    pub(super) fn written_token(
        &self,
        token: &InitialAccessTokenRecord,
    ) -> Result<InitialAccessTokenRecord, StoreError> {
        match self.fault {
            Fault::RecordForgets(member) => token_without(token, member),
            _ => Ok(token.clone()),
        }
    }
}

/// The client with another revision.
pub(super) fn at_revision(client: &Client, revision: u64) -> Result<Client, StoreError> {
    edited(client, |record| put(record, "/client/revision", Some(revision.into())))
}

/// The client when it is disabled.
pub(super) fn disabled(client: &Client) -> Result<Client, StoreError> {
    edited(client, |record| put(record, "/client/status", Some("disabled".into())))
}

/// The client with a member that is still what it was in another.
pub(super) fn with_member_of(stored: &Client, client: &Client, member: &str) -> Result<Client, StoreError> {
    let stored: Value = serde_json::from_slice(&encode_client(stored)).unwrap();
    edited(client, |record| put(record, member, stored.pointer(member).cloned()))
}

/// The token without a member of its record.
pub(super) fn token_without(
    token: &InitialAccessTokenRecord,
    member: &str,
) -> Result<InitialAccessTokenRecord, StoreError> {
    let mut record = serde_json::from_slice(&encode_token(token)).unwrap();
    put(&mut record, member, None);
    decode_token(record.to_string().as_bytes())
}

fn edited(client: &Client, edit: impl FnOnce(&mut Value)) -> Result<Client, StoreError> {
    let mut record = serde_json::from_slice(&encode_client(client)).unwrap();
    edit(&mut record);
    decode_client(record.to_string().as_bytes())
}

fn put(record: &mut Value, member: &str, value: Option<Value>) {
    let (parent, name) = member.rsplit_once('/').expect("a pointer to a member");
    let Some(parent) = record.pointer_mut(parent).and_then(Value::as_object_mut) else { return };
    match value {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_member_that_is_forgotten_is_caught() {
    let (client, token) = ("every_field_of_a_client_comes_back", "every_field_of_a_token_comes_back");
    let rows = [
        (client, "/client/last_used", "the last use"),
        (client, "/client/owner", "the owner"),
        (client, "/client/constraints", "the constraints"),
        (client, "/client/constraints/software_id", "the constraints"),
        (client, "/client/fingerprint", "the fingerprint"),
        (client, "/client/network", "the network"),
        (client, "/client/secret", "whether open has a secret"),
        (client, "/client/secret/sealed", "the secret"),
        (client, "/client/secret/expires_at", "the secret"),
        (client, "/client/token", "whether open has a registration access token"),
        (client, "/client/token/previous", "the registration access token"),
        (client, "/client/token/between", "the registration access token"),
        (client, "/metadata/redirect_uris", "the metadata"),
        (token, "/token/expires_at", "the end"),
        (token, "/token/uses_left", "the uses"),
        (token, "/token/owner", "the owner"),
        (token, "/token/constraints", "the constraints"),
    ];
    for (check, member, says) in rows {
        let complaint = complaint(Fault::RecordForgets(member), check).await.expect(member);
        assert!(complaint.contains(says), "the complaint about {member} is: {complaint}");
    }
}
