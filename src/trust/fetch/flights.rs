//! What is being fetched now, and what failed a moment ago.
//!
//! Whoever asks for a document that somebody else is fetching waits for the same answer. A failure is remembered for a
//! while, so a client that repeats itself costs nothing. No task runs for this: those who wait do the work, and when
//! the one who fetches gives up, the next one takes over.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::OnceCell;

use super::error::{FetchError, FetchErrorKind};

pub(super) type Outcome = Result<Bytes, FetchError>;

/// URLs that are known at the same time. More of them are refused while all are being fetched; a failure that is
/// remembered makes room.
const MAX: usize = 1024;

/// All flights by their URL.
#[derive(Debug, Default)]
pub(super) struct SingleFlight(Mutex<HashMap<String, Flight>>);

#[derive(Debug, Clone, Default)]
struct Flight {
    outcome: Arc<OnceCell<Outcome>>,
    /// Until when a failure is remembered; none while the document is being fetched.
    remembered: Option<SystemTime>,
}

impl Flight {
    /// Whether somebody waits for it, or would still be told that it failed.
    fn is_wanted(&self, now: SystemTime) -> bool {
        match self.remembered {
            Some(until) => now < until,
            None => Arc::strong_count(&self.outcome) > 1,
        }
    }
}

impl SingleFlight {
    /// The outcome for this URL: known, waited for, or brought by `fetch`. A failure with a time is remembered until
    /// then.
    pub(super) async fn join<F>(&self, url: &str, now: SystemTime, fetch: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        let flight = self.board(url, now).ok_or_else(|| FetchError::new(FetchErrorKind::Busy))?;
        let land = || async {
            let outcome = fetch().await;
            self.land(url, &outcome);
            outcome
        };
        flight.get_or_init(land).await.clone()
    }

    fn board(&self, url: &str, now: SystemTime) -> Option<Arc<OnceCell<Outcome>>> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(url).filter(|flight| flight.remembered.is_none() || flight.is_wanted(now)) {
            return Some(Arc::clone(&flight.outcome));
        }
        make_room(&mut flights, now).then(|| {
            let flight = Flight::default();
            flights.insert(url.to_owned(), flight.clone());
            flight.outcome
        })
    }

    fn land(&self, url: &str, outcome: &Outcome) {
        let remembered = outcome.as_ref().err().and_then(FetchError::retry_at);
        let mut flights = self.lock();
        if remembered.is_none() {
            flights.remove(url);
        } else if let Some(flight) = flights.get_mut(url) {
            flight.remembered = remembered;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for one more; false when every place is taken by somebody who waits.
fn make_room(flights: &mut HashMap<String, Flight>, now: SystemTime) -> bool {
    if flights.len() < MAX {
        return true;
    }
    flights.retain(|_, flight| flight.is_wanted(now));
    if flights.len() < MAX {
        return true;
    }
    let oldest = flights.iter().filter(|(_, flight)| flight.remembered.is_some());
    let oldest = oldest.min_by_key(|(_, flight)| flight.remembered).map(|(url, _)| url.clone());
    oldest.is_some_and(|url| flights.remove(&url).is_some())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const LATER: Duration = Duration::from_secs(60);

    async fn fail(flights: &SingleFlight, url: &str, now: SystemTime) -> FetchErrorKind {
        let fetch = || async { Err(FetchError::new(FetchErrorKind::Status(404)).remembered_until(now + LATER)) };
        flights.join(url, now, fetch).await.unwrap_err().kind()
    }

    async fn succeed(flights: &SingleFlight, url: &str, now: SystemTime) -> Option<Bytes> {
        flights.join(url, now, || async { Ok(Bytes::from_static(b"{}")) }).await.ok()
    }

    #[tokio::test]
    async fn a_failure_is_remembered_and_then_forgotten() {
        let flights = SingleFlight::default();
        assert_eq!(fail(&flights, "a", UNIX_EPOCH).await, FetchErrorKind::Status(404));
        assert_eq!(succeed(&flights, "a", UNIX_EPOCH + LATER - Duration::from_secs(1)).await, None);
        assert!(succeed(&flights, "a", UNIX_EPOCH + LATER).await.is_some());
        assert!(flights.lock().is_empty(), "a success is not kept");
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_the_oldest_goes_first() {
        let flights = SingleFlight::default();
        for number in 0..MAX as u64 + 1 {
            fail(&flights, &number.to_string(), UNIX_EPOCH + Duration::from_millis(number)).await;
        }
        let known = flights.lock();
        assert_eq!(known.len(), MAX);
        assert!(!known.contains_key("0") && known.contains_key("1") && known.contains_key(&MAX.to_string()));
    }

    #[tokio::test]
    async fn a_flight_that_everybody_gave_up_leaves_its_place() {
        let flights = SingleFlight::default();
        for number in 0..MAX {
            drop(flights.board(&number.to_string(), UNIX_EPOCH));
        }
        assert!(flights.board("one more", UNIX_EPOCH).is_some());
        assert_eq!(flights.lock().len(), 1);
    }

    #[tokio::test]
    async fn when_everybody_waits_there_is_no_room() {
        let flights = SingleFlight::default();
        let waiting: Vec<_> = (0..MAX).map(|number| flights.board(&number.to_string(), UNIX_EPOCH)).collect();
        assert!(flights.board("one more", UNIX_EPOCH).is_none());
        assert!(flights.board("0", UNIX_EPOCH).is_some(), "nobody is turned away from a document on its way");
        assert!(waiting.iter().all(Option::is_some));
    }
}
