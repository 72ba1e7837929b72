//! A query as the condition of a statement.
//!
//! [`Filter`] collects conditions that must all hold, and the values that they compare with. Each condition is a text
//! of this file with a placeholder; values are always bound. The text depends only on which fields are set, so a
//! database has few statements to prepare.
//!
//! The order of the conditions in the text does not change the speed, since the planner chooses the index. What matters
//! is that each condition is written as the index has it: `tenant` first, `never_used` as in the partial indexes, and
//! the cursor as a pair. A condition that is equal in meaning but written in another way would read the whole table.
//!
//! Times are compared in whole milliseconds, as the columns have them; see `bound` for the rounding.

use std::time::{Duration, SystemTime};

use super::statements::Statements;
use super::{Value, millis};
use crate::client::ClientStatus;
use crate::client::credential::ClientId;
use crate::store::{ClientQuery, IdleCutoffs, RegistrantKey};

/// Conditions that all must hold, with the values of their placeholders.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    /// What follows `WHERE`. It begins with the tenant and has `$1`, `$2` and so on as placeholders.
    pub(super) text: String,
    /// The value of `$1` is the first one. There are as many values as placeholders, in the same order.
    pub(super) values: Vec<Value<'a>>,
}

impl<'a> Filter<'a> {
    /// The clients of a tenant. It is always the first condition, as it is the first column of every index.
    pub(super) fn of(tenant: &'a [u8]) -> Self {
        Self { text: "tenant = $1".to_owned(), values: vec![Value::Bytes(Some(tenant))] }
    }

    /// Adds a condition whose only value is written `{}`.
    fn and(&mut self, condition: &str, value: Value<'a>) {
        // The placeholder is inserted, never the value: nothing that a client sent becomes a part of the SQL text.
        let place = self.place(value);
        self.text.push_str(" AND ");
        self.text.push_str(&condition.replace("{}", &place));
    }

    /// Adds a condition on a time, if there is one.
    /// All conditions on times in this file are lower bounds (`>=`) or upper bounds (`<`), for which rounding up is
    /// exact.
    fn and_at(&mut self, condition: &str, time: Option<SystemTime>) {
        if let Some(time) = time {
            self.and(condition, Value::Int(Some(bound(time))));
        }
    }

