//! One fetch at a time for each URL, and a memory of failures.
//!
//! A caller that needs a document which is being fetched waits for the result of that fetch. A failure is remembered for a
//! time, so that a client that repeats a request causes no further fetch. No task runs for this: a waiting caller polls
//! the fetch, and if that caller is dropped, the next one takes over.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::error::{FetchError, FetchErrorKind};

/// The result of a fetch.
pub(super) type Outcome = Result<Bytes, FetchError>;

/// The maximum number of entries. When all of them are being fetched, another URL is refused; otherwise the oldest
/// remembered failure is evicted.
const MAX: usize = 1024;

/// The fetches in progress and the remembered failures, by URL.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<HashMap<String, Entry>>);

/// A fetch of one URL.
#[derive(Debug, Clone, Default)]
struct Entry {
    outcome: Arc<OnceCell<Outcome>>,
    /// Until when a failure is remembered; `None` while the document is being fetched.
    remembered_until: Option<SystemTime>,
}

impl Entry {
    /// Whether a caller waits for the fetch, or its failure is still remembered.
    fn is_needed(&self, now: SystemTime) -> bool {
        match self.remembered_until {
            Some(until) => now < until,
            // Each waiting caller has a clone of the cell. When all were dropped, nobody polls the fetch any more.
            None => Arc::strong_count(&self.outcome) > 1,
        }
    }
}

impl SingleFlight {
    /// The outcome for this URL: a remembered failure, the outcome of a fetch in progress, or that of `fetch`. A failure
    /// with [`FetchError::retry_at`] is remembered until then; a document is not kept.
    ///
    /// # Errors
    ///
    /// The failure of the fetch, or [`FetchErrorKind::Busy`] when too many URLs are being fetched.
    pub(super) async fn join<F>(&self, url: &str, now: SystemTime, fetch: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        let cell = self.start(url, now).ok_or_else(|| FetchError::new(FetchErrorKind::Busy))?;
        // The map is not locked during the fetch, so that other URLs are not delayed.
        let fetch = || async {
            let outcome = fetch().await;
            self.finish(url, &outcome);
            outcome
        };
        cell.get_or_init(fetch).await.clone()
    }

    /// The cell in which the outcome of this URL is or will be; `None` when there are too many URLs.
    fn start(&self, url: &str, now: SystemTime) -> Option<Arc<OnceCell<Outcome>>> {
        let mut entries = self.lock();
        if let Some(entry) = entries.get(url).filter(|entry| entry.remembered_until.is_none() || entry.is_needed(now)) {
            return Some(Arc::clone(&entry.outcome));
        }
        has_capacity(&mut entries, now).then(|| {
            let entry = Entry::default();
            entries.insert(url.to_owned(), entry.clone());
            entry.outcome
        })
    }

    /// Removes the entry of a document, and keeps that of a failure which is remembered.
    fn finish(&self, url: &str, outcome: &Outcome) {
        let until = outcome.as_ref().err().and_then(FetchError::retry_at);
        let mut entries = self.lock();
        if until.is_none() {
            entries.remove(url);
        } else if let Some(entry) = entries.get_mut(url) {
            entry.remembered_until = until;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one more entry fits. Evicts an entry that is not needed, or the failure that would be forgotten first; an entry
/// for which a caller waits is never evicted.
fn has_capacity(entries: &mut HashMap<String, Entry>, now: SystemTime) -> bool {
    if entries.len() < MAX {
        return true;
    }
    entries.retain(|_, entry| entry.is_needed(now));
    if entries.len() < MAX {
        return true;
    }
    let oldest = entries.iter().filter(|(_, entry)| entry.remembered_until.is_some());
    let oldest = oldest.min_by_key(|(_, entry)| entry.remembered_until).map(|(url, _)| url.clone());
    oldest.is_some_and(|url| entries.remove(&url).is_some())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const LATER: Duration = Duration::from_secs(60);

    async fn fail(fetches: &SingleFlight, url: &str, now: SystemTime) -> FetchErrorKind {
        let fetch = || async { Err(FetchError::new(FetchErrorKind::Status(404)).remembered_until(now + LATER)) };
        fetches.join(url, now, fetch).await.unwrap_err().kind()
    }

    async fn succeed(fetches: &SingleFlight, url: &str, now: SystemTime) -> Option<Bytes> {
        fetches.join(url, now, || async { Ok(Bytes::from_static(b"{}")) }).await.ok()
    }

    #[tokio::test]
    async fn a_failure_is_remembered_and_then_forgotten() {
        let fetches = SingleFlight::default();
        assert_eq!(fail(&fetches, "a", UNIX_EPOCH).await, FetchErrorKind::Status(404));
        assert_eq!(succeed(&fetches, "a", UNIX_EPOCH + LATER - Duration::from_secs(1)).await, None);
        assert!(succeed(&fetches, "a", UNIX_EPOCH + LATER).await.is_some());
        assert!(fetches.lock().is_empty(), "a success is not kept");
    }

    #[tokio::test]
    async fn remembered_failures_are_bounded_and_the_oldest_is_evicted() {
        let fetches = SingleFlight::default();
        for number in 0..MAX as u64 + 1 {
            fail(&fetches, &number.to_string(), UNIX_EPOCH + Duration::from_millis(number)).await;
        }
        let known = fetches.lock();
        assert_eq!(known.len(), MAX);
        assert!(!known.contains_key("0") && known.contains_key("1") && known.contains_key(&MAX.to_string()));
    }

    #[tokio::test]
    async fn a_fetch_without_callers_is_evicted() {
        let fetches = SingleFlight::default();
        for number in 0..MAX {
            drop(fetches.start(&number.to_string(), UNIX_EPOCH));
        }
        assert!(fetches.start("one more", UNIX_EPOCH).is_some());
        assert_eq!(fetches.lock().len(), 1);
    }

    #[tokio::test]
    async fn another_url_is_refused_while_callers_wait_for_all() {
        let fetches = SingleFlight::default();
        let waiting: Vec<_> = (0..MAX).map(|number| fetches.start(&number.to_string(), UNIX_EPOCH)).collect();
        assert!(fetches.start("one more", UNIX_EPOCH).is_none());
        assert!(fetches.start("0", UNIX_EPOCH).is_some(), "a caller can still join a fetch in progress");
        assert!(waiting.iter().all(Option::is_some));
    }
}
