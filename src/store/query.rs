//! Which clients a call selects: by their values, and by when they are idle.
//!
//! [`ClientQuery`] and [`IdleCutoffs`] are plain data with public fields, so a database can turn each field into a
//! condition of its own. [`matches`](ClientQuery::matches), [`selects`](ClientQuery::selects) and
//! [`is_idle`](IdleCutoffs::is_idle) say in code what the fields mean; a store in memory uses them directly, and the
//! contract suite compares every other store with them.
//!
//! The order of a list is the time of issue and then the bytes of the identifier. Neither of them changes in the life
//! of a client, so a position in the list stays valid whatever is updated, inserted or removed between two pages.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::credential::{ClientId, Digest};
use crate::client::{Client, ClientStatus, RegistrantKey};

/// Which clients to list or to count. Every field that is set must hold.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_dcr::ClientStatus;
/// use tower_dcr::store::ClientQuery;
///
/// let last_week = SystemTime::now() - Duration::from_secs(7 * 24 * 3600);
/// let stale = ClientQuery::new().with_status(ClientStatus::Pending).with_issued_before(last_week).with_limit(20);
/// assert_eq!(stale.page_size(), 20);
/// ```
///
/// Fields that are not set select everything. Times of "from" fields are included and those of "before" fields are
/// not, so neighbouring periods share no client and leave out none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ClientQuery {
    /// Only those of this owner.
    pub owner: Option<Arc<str>>,
    /// Only those with this status.
    pub status: Option<ClientStatus>,
    /// Only those issued at this time or later.
    pub issued_from: Option<SystemTime>,
    /// Only those issued before this time.
    pub issued_before: Option<SystemTime>,
    /// Only those last used at this time or later.
    pub used_from: Option<SystemTime>,
    /// Only those whose last use was before this time; no client that was never used.
    pub used_before: Option<SystemTime>,
    /// Only those that were never used.
    pub never_used: bool,
    /// Only those with this fingerprint.
    pub fingerprint: Option<Digest>,
    /// Only those that are idle by these cutoffs.
    pub idle: Option<IdleCutoffs>,
    /// Only those after this position in the order of the list, which is that of the last client of the page before. A
    /// count ignores it.
    pub after: Option<(SystemTime, ClientId)>,
    /// At most so many. Default: 100. A count ignores it.
    pub limit: Option<usize>,
}

impl ClientQuery {
    /// The size of a page for a query without a limit.
    const LIMIT: usize = 100;

    /// The first page of all clients.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many clients.
    ///
    /// A page may have fewer clients only at the end of the list. 0 gives an empty list, and `usize::MAX` all clients,
    /// which an application with many of them should not ask for.
    #[must_use]
    pub fn with_limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Only clients of this owner.
    ///
    /// Compared byte by byte. There is no filter for clients without an owner.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Arc<str>>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Only clients with this status.
    #[must_use]
    pub fn with_status(mut self, status: ClientStatus) -> Self {
        self.status = Some(status);
        self
    }

    /// Only clients issued at this time or later.
    ///
    /// Together with [`with_issued_before`](Self::with_issued_before) a period of registration, for example one day.
    #[must_use]
    pub fn with_issued_from(mut self, time: SystemTime) -> Self {
        self.issued_from = Some(time);
        self
    }

    /// Only clients issued before this time.
    ///
    /// A client that was issued at exactly this time is not selected.
    #[must_use]
    pub fn with_issued_before(mut self, time: SystemTime) -> Self {
        self.issued_before = Some(time);
        self
    }

    /// Only clients last used at this time or later.
    ///
    /// No client that was never used, since it has no time of a last use.
    #[must_use]
    pub fn with_used_from(mut self, time: SystemTime) -> Self {
        self.used_from = Some(time);
        self
    }

    /// Only clients that were used, the last time before this one.
    ///
    /// A last use at exactly this time is not selected.
    #[must_use]
    pub fn with_used_before(mut self, time: SystemTime) -> Self {
        self.used_before = Some(time);
        self
    }

    /// Only clients that were never used.
    ///
    /// A use is what [`ClientStore::touch`](super::ClientStore::touch) recorded.
    #[must_use]
    pub fn with_never_used(mut self) -> Self {
        self.never_used = true;
        self
    }

    /// Only clients with this fingerprint.
    ///
    /// Several clients may have the same one, unless the registry demands that it is unique.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: Digest) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Only clients that are idle by these cutoffs.
    ///
    /// The same cutoffs passed to [`ClientStore::expire`](super::ClientStore::expire) would remove these clients, so
    /// this is a preview of an expiry.
    #[must_use]
    pub fn with_idle(mut self, cutoffs: IdleCutoffs) -> Self {
        self.idle = Some(cutoffs);
        self
    }

    /// The page after the one that ended with this client.
    ///
    /// The client may be removed meanwhile: its position is the cursor, and not the client itself.
    #[must_use]
    pub fn after(mut self, last: &Client) -> Self {
        self.after = Some((last.issued_at, last.id.clone()));
        self
    }

    /// The page after the one that ended with the client whose [cursor](Client::cursor) this is; `None` when the text
    /// is no cursor.
    #[must_use]
    pub fn after_cursor(mut self, cursor: &str) -> Option<Self> {
        let (nanos, id) = cursor.split_once('.')?;
        // A cursor comes from a request and may be any text. Every number that is out of range gives `None`, and never
        // a panic.
        let since = Duration::from_nanos(nanos.parse().ok()?);
        self.after = Some((UNIX_EPOCH.checked_add(since)?, ClientId::parse(id)?));
        Some(self)
    }