    /// Adds a value and returns its placeholder. Both databases understand `$1`.
    fn place(&mut self, value: Value<'a>) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    /// The conditions of a query, apart from pages. `ids` is the JSON of [`ids`] for its cutoffs.
    ///
    /// A list and a count of the same query share this text, so the number always belongs to what the list shows.
    pub(super) fn matching(mut self, query: &'a ClientQuery, sql: &Statements, ids: Option<&'a str>) -> Self {
        if let Some(owner) = &query.owner {
            self.and("owner = {}", Value::Bytes(Some(owner.as_bytes())));
        }
        if let Some(status) = query.status {
            self.and("status = {}", Value::Text(Some(status.as_str())));
        }
        if let Some(fingerprint) = &query.fingerprint {
            self.and("fingerprint = {}", Value::Bytes(Some(fingerprint.as_bytes())));
        }
        self.and_at("issued_at >= {}", query.issued_from);
        self.and_at("issued_at < {}", query.issued_before);
        self.and_at("last_used >= {}", query.used_from);
        self.and_at("last_used < {}", query.used_before);
        if query.never_used {
            self.text.push_str(&format!(" AND {}", sql.never_used));
        }
        match &query.idle {
            Some(cutoffs) => self.idle(cutoffs, sql, ids),
            None => self,
        }
    }

    /// The conditions under which a client is idle. `never_used` is written exactly as in the partial indexes of
    /// unused clients, or the planner would not use them.
    ///
    /// A disabled client is never idle. It is disabled by a decision of an operator, and its removal would lose the
    /// record of that decision.
    pub(super) fn idle(mut self, cutoffs: &'a IdleCutoffs, sql: &Statements, ids: Option<&'a str>) -> Self {
        self.and("status <> {}", Value::Text(Some(ClientStatus::Disabled.as_str())));
        let mut since = |time: SystemTime| self.place(Value::Int(Some(bound(time))));
        let unused = cutoffs.unused_since.map(|time| format!("{} AND issued_at < {}", sql.never_used, since(time)));
        let used = cutoffs.idle_since.map(|time| format!("last_used < {}", since(time)));
        let either = match (unused, used) {
            (Some(unused), Some(used)) => format!("({unused} OR {used})"),
            // Without a cutoff no client is idle.
            (one, other) => one.or(other).unwrap_or_else(|| "FALSE".to_owned()),
        };
        self.text.push_str(&format!(" AND {either}"));
        if let Some(ids) = ids {
            self.and(sql.ids, Value::Text(Some(ids)));
        }
        match &cutoffs.registrant {
            Some(RegistrantKey::InitialAccessToken(id)) => {
                self.and("initial_access_token = {}", Value::Bytes(Some(id.as_bytes())));
            }
            Some(RegistrantKey::Owner(owner)) => self.and("owner = {}", Value::Bytes(Some(owner.as_bytes()))),
            Some(RegistrantKey::Network(hash)) => self.and("network = {}", Value::Int(Some(hash.cast_signed()))),
            None => {}
        }
        self
    }

    /// All clients but this one.
    ///
    /// An eviction needs this: the new client is inserted before the limit is checked, and it may be idle by the
    /// cutoffs, for it was never used. It must not be evicted for its own insertion.
    pub(super) fn without(mut self, id: &'a ClientId) -> Self {
        self.and("id <> {}", Value::Text(Some(id.as_str())));
        self
    }

    /// The clients of one page, in the order of the list.
    ///
    /// The order is the time of issue and then the identifier. Neither ever changes, so a client that is there during
    /// the whole walk is shown exactly once, whatever others insert or remove between two pages.
    pub(super) fn page(mut self, query: &'a ClientQuery) -> Self {
        if let Some((issued_at, id)) = &query.after {
            let issued_at = self.place(Value::Int(Some(millis(*issued_at))));
            // A comparison of pairs uses the index; `OR` would read all clients up to the position.
            self.and(&format!("(issued_at, id) > ({issued_at}, {{}})"), Value::Text(Some(id.as_str())));
        }
        self.first(query.page_size())
    }

    /// The first clients in the order of the list.
    ///
    /// The order ends with the identifier, which is unique in a tenant. Two nodes that select the first clients at the
    /// same time therefore select the same ones, and lock them in the same order.
    pub(super) fn first(mut self, most: usize) -> Self {
        let most = self.place(Value::Int(Some(i64::try_from(most).unwrap_or(i64::MAX))));
        self.text.push_str(&format!(" ORDER BY issued_at, id LIMIT {most}"));
        self
    }
}

/// The identifiers of cutoffs as one JSON array, and so one value of the statement whatever their number. Identifiers
/// have no characters that JSON escapes.
pub(super) fn ids(cutoffs: Option<&IdleCutoffs>) -> Option<String> {
    // One value and not one placeholder for each identifier: the databases limit the number of placeholders, and each
    // number of them would be another statement to prepare.
    let ids: Vec<_> = cutoffs?.ids.as_ref()?.iter().map(|id| format!("\"{id}\"")).collect();
    Some(format!("[{}]", ids.join(",")))
}

/// The first whole millisecond that is not before a time. Stored times are whole milliseconds, so comparing with this
/// is the same as comparing with the time itself.
///
/// An example with 1 ms = 1 000 000 ns: `issued_at >= 1.5 ms` holds for the stored time 2 ms and not for 1 ms, and so
/// does `issued_at >= 2 ms`. A time that is too late for the calendar becomes the largest number.
fn bound(time: SystemTime) -> i64 {
    time.checked_add(Duration::from_nanos(999_999)).map_or(i64::MAX, millis)
}
