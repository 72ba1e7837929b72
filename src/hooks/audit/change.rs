//! What is different about a client, member by member.
//!
//! An operator who investigates a client needs to see which members an update changed. Values are compared in the
//! form in which they are returned, so a change that no client can see is no change here. Values of keys and
//! statements, and credentials, are never part of a change.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::client::Client;
use crate::protocol::metadata::ClientMetadata;

/// Members whose values are never recorded: they are large, or a reader could misuse them.
const NAME_ONLY: [&str; 2] = ["jwks", "software_statement"];

/// How a member differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It has another value now.
    Replaced,
    /// It is not there any more.
    Removed,
}

/// One member that is different afterwards.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// The name of the member, with its language tag. `client_secret` and `registration_access_token` stand here too.
    pub member: String,
    /// How it differs.
    #[serde(rename = "change")]
    pub kind: ChangeKind,
    /// The value before, if it may be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The value afterwards, if it may be recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Change {
    /// A change without values.
    fn named(member: &str, kind: ChangeKind) -> Self {
        Self { member: member.to_owned(), kind, before: None, after: None }
    }

    /// `None` where nothing differs.
    fn of(member: &str, before: Option<Value>, after: Option<Value>) -> Option<Self> {
        let kind = kind(before.is_some(), after.is_some(), before == after)?;
        let told = !NAME_ONLY.contains(&member);
        let (before, after) = (before.filter(|_| told), after.filter(|_| told));
        Some(Self { before, after, ..Self::named(member, kind) })
    }

    /// Keeps a value only while its JSON text has at most so many bytes.
    pub(super) fn bounded(self, most: usize) -> Self {
        let fits = |value: &Value| value.to_string().len() <= most;
        Self { before: self.before.filter(fits), after: self.after.filter(fits), ..self }
    }
}

/// How presence and equality of a member translate to a kind; `None` if nothing differs.
fn kind(before: bool, after: bool, same: bool) -> Option<ChangeKind> {
    match (before, after) {
        (false, true) => Some(ChangeKind::Added),
        (true, false) => Some(ChangeKind::Removed),
        (true, true) if !same => Some(ChangeKind::Replaced),
        _ => None,
    }
}

/// Every member and credential of a new client, as added.
pub(super) fn first(client: &Client) -> Vec<Change> {
    let members = object(&client.metadata).into_iter();
    let members = members.filter_map(|(member, value)| Change::of(&member, None, Some(value)));
    let credentials =
        [("client_secret", client.secret.is_some()), ("registration_access_token", client.token.is_some())];
    let credentials = credentials.into_iter().filter(|(_, present)| *present);
    members.chain(credentials.map(|(name, _)| Change::named(name, ChangeKind::Added))).collect()
}

/// What differs between two states of a client.
pub(super) fn between(before: &Client, after: &Client) -> Vec<Change> {
    let (mut old, mut new) = (object(&before.metadata), object(&after.metadata));
    let mut members: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    members.sort_unstable();
    members.dedup();
    let metadata = members.iter().filter_map(|member| Change::of(member, old.remove(member), new.remove(member)));
    metadata.chain(secret(before, after)).chain(token(before, after)).collect()
}

fn secret(before: &Client, after: &Client) -> Option<Change> {
    let same = before.secret_expires_at() == after.secret_expires_at();
    kind(before.has_secret(), after.has_secret(), same).map(|kind| Change::named("client_secret", kind))
}

fn token(before: &Client, after: &Client) -> Option<Change> {
    let (old, new) = (before.token.as_ref(), after.token.as_ref());
    let same = old.zip(new).is_some_and(|(old, new)| old.current.matches(&new.current));
    kind(old.is_some(), new.is_some(), same).map(|kind| Change::named("registration_access_token", kind))
}

/// The members as they are returned, languages apart. Empty lists are not there.
fn object(metadata: &ClientMetadata) -> Map<String, Value> {
    let mut object: Map<String, Value> = serde_json::from_str(&metadata.to_json()).unwrap_or_default();
    // A list that becomes empty is a removal for a reader, like a member that is left out.
    object.retain(|_, value| value.as_array().is_none_or(|elements| !elements.is_empty()));
    object
}
