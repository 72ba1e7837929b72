//! Permits for fetches: how many run at the same time, in total and to one host.
//!
//! A fetch first waits for a permit of its host and only then for one of the total. So fetches that wait for a host that
//! does not respond hold no permit that a fetch to another host needs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// How many fetches may wait for a permit of one host. More are refused at once, so that a flood of fetches to one host
/// does not fill the list of fetches in progress.
const MAX_WAITING: usize = 32;

/// The permits of one budget.
#[derive(Debug)]
pub(super) struct Permits {
    total: Semaphore,
    hosts: Mutex<HashMap<String, Host>>,
    max_per_host: usize,
    acquire_timeout: Duration,
}

/// The permits of a host. The entry exists while a fetch has one of them or waits for one.
#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    /// How many fetches have a permit or wait for one.
    fetches: usize,
}

/// The permission to fetch from a host. Dropping it releases the permits.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    _of_host: OwnedSemaphorePermit,
    _of_total: SemaphorePermit<'a>,
    _use: HostUse<'a>,
}

impl Permits {
    /// At most `total` fetches, at most `max_per_host` of them to one host.
    pub(super) fn new(total: usize, max_per_host: usize, acquire_timeout: Duration) -> Self {
        Self { total: Semaphore::new(total), hosts: Mutex::default(), max_per_host, acquire_timeout }
    }

    /// A permit to fetch from this host; `None` when there is none within the timeout, or too many fetches wait for it.
    pub(super) async fn acquire(&self, host: &str) -> Option<Permit<'_>> {
        timeout(self.acquire_timeout, self.wait(host)).await.ok().flatten()
    }

    /// Waits for the permit of the host, then for one of the total; see the [module](self) for why in this order.
    async fn wait(&self, host: &str) -> Option<Permit<'_>> {
        let (host_use, permits) = self.host(host)?;
        let of_host = permits.acquire_owned().await.ok()?;
        let of_total = self.total.acquire().await.ok()?;
        Some(Permit { _of_host: of_host, _of_total: of_total, _use: host_use })
    }

    /// The semaphore of a host, and a guard of its entry; `None` when too many fetches wait for it.
    fn host(&self, name: &str) -> Option<(HostUse<'_>, Arc<Semaphore>)> {
        let mut hosts = self.lock();
        let new = || Host { permits: Arc::new(Semaphore::new(self.max_per_host)), fetches: 0 };
        // The entry is created under the same lock that counts its users, so no other fetch can remove it in between.
        let host = hosts.entry(name.to_owned()).or_insert_with(new);
        if host.fetches.saturating_sub(self.max_per_host) >= MAX_WAITING {
            return None;
        }
        host.fetches += 1;
        Some((HostUse { permits: self, host: name.to_owned() }, Arc::clone(&host.permits)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that has a permit of a host or waits for one. Dropping the last one removes the entry of the host, so that the
/// map does not grow with the number of hosts that clients name.
#[derive(Debug)]
struct HostUse<'a> {
    permits: &'a Permits,
    host: String,
}

impl Drop for HostUse<'_> {
    fn drop(&mut self) {
        let mut hosts = self.permits.lock();
        if let Some(host) = hosts.get_mut(&self.host) {
            host.fetches -= 1;
            if host.fetches == 0 {
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
    async fn one_host_cannot_use_the_permits_of_another() {
        let permits = Permits::new(4, 2, SOON);
        let _one = permits.acquire("silent").await.unwrap();
        let two = permits.acquire("silent").await.unwrap();
        assert!(permits.acquire("silent").await.is_none(), "two permits for each host");
        let _other = (permits.acquire("other").await.unwrap(), permits.acquire("another").await.unwrap());
        assert!(permits.acquire("third").await.is_none(), "four permits in total");
        drop(two);
        assert!(permits.acquire("third").await.is_some());
    }

    #[tokio::test]
    async fn a_waiting_or_dropped_fetch_holds_no_permit() {
        let permits = Permits::new(2, 1, SOON);
        let held = permits.acquire("a").await.unwrap();
        let mut waiting = Box::pin(permits.acquire("a"));
        assert!(poll!(&mut waiting).is_pending());
        assert!(permits.acquire("b").await.is_some(), "a fetch that waits for a host holds no permit of the total");
        drop(waiting);
        assert_eq!(permits.lock()["a"].fetches, 1);
        drop(held);
        assert!(permits.lock().is_empty(), "the entry of the host is removed");
        assert!(permits.acquire("a").await.is_some());
    }

    #[tokio::test]
    async fn the_queue_of_a_host_is_bounded() {
        let permits = Permits::new(2, 1, Duration::from_secs(60));
        let _held = permits.acquire("a").await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(permits.acquire("a"))).collect();
        for one in &mut waiting {
            assert!(poll!(one).is_pending());
        }
        let mut one_more = Box::pin(permits.acquire("a"));
        assert!(poll!(&mut one_more).is_ready(), "refused without waiting");
        assert!(permits.acquire("b").await.is_some());
    }
}
