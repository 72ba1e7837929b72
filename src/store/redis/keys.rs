//! What is written where: the keys of a tenant, the rows of the index, and times that sort as text.
//!
//! # The rows
//!
//! All rows of a tenant are members of one sorted set with the score 0, which Redis orders by bytes. A row is a kind,
//! then the position of a client: its time of issue as 16 hexadecimal digits, then its identifier.
//!
//! | kind | clients |
//! | --- | --- |
//! | `cd`, `cn`, `cu` | every client has one of these: disabled, never used, or used |
//! | `u` and a time | used clients, by their last use |
//! | `p` | clients that wait for approval |
//! | `o` and a digest | clients of an owner |
//! | `f` and a fingerprint | clients of a fingerprint |
//! | `nt`, `no`, `nw` and a hash | clients that were never used, by initial access token, owner and network |
//!
//! A query reads the kind with the fewest rows, and compares the rest of its fields with the clients themselves. The
//! number of all clients is the number of rows from `c` to `d`, so no counter can go wrong.
//!
//! # Why one sorted set
//!
//! Redis has no index of its own, so the rows are kept by the scripts, in the same step as the client. One set for all
//! kinds has one key, so each script is given one key whatever rows a client has, and a client is added to all orders
//! with one `ZADD`. A set for each owner would be as many keys as clients have owners, which a script of a cluster
//! cannot know before it reads the client.
//!
//! With the score 0 for all members `ZRANGEBYLEX` returns a range of bytes in O(log n + m), and `ZLEXCOUNT` counts one
//! in O(log n). Thus a position is found without reading the rows before it.
//!
//! # Lengths
//!
//! Times have 16 digits and digests 64, or 16 where they are short, so a position begins at a known place in each row
//! and the order of the rows of a kind is the order of the list. Only the identifier has a length that varies, and it
//! is the last part. So no separator is needed.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, ClientStatus};
use crate::store::{ClientQuery, IdleCutoffs, RegistrantKey};

/// Sorts after every character of a row.
/// As the end of a range it includes all rows that begin with the same kind.
const LAST: char = '~';
/// The last use of a client that was never used. It sorts before every time, and has its length, so the first use
/// changes bytes in place.
/// No client can have this time: it is that of the year 292 million before 1970.
const NEVER: &str = "0000000000000000";

/// Of these kinds every client has one row: disabled, never used, or neither.
/// The second letter is also what `touch` in `client.lua` changes in place, so all three have two letters.
const DISABLED: &str = "cd";
const NEW: &str = "cn";
const USED: &str = "cu";
/// The row of the last use of a client that is neither disabled nor new. The time comes before the position.
/// A disabled client has none, for it is never idle; a client that was never used has no time. The row is not in the
/// line of the client, because it changes with each use; `client.lua` builds it from the last use.
const LAST_USE: &str = "u";
/// The row of a client that waits for approval.
const PENDING: &str = "p";
/// The rows of clients that were never used, by their registrants. All of them begin with `n`, so that the first use
/// removes them.
const UNUSED_BY_TOKEN: &str = "nt";
const UNUSED_BY_OWNER: &str = "no";
const UNUSED_BY_NETWORK: &str = "nw";

/// The keys of one tenant. All begin with the same hash tag, so a cluster keeps them on one node and a script may use
/// several of them.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// The prefix as the application gave it, for the keys of another tenant.
    prefix: Arc<str>,
    /// The hash tag with its braces, and a colon.
    base: Arc<str>,
}

impl Keys {
    /// The keys of a tenant under a prefix. Braces are escaped, since they would end the hash tag, and so is the colon
    /// of a tenant, since it would look like the end of a prefix.
    pub(super) fn new(prefix: &str, tenant: &str) -> Self {
        let base = format!("{{{}:{}}}:", plain(prefix, &['%', '{', '}']), plain(tenant, &['%', '{', '}', ':']));
        Self { prefix: prefix.into(), base: base.into() }
    }

    /// The keys of another tenant under the same prefix.
    pub(super) fn for_tenant(&self, tenant: &str) -> Self {
        Self::new(&self.prefix, tenant)
    }

