//! An event that can leave the process: owned, versioned, with one JSON form.
//!
//! A record is the stable form of an event for files, queues and other processes. Programs parse it long after it was
//! written, so its members and their meaning are versioned.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use super::{AuditEvent, Change, Operation, Refusal, RequestedClient};
use crate::client::{Client, RegistrationOrigin};

/// An [`AuditEvent`] that can be kept, sent to another thread and written as JSON.
///
/// Empty members are omitted from the JSON. A new member does not change the version; a member that is removed or
/// changes its meaning does.
///
/// ```json
/// {"version":1,"time":"2026-11-25T15:31:42.123Z","operation":"update","outcome":"done","tenant":"acme",
///  "request_id":"01J9ZK","client_id":"s6BhdRkqt3","revision":2,"status":"active","origin":"initial_access_token",
///  "initial_access_token_id":"mF9B5f41","owner":"team-a","changes":[{"member":"client_name","change":"replaced"}]}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuditRecord {
    /// The version of this form: 1.
    pub version: u32,
    /// When it happened, by the registry's clock; RFC 3339 in UTC with milliseconds.
    #[serde(serialize_with = "rfc_3339")]
    pub time: SystemTime,
    /// The operation.
    pub operation: Operation,
    /// Whether it succeeded.
    pub outcome: Outcome,
    /// For which tenant; empty for the only one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// In which request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// For whom the application acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The client in question. After a refusal it is what the request named, which may not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The revision of the client after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// The status of the client after the change: `pending`, `active` or `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// The status before, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<&'static str>,
    /// The last use of the client, as far as the application reported it; only the first use is an event. As `time`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_rfc_3339")]
    pub last_used: Option<SystemTime>,
    /// How the client came to be: `open`, `initial_access_token`, `gate` or `application`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<&'static str>,
    /// The identifier of the initial access token in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_access_token_id: Option<String>,
    /// Who owns the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What is different, by the names of the members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalRecord>,
    /// The client that a refused request described; `None` if it was refused before its body was read. Not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requested: Option<RequestedClient>,
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// It is done.
    Done,
    /// It was refused, and changed nothing.
    Refused,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefusalRecord {
    /// The HTTP status of the reply.
    pub status: u16,
    /// The `error` of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The `error_description` of the reply.
    pub reason: String,
    /// What went wrong behind it; never part of the reply. That of a failed authentication begins with the
    /// [code of its cause](crate::authentication::AuthenticationCause::code).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Which rules the document breaks, and where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationRecord>,
}

/// A rule that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ViolationRecord {
    /// JSON pointer to the place.
    pub pointer: String,
    /// Stable identifier of the rule.
    pub rule: &'static str,
}

/// How much a record contains of changed members.
#[derive(Debug, Clone, Copy)]
pub(super) enum Values {
    /// Their names.
    Names,
    /// Values too, while their JSON text has at most so many bytes.
    AtMost(usize),
}

impl AuditRecord {
    /// The event with the names of changed members.
    #[must_use]
    pub fn of(event: &AuditEvent<'_>) -> Self {
        Self::with(event, Values::Names)
    }

    /// The event with the values of changed members before and after, as far as their JSON text has at most so many
    /// bytes. Names of people and their addresses may be among them. Keys, statements and credentials never are.
    #[must_use]
    pub fn with_values(event: &AuditEvent<'_>, max_bytes: usize) -> Self {
        Self::with(event, Values::AtMost(max_bytes))
    }

    pub(super) fn with(event: &AuditEvent<'_>, values: Values) -> Self {
        let most = match values {
            Values::Names => 0,
            Values::AtMost(most) => most,
        };
        Self {
            // Raised when a member disappears or changes its meaning, so that readers of old files can distinguish
            // them.
            version: 1,
            time: event.at(),
            operation: event.operation(),
            outcome: event.refusal().map_or(Outcome::Done, |_| Outcome::Refused),
            tenant: event.tenant().to_owned(),
            request_id: event.request_id().map(str::to_owned),
            actor: event.actor().map(str::to_owned),
            client_id: event.client_id().map(ToString::to_string),
            revision: event.client().map(Client::revision),
            status: event.client().map(status),
            previous_status: event.before().map(status).filter(|before| event.client().map(status) != Some(before)),
            last_used: event.client().and_then(Client::last_used),
            origin: event.origin().map(RegistrationOrigin::as_str),
            initial_access_token_id: event.initial_access_token_id().map(str::to_owned),
            owner: event.owner().map(str::to_owned),
            changes: event.changes().into_iter().map(|change| change.bounded(most)).collect(),
            refusal: event.refusal().map(RefusalRecord::of),
            requested: event.requested().cloned(),
        }
    }

    /// The record as one line of JSON, without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is a string and every number is an integer, so this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn status(client: &Client) -> &'static str {
    client.status().as_str()
}

impl RefusalRecord {
    fn of(refusal: Refusal<'_>) -> Self {
        let violations = refusal.violations().iter();
        let violations =
            violations.map(|one| ViolationRecord { pointer: one.pointer().to_owned(), rule: one.rule() }).collect();
        Self {
            status: refusal.status(),
            error: refusal.code(),
            reason: refusal.to_string(),
            cause: refusal.cause(),
            violations,
        }
    }
}

fn rfc_3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Timestamp::of(*time))
}

fn maybe_rfc_3339<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => rfc_3339(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// A time in UTC ([RFC 3339 §5.6](https://www.rfc-editor.org/rfc/rfc3339#section-5.6)).
struct Timestamp {
    days: u64,
    millis: u64,
}

impl Timestamp {
    const DAY: u64 = 24 * 60 * 60 * 1000;

    /// Times before 1970 count as its beginning.
    fn of(time: SystemTime) -> Self {
        let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        Self { days: millis / Self::DAY, millis: millis % Self::DAY }
    }

    /// Year, month and day. The year begins with March here, so that the leap day is its last
    /// ([algorithm](https://howardhinnant.github.io/date_algorithms.html#civil_from_days)).
    fn date(&self) -> (u64, u64, u64) {
        let days = self.days + 719_468;
        let (era, day) = (days / 146_097, days % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (year, day) = (year + era * 400, day - (153 * month + 2) / 5 + 1);
        if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.date();
        let (seconds, millis) = (self.millis / 1000, self.millis % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        let rows = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_001, "2024-02-29T00:00:00.001Z"),
            (1_780_000_000_123, "2026-05-28T20:26:40.123Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (millis, expected) in rows {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(Timestamp::of(time).to_string(), expected, "{millis}");
        }
        assert_eq!(Timestamp::of(UNIX_EPOCH - Duration::from_secs(1)).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
