//! Places for fetches: how many run at the same time, in all and to one host.
//!
//! A fetch first waits for a place of its host and only then for one of the budget. So those that wait for a host that
//! does not answer hold no place that a fetch to another host needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How many fetches may wait for a place of one host. More are refused at once, so that a flood towards one host does
/// not fill the list of fetches that are on their way.
const MAX_WAITING: usize = 32;

/// A budget of places.
#[derive(Debug)]
pub(super) struct Places {
    all: Semaphore,
    hosts: Mutex<HashMap<String, Host>>,
    max_per_host: usize,
    acquire_timeout: Duration,
}

/// A host to which somebody fetches or wants to. It is known for as long as that is so.
#[derive(Debug)]
struct Host {
    places: Arc<Semaphore>,
    visitors: usize,
}

/// The right to fetch from a host. Its places are free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _of_host: OwnedSemaphorePermit,
    _of_all: SemaphorePermit<'a>,
    _visit: Visit<'a>,
}

impl Places {
    pub(super) fn new(all: usize, max_per_host: usize, acquire_timeout: Duration) -> Self {
        Self { all: Semaphore::new(all), hosts: Mutex::default(), max_per_host, acquire_timeout }
    }

    /// A place, or none when that takes too long.
    pub(super) async fn acquire(&self, host: &str) -> Option<Place<'_>> {
        timeout(self.acquire_timeout, self.wait(host)).await.ok().flatten()
    }

    async fn wait(&self, host: &str) -> Option<Place<'_>> {
        let (visit, places) = self.visit(host)?;
        let of_host = places.acquire_owned().await.ok()?;
        let of_all = self.all.acquire().await.ok()?;
        Some(Place { _of_host: of_host, _of_all: of_all, _visit: visit })
    }

    fn visit(&self, name: &str) -> Option<(Visit<'_>, Arc<Semaphore>)> {
        let mut hosts = self.lock();
        let new = || Host { places: Arc::new(Semaphore::new(self.max_per_host)), visitors: 0 };
        let host = hosts.entry(name.to_owned()).or_insert_with(new);
        if host.visitors.saturating_sub(self.max_per_host) >= MAX_WAITING {
            return None;
        }
        host.visitors += 1;
        Some((Visit { places: self, host: name.to_owned() }, Arc::clone(&host.places)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that has a place of a host or waits for one. The last one to leave ends the entry of the host.
#[derive(Debug)]
struct Visit<'a> {
    places: &'a Places,
    host: String,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut hosts = self.places.lock();
        if let Some(host) = hosts.get_mut(&self.host) {
            host.visitors -= 1;
            if host.visitors == 0 {
                hosts.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn one_host_cannot_take_the_places_of_another() {
        let places = Places::new(4, 2, SOON);
        let _one = places.acquire("silent").await.unwrap();
        let two = places.acquire("silent").await.unwrap();
        assert!(places.acquire("silent").await.is_none(), "two places for each host");
        let _other = (places.acquire("other").await.unwrap(), places.acquire("another").await.unwrap());
        assert!(places.acquire("third").await.is_none(), "four places in all");
        drop(two);
        assert!(places.acquire("third").await.is_some());
    }

    #[tokio::test]
    async fn who_waits_or_leaves_holds_nothing() {
        let places = Places::new(2, 1, SOON);
        let held = places.acquire("a").await.unwrap();
        let mut waiting = Box::pin(places.acquire("a"));
        assert!(poll!(&mut waiting).is_pending());
        assert!(places.acquire("b").await.is_some(), "who waits for a host holds no place of the budget");
        drop(waiting);
        assert_eq!(places.lock()["a"].visitors, 1);
        drop(held);
        assert!(places.lock().is_empty(), "hosts are forgotten");
        assert!(places.acquire("a").await.is_some());
    }

    #[tokio::test]
    async fn the_queue_of_a_host_is_bounded() {
        let places = Places::new(2, 1, Duration::from_secs(60));
        let _held = places.acquire("a").await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(places.acquire("a"))).collect();
        for one in &mut waiting {
            assert!(poll!(one).is_pending());
        }
        let mut one_more = Box::pin(places.acquire("a"));
        assert!(poll!(&mut one_more).is_ready(), "refused without waiting");
        assert!(places.acquire("b").await.is_some());
    }
}