    /// A string: the line and the record of a client.
    /// A key of its own, because a use changes the first bytes of the value in place.
    pub(super) fn client(&self, id: &str) -> String {
        format!("{}client:{id}", self.base)
    }

    /// A sorted set: the rows of all clients.
    /// It is never without a row while a client exists, and Redis deletes it with the last row.
    pub(super) fn index(&self) -> String {
        format!("{}index", self.base)
    }

    /// A hash: all initial access tokens.
    /// One hash, because an operator lists all tokens and there are few.
    pub(super) fn tokens(&self) -> String {
        format!("{}tokens", self.base)
    }

    /// A string: until when a nonce is claimed. A nonce may be long, so its digest is the key.
    pub(super) fn remembered(&self, text: &str) -> String {
        format!("{}remembered:{}", self.base, hex(&Digest::of(text)))
    }
}

/// The text with these characters escaped, so that it can neither end the hash tag nor look like another text.
/// `%` is always one of them, as otherwise a text that has `%7B` and one that has `{` would have the same keys: a
/// tenant could read the clients of another.
fn plain(text: &str, escaped: &[char]) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            character if escaped.contains(&character) => drop(write!(plain, "%{:02X}", u32::from(character))),
            character => plain.push(character),
        }
    }
    plain
}

/// A digest as text of fixed length, which no command of Redis changes.
/// Lower case only, since rows and keys are compared by their bytes.
pub(super) fn hex(digest: &Digest) -> String {
    digest.as_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Milliseconds since 1970, rounded down, as text that sorts like the time. The sign bit is inverted, so that times
/// before 1970 sort first.
pub(super) fn time(time: SystemTime) -> String {
    let millis = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(-i64::MAX, |millis| -millis)
        }
    };
    format!("{:016x}", millis.cast_unsigned() ^ (1 << 63))
}

/// The first whole millisecond that is not before a time.
/// Stored times are whole milliseconds, so a range that begins here has exactly the clients from that time on, and one
/// that ends before it has exactly those before that time.
fn time_from(at: SystemTime) -> String {
    time(at.checked_add(Duration::from_nanos(999_999)).unwrap_or(at))
}

/// The last use of a client as it is stored.
pub(super) fn last_use(client: &Client) -> String {
    client.last_used.map_or_else(|| NEVER.to_owned(), time)
}

/// Reads what [`last_use`] wrote.
/// `None` for a client that was never used, and for a time that this platform cannot represent.
pub(super) fn read_last_use(text: &str) -> Option<SystemTime> {
    if text == NEVER {
        return None;
    }
    let millis = (u64::from_str_radix(text, 16).ok()? ^ (1 << 63)).cast_signed();
    let apart = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH.checked_sub(apart) } else { UNIX_EPOCH.checked_add(apart) }
}

/// The position of a client in the order of the list.
/// Neither part ever changes, so a client keeps its position as long as it exists, and a cursor stays valid.
fn place(issued_at: SystemTime, id: &ClientId) -> String {
    time(issued_at) + id.as_str()
}

/// The identifier of a position.
/// `None` for a row that this program did not write.
pub(super) fn id_of(place: &str) -> Option<&str> {
    place.get(NEVER.len()..)
}

/// The place of a client.
pub(super) fn place_of(client: &Client) -> String {
    place(client.issued_at, &client.id)
}

/// The rows by which a client is found, apart from that of its last use. The first one says what the client is.
///
/// The first row comes first because `touch` in `client.lua` reads it from a fixed place of the line. Rows for
/// registrants exist only as long as the client was never used, since only such a client is evicted for its registrant.
pub(super) fn rows(client: &Client) -> Vec<String> {
    let kind = match (client.status, client.last_used) {
        (ClientStatus::Disabled, _) => DISABLED,
        (_, None) => NEW,
        (_, Some(_)) => USED,
    };
    // The owner, the fingerprint and the state of approval are rows of used clients too.
    let also = [
        client.owner().map(owner_kind),
        client.fingerprint.as_ref().map(fingerprint_kind),
        (client.status == ClientStatus::Pending).then(|| PENDING.to_owned()),
    ];
    let unused_by = client.registrant_keys().filter(|_| kind == NEW).map(|key| unused_kind(&key));
    let kinds = [kind.to_owned()].into_iter().chain(also.into_iter().flatten()).chain(unused_by);
    let place = place_of(client);
    kinds.map(|kind| kind + &place).collect()
}

