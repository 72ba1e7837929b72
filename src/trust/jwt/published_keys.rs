//! The keys at a URL, fetched when they are needed, and again when a token was signed with another key.
//!
//! A caller with many tokens could make this server fetch a URL for each of them. So one caller at a time fetches, the
//! others wait for its result, and there is a pause before the next fetch.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Token;
use super::key_set::KeySet;
use crate::error::BoxError;
use crate::protocol::json::read::read as read_object;
use crate::trust::documents::DocumentSource;

/// How long keys are used after they were fetched.
const LIFETIME: Duration = Duration::from_secs(600);
/// How soon they are fetched again for a token that none of them signed.
const PAUSE: Duration = Duration::from_secs(60);
/// How soon they are fetched again after a failure.
const RETRY: Duration = Duration::from_secs(5);

/// The key set at a URL, with what was fetched.
pub(super) struct PublishedKeys {
    url: String,
    documents: DocumentSource,
    state: Mutex<State>,
    /// Held during a fetch. Other callers wait for its result and do not fetch too.
    fetching: tokio::sync::Mutex<()>,
}

/// What is known of a key set.
#[derive(Default)]
struct State {
    /// The last set that was fetched, with the time of the fetch.
    fetched: Option<(SystemTime, Arc<KeySet>)>,
    /// The time of the last attempt, and how long to wait after it.
    attempted: Option<(SystemTime, Duration)>,
}

/// Whether less than this time has passed since a point in time. If the clock was set back, no time has passed.
fn is_within(now: SystemTime, since: SystemTime, time: Duration) -> bool {
    now.duration_since(since).unwrap_or_default() < time
}

impl PublishedKeys {
    pub(super) fn new(url: String, documents: DocumentSource) -> Self {
        Self { url, documents, state: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// Whether one of the keys signed this token: one that was fetched before, or one that is published now.
    ///
    /// # Errors
    ///
    /// When there are no fetched keys and the URL cannot be read.
    pub(super) async fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<bool, BoxError> {
        let current = self.current(now);
        if current.as_ref().is_some_and(|set| set.verify(token)) {
            return Ok(true);
        }
        Ok(self.newer(current, now).await?.is_some_and(|set| set.verify(token)))
    }

    /// A newer set than this one; `None` if it was fetched only a moment ago, or a fetch fails while there is one.
    async fn newer(&self, current: Option<Arc<KeySet>>, now: SystemTime) -> Result<Option<Arc<KeySet>>, BoxError> {
        let _fetching = self.fetching.lock().await;
        // Another caller may have fetched while this one waited. Its result is used, whatever it contains.
        let meanwhile = self.current(now);
        if meanwhile.as_ref().map(Arc::as_ptr) != current.as_ref().map(Arc::as_ptr) {
            return Ok(meanwhile);
        }
        // The pause is what limits an attacker: each of its tokens would otherwise cause a fetch.
        let fetched = match self.may_fetch(now) {
            true => self.fetch(now).await,
            false => Err("the keys could not be read a moment ago".into()),
        };
        match fetched {
            Ok(set) => Ok(Some(set)),
            Err(_) if current.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Fetches the set and remembers the attempt.
    async fn fetch(&self, now: SystemTime) -> Result<Arc<KeySet>, BoxError> {
        let fetched = self.documents.fetch(&self.url).await.and_then(|document| {
            let set = read_object(&document).ok().and_then(|object| KeySet::read(&object));
            set.map(Arc::new).ok_or_else(|| "the document is not a JWK Set".into())
        });
        // The attempt is recorded after the fetch, which may take seconds, so the pause is a pause between fetches.
        let mut state = self.lock();
        state.attempted = Some((now, if fetched.is_ok() { PAUSE } else { RETRY }));
        if let Ok(set) = &fetched {
            state.fetched = Some((now, Arc::clone(set)));
        }
        fetched
    }

    /// Whether the pause after the last attempt is over.
    fn may_fetch(&self, now: SystemTime) -> bool {
        self.lock().attempted.is_none_or(|(at, pause)| !is_within(now, at, pause))
    }

    /// The fetched set, until its lifetime ends.
    fn current(&self, now: SystemTime) -> Option<Arc<KeySet>> {
        let state = self.lock();
        state.fetched.as_ref().filter(|(at, _)| is_within(now, *at, LIFETIME)).map(|(_, set)| Arc::clone(set))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PublishedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}