    /// How many clients a page has at most.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.limit.unwrap_or(Self::LIMIT)
    }

    /// Whether the query selects every client, apart from pages. A store may then answer a count from a number that it
    /// keeps.
    #[must_use]
    pub fn is_unfiltered(&self) -> bool {
        let Self { owner, status, issued_from, issued_before, used_from, used_before, never_used, .. } = self;
        // By pattern, so that a reader compares the list with the fields; `after` and `limit` belong to the page.
        let Self { fingerprint, idle, .. } = self;
        let times = [issued_from, issued_before, used_from, used_before];
        let free = owner.is_none() && status.is_none() && fingerprint.is_none() && idle.is_none();
        free && !never_used && times.iter().all(|time| time.is_none())
    }

    /// Whether the query selects this client and its position is after the page before.
    #[must_use]
    pub fn selects(&self, client: &Client) -> bool {
        // Tuples are compared as a list is ordered: first the time, then the identifier by its bytes.
        let after = |(issued_at, id): &(SystemTime, ClientId)| (client.issued_at, &client.id) > (*issued_at, id);
        self.after.as_ref().is_none_or(after) && self.matches(client)
    }

    /// Whether the query selects this client, on whatever page.
    ///
    /// This is the definition of each filter: the contract suite compares every store with it.
    #[must_use]
    pub fn matches(&self, client: &Client) -> bool {
        let used = client.last_used;
        // A fingerprint is a digest, and digests are compared in constant time everywhere, also where it is not
        // needed.
        let same = |fingerprint: &Digest| client.fingerprint.is_some_and(|known| known.matches(fingerprint));
        self.owner.as_deref().is_none_or(|owner| client.owner() == Some(owner))
            && self.status.is_none_or(|status| client.status == status)
            && self.issued_from.is_none_or(|from| client.issued_at >= from)
            && self.issued_before.is_none_or(|before| client.issued_at < before)
            && self.used_from.is_none_or(|from| used.is_some_and(|used| used >= from))
            && self.used_before.is_none_or(|before| used.is_some_and(|used| used < before))
            && !(self.never_used && used.is_some())
            && self.fingerprint.as_ref().is_none_or(same)
            && self.idle.as_ref().is_none_or(|cutoffs| cutoffs.is_idle(client))
    }
}

/// When a client is idle, so that it may expire or be evicted. A disabled client never is: its record is kept so that
/// it stays disabled.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_dcr::store::IdleCutoffs;
///
/// let now = SystemTime::now();
/// let cutoffs = IdleCutoffs::none(now).with_unused_since(now - Duration::from_secs(24 * 3600));
/// assert!(cutoffs.idle_since.is_none(), "used clients are not idle");
/// ```
///
/// The registry computes the cutoffs from its settings. All conditions that are set must hold.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct IdleCutoffs {
    /// The time now.
    pub now: SystemTime,
    /// A client that was never used is idle if it was issued before this time. `None`: it is not idle.
    pub unused_since: Option<SystemTime>,
    /// A client that was used is idle if its last use was before this time. `None`: it is not idle.
    pub idle_since: Option<SystemTime>,
    /// Only clients with these identifiers, in any order, also unknown ones. `None`: any client.
    pub ids: Option<Vec<ClientId>>,
    /// Only clients that were registered by this registrant. `None`: any client.
    pub registrant: Option<RegistrantKey>,
}

impl IdleCutoffs {
    /// No client is idle.
    ///
    /// The start of every value of this type: add the cutoffs that apply.
    #[must_use]
    pub fn none(now: SystemTime) -> Self {
        Self { now, unused_since: None, idle_since: None, ids: None, registrant: None }
    }

    /// Clients that were never used are idle when they were issued before this time.
    ///
    /// A client that was issued at exactly this time is not idle.
    #[must_use]
    pub fn with_unused_since(mut self, time: SystemTime) -> Self {
        self.unused_since = Some(time);
        self
    }

    /// Clients that were used are idle when that was before this time.
    ///
    /// A client whose last use was at exactly this time is not idle.
    #[must_use]
    pub fn with_idle_since(mut self, time: SystemTime) -> Self {
        self.idle_since = Some(time);
        self
    }

    /// Only these clients can be idle.
    ///
    /// With an empty list no client is idle. It is not taken for "no restriction".
    #[must_use]
    pub fn with_ids(mut self, clients: Vec<ClientId>) -> Self {
        self.ids = Some(clients);
        self
    }

    /// Only clients of this registrant can be idle.
    ///
    /// This limits an eviction within the grace period to the clients of the party that registers.
    #[must_use]
    pub fn with_registrant(mut self, registrant: RegistrantKey) -> Self {
        self.registrant = Some(registrant);
        self
    }

    /// Whether a client is idle.
    #[must_use]
    pub fn is_idle(&self, client: &Client) -> bool {
        // Exactly one of the two cutoffs applies to a client, so a used one is never removed for its age.
        let idle = match client.last_used {
            Some(used) => self.idle_since.is_some_and(|since| used < since),
            None => self.unused_since.is_some_and(|since| client.issued_at < since),
        };
        let is_named = |ids: &Vec<ClientId>| ids.contains(&client.id);
        let same = |registrant: &RegistrantKey| client.registrant_keys().any(|key| key == *registrant);
        idle && client.status != ClientStatus::Disabled
            && self.ids.as_ref().is_none_or(is_named)
            && self.registrant.as_ref().is_none_or(same)
    }
}