/// The row of its last use, which moves with that.
/// An insertion adds it beside the rows of the line, where a client is restored that was used before.
pub(super) fn last_use_row(client: &Client) -> Option<String> {
    let used = client.last_used.filter(|_| client.status != ClientStatus::Disabled)?;
    Some(format!("{LAST_USE}{}{}", time(used), place_of(client)))
}

/// The kind of the rows of a registrant. A short digest is enough, because the clients that are found are compared.
fn unused_kind(key: &RegistrantKey) -> String {
    let short = |text: &str| hex(&Digest::of(text))[..16].to_owned();
    match key {
        RegistrantKey::InitialAccessToken(id) => format!("{UNUSED_BY_TOKEN}{}", short(id)),
        RegistrantKey::Owner(owner) => format!("{UNUSED_BY_OWNER}{}", short(owner)),
        RegistrantKey::Network(hash) => format!("{UNUSED_BY_NETWORK}{hash:016x}"),
    }
}

/// The kind of the rows of an owner, whose name is any text.
/// Its digest has a fixed length and no character that ends a row, so an owner cannot form the row of another one.
fn owner_kind(owner: &str) -> String {
    format!("o{}", hex(&Digest::of(owner)))
}

/// The kind of the rows of a fingerprint, which `insert.lua` and `update.lua` search to find out whether it is taken.
/// The whole digest and not a short one: the scripts compare nothing else.
pub(super) fn fingerprint_kind(fingerprint: &Digest) -> String {
    format!("f{}", hex(fingerprint))
}

/// A range of rows of one kind in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    /// What each row of the range begins with.
    kind: String,
    /// How many characters of each row are before the place.
    pub(super) before_place: usize,
    /// A bracket, and how a row goes on after the kind.
    from: String,
    /// The end, in the same form; `(` leaves the row itself out.
    before: String,
}

impl Rows {
    /// The rows of a kind between two times of issue.
    /// Without times all rows of the kind. The beginning is included and the end is not, as in a `ClientQuery`.
    fn of(kind: impl Into<String>, from: Option<SystemTime>, before: Option<SystemTime>) -> Self {
        let kind = kind.into();
        let from = from.map(time_from).unwrap_or_default();
        let before = before.map_or_else(|| LAST.to_string(), time_from);
        Self { before_place: kind.len(), kind, from: format!("[{from}"), before: format!("({before}") }
    }

    /// The fewest rows that have all clients of a query, each client once. Each part is in the order of the list.
    pub(super) fn around(query: &ClientQuery) -> Vec<Self> {
        // The order is that of the expected numbers: few clients share a fingerprint, more share an owner.
        let kinds = match (&query.fingerprint, &query.owner, query.status) {
            (Some(fingerprint), ..) => vec![fingerprint_kind(fingerprint)],
            (_, Some(owner), _) => vec![owner_kind(owner)],
            (.., Some(ClientStatus::Disabled)) => vec![DISABLED.to_owned()],
            (.., Some(ClientStatus::Pending)) => vec![PENDING.to_owned()],
            _ => [DISABLED, NEW, USED].map(str::to_owned).into(),
        };
        kinds.into_iter().map(|kind| Self::of(kind, query.issued_from, query.issued_before)).collect()
    }

    /// Skips rows up to this position. A time between two milliseconds is before all clients of the second one.
    pub(super) fn after(&mut self, after: &(SystemTime, ClientId)) {
        let (issued_at, id) = after;
        let from = match time(*issued_at) == time_from(*issued_at) {
            true => format!("({}", place(*issued_at, id)),
            false => format!("[{}", time_from(*issued_at)),
        };
        // The later beginning is the narrower bound.
        if from[1..] >= self.from[1..] {
            self.from = from;
        }
    }

