//! What is written where: the keys of a tenant, the rows of the index, and times that sort as text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::{Client, Status};
use crate::credential::{ClientId, Digest};
use crate::store::{ClientQuery, Cutoffs};

/// Sorts after every character of a row.
const LAST: char = '~';

/// The keys of one tenant. All begin with the same hash tag, so a cluster keeps them on one node and a script may use
/// several of them.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: Arc<str>,
    base: Arc<str>,
}

impl Keys {
    pub(super) fn new(prefix: &str, tenant: &str) -> Self {
        let base = format!("{{{}:{}}}:", plain(prefix, &['%', '{', '}']), plain(tenant, &['%', '{', '}', ':']));
        Self { prefix: prefix.into(), base: base.into() }
    }

    pub(super) fn for_tenant(&self, tenant: &str) -> Self {
        Self::new(&self.prefix, tenant)
    }

    /// A hash: the record of a client and what scripts look at.
    pub(super) fn client(&self, id: &str) -> String {
        format!("{}client:{id}", self.base)
    }

    /// A sorted set: the rows of all clients.
    pub(super) fn index(&self) -> String {
        format!("{}index", self.base)
    }

    /// A hash: all initial access tokens.
    pub(super) fn tokens(&self) -> String {
        format!("{}tokens", self.base)
    }

    /// A string: the end of what is remembered. The text may be long, so its digest stands for it.
    pub(super) fn remembered(&self, text: &str) -> String {
        format!("{}remembered:{}", self.base, hex(&Digest::of(text)))
    }
}

/// The text with these characters escaped, so that it can neither end the hash tag nor look like another text.
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

pub(super) fn hex(digest: &Digest) -> String {
    digest.as_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Milliseconds since 1970, rounded down, as text that sorts like the time.
pub(super) fn time(time: SystemTime) -> String {
    let millis = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => {
            i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map_or(i64::MIN, |millis| -millis)
        }
    };
    format!("{:016x}", millis.cast_unsigned() ^ (1 << 63))
}

/// The first whole millisecond that is not before a time.
fn time_from(at: SystemTime) -> String {
    time(at.checked_add(Duration::from_nanos(999_999)).unwrap_or(at))
}

/// Reads what [`time`] wrote; none for the empty text of a client that was never used.
pub(super) fn read_time(text: &str) -> Option<SystemTime> {
    let millis = (u64::from_str_radix(text, 16).ok()? ^ (1 << 63)).cast_signed();
    let apart = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH.checked_sub(apart) } else { UNIX_EPOCH.checked_add(apart) }
}

/// The place of a client in the order of the list: the time of its issue, then its identifier.
fn place(issued_at: SystemTime, id: &ClientId) -> String {
    time(issued_at) + id.as_str()
}

/// The identifier at the end of a row or place of which so many characters are before the place.
pub(super) fn id_of(row: &str, before: usize) -> Option<&str> {
    row.get(before + 16..)
}

/// The rows by which a client is found whatever its last use is.
pub(super) fn rows(client: &Client) -> String {
    let place = place(client.issued_at, &client.id);
    let mut rows = format!("i{place}");
    let mut also = |kind: String| rows.extend([" ", &kind, &place]);
    if let Some(owner) = client.owner() {
        also(owner_kind(owner));
    }
    if let Some(fingerprint) = &client.fingerprint {
        also(fingerprint_kind(fingerprint));
    }
    if client.status != Status::Active {
        also(status_kind(client.status));
    }
    rows
}

/// The place under which a client may be found idle; empty when it never is.
pub(super) fn idle_place(client: &Client) -> String {
    match client.status {
        Status::Disabled => String::new(),
        _ => place(client.issued_at, &client.id),
    }
}

fn owner_kind(owner: &str) -> String {
    format!("o{}", hex(&Digest::of(owner)))
}

fn fingerprint_kind(fingerprint: &Digest) -> String {
    format!("f{}", hex(fingerprint))
}

fn status_kind(status: Status) -> String {
    format!("s{}:", status.as_str())
}

/// Rows that follow one another in the index, as bounds for `ZRANGEBYLEX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rows {
    /// How many characters of each row are before the place.
    pub(super) before_place: usize,
    pub(super) from: String,
    pub(super) before: String,
}

impl Rows {
    fn of(kind: &str, from: Option<SystemTime>, before: Option<SystemTime>) -> Self {
        let from = from.map(time_from).unwrap_or_default();
        let before = before.map_or_else(|| LAST.to_string(), time_from);
        Self { before_place: kind.len(), from: format!("[{kind}{from}"), before: format!("({kind}{before}") }
    }

    /// The fewest rows among which all clients of a query are, in the order of the list.
    pub(super) fn around(query: &ClientQuery) -> Self {
        let status = query.status.filter(|status| *status != Status::Active);
        let kind = match (&query.fingerprint, &query.owner, status) {
            (Some(fingerprint), ..) => fingerprint_kind(fingerprint),
            (_, Some(owner), _) => owner_kind(owner),
            (.., Some(status)) => status_kind(status),
            _ => "i".to_owned(),
        };
        Self::of(&kind, query.issued_from, query.issued_before)
    }

    /// Without those up to this place. A time between two milliseconds is before all clients of the second one.
    pub(super) fn after(mut self, after: &(SystemTime, ClientId)) -> Self {
        let (issued_at, id) = after;
        let kind = &self.before[1..=self.before_place];
        let from = match time(*issued_at) == time_from(*issued_at) {
            true => format!("({kind}{}", place(*issued_at, id)),
            false => format!("[{kind}{}", time_from(*issued_at)),
        };
        // A bound is a character and a row; the later row is the narrower bound.
        if from[1..] >= self.from[1..] {
            self.from = from;
        }
        self
    }

    /// The rows of clients that are idle because they were never used, and because they were not used for long.
    pub(super) fn idle(cutoffs: &Cutoffs) -> impl Iterator<Item = Self> {
        let never = cutoffs.unused_since.map(|since| Self::of("n", None, Some(since)));
        let long_ago = cutoffs.idle_since.map(|since| Self { before_place: 17, ..Self::of("u", None, Some(since)) });
        never.into_iter().chain(long_ago)
    }
}

/// Whether [`Rows::around`] a query are exactly the clients that it selects.
pub(super) fn is_exact(query: &ClientQuery) -> bool {
    let filters = [query.owner.is_some(), query.fingerprint.is_some(), query.status.is_some()];
    let one = filters.iter().filter(|filter| **filter).count() <= 1 && query.status != Some(Status::Active);
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
            assert_eq!(read_time(text), Some(at), "{text}");
            assert_eq!(time(at + Duration::from_nanos(999_999)), *text, "rounded down");
            assert_eq!(time_from(at - Duration::from_nanos(999_999)), *text, "rounded up");
        }
        assert_eq!(read_time(""), None);
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