    /// Skips rows up to this position, which is one of them or comes after one.
    /// This is the step from one batch to the next, where the position is later than the beginning by construction.
    pub(super) fn after_place(&mut self, place: &str) {
        self.from = format!("({place}");
    }

    /// The bounds as `ZRANGEBYLEX` takes them.
    /// The bracket stands before the whole bound, so the kind is inserted after it.
    pub(super) fn bounds(&self) -> [String; 2] {
        [&self.from, &self.before].map(|bound| format!("{}{}{}", &bound[..1], self.kind, &bound[1..]))
    }

    /// The rows of clients that are idle because they were never used, and because they were not used for long.
    /// A registrant narrows the first range alone. Clients are compared with all cutoffs after they were read, so a
    /// range that is too wide costs time and removes no wrong client.
    pub(super) fn idle(cutoffs: &IdleCutoffs) -> Vec<Self> {
        let unused = cutoffs.registrant.as_ref().map_or_else(|| NEW.to_owned(), unused_kind);
        let never = cutoffs.unused_since.map(|since| Self::of(unused, None, Some(since)));
        let long_ago = cutoffs.idle_since.map(|since| Self::of(LAST_USE, None, Some(since)));
        let long_ago = long_ago.map(|rows| Self { before_place: rows.before_place + NEVER.len(), ..rows });
        never.into_iter().chain(long_ago).collect()
    }
}

/// Whether [`Rows::around`] a query are exactly the clients that it selects.
/// Then a count needs no client, and a batch need not be larger than the page. Active clients have no kind of their
/// own: `cn` and `cu` are also those that wait for approval.
pub(super) fn is_exact(query: &ClientQuery) -> bool {
    let filters = [query.owner.is_some(), query.fingerprint.is_some(), query.status.is_some()];
    let one = filters.iter().filter(|filter| **filter).count() <= 1 && query.status != Some(ClientStatus::Active);
    let used = query.used_from.is_some() || query.used_before.is_some() || query.never_used;
    one && !used && query.idle.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text_and_come_back() {
        let second = Duration::from_secs(1);
        let times = [UNIX_EPOCH - 100 * second, UNIX_EPOCH - second / 1000, UNIX_EPOCH, UNIX_EPOCH + second / 1000];
        let texts = times.map(time);
        assert!(texts.is_sorted(), "{texts:?}");
        for (at, text) in times.into_iter().zip(&texts) {
            assert_eq!(read_last_use(text), Some(at), "{text}");
            assert_eq!(time(at + Duration::from_nanos(999_999)), *text, "rounded down");
            assert_eq!(time_from(at - Duration::from_nanos(999_999)), *text, "rounded up");
        }
        assert_eq!(read_last_use(NEVER), None);
    }

    #[test]
    fn keys_of_different_tenants_and_prefixes_differ_and_their_hash_tags_too() {
        let cases =
            [("a", ""), ("a", "b"), ("a:b", ""), ("a", "b:"), ("a", ":b"), ("a}", ""), ("a", "}"), ("a%7D", "")];
        let mut tags: Vec<_> = cases.iter().map(|(prefix, tenant)| tag(&Keys::new(prefix, tenant).index())).collect();
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), cases.len(), "{tags:?}");
    }

    /// What a cluster computes the slot of a key from: up to the first `}` after the first `{`, unless that is nothing.
    fn tag(key: &str) -> String {
        let (tag, _) = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).unwrap();
        assert!(!tag.is_empty() && key.starts_with('{'), "{key}");
        tag.to_owned()
    }

    #[test]
    fn all_keys_of_a_tenant_have_one_hash_tag() {
        let keys = Keys::new("tower-dcr", "acme}{");
        let tags = [keys.client("id"), keys.index(), keys.tokens(), keys.remembered("{jti}")].map(|key| tag(&key));
        assert_eq!(tags, [tags[0].clone(), tags[0].clone(), tags[0].clone(), tags[0].clone()]);
    }
}
