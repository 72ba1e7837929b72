//! A sink takes its time: no request blocks its executor for a disk, and an event whose caller left is recorded.

use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower_dcr::audit::{AuditEvent, AuditSink, FanOut, JsonLines, Operation};
use tower_dcr::credential::ClientId;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::retention::Retention;
use tower_dcr::store::{IdleCutoffs, MemoryStore};
use tower_dcr::{Access, BoxError, Client, Registry, Revoke};

use crate::fakes::{FakeClock, Ledger};

/// Records an event when a permit is there, and has nothing of it before that.
#[derive(Debug, Clone)]
struct Slow {
    permits: Arc<Semaphore>,
    ledger: Ledger,
}

impl Slow {
    fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(0)), ledger: Ledger::default() }
    }

    fn resume(&self) {
        self.permits.add_permits(1000);
    }

    fn pause(&self) {
        self.permits.forget_permits(1000);
    }

    fn operations(&self) -> Vec<(Operation, &'static str)> {
        self.ledger.take().iter().map(|entry| (entry.operation, entry.action)).collect()
    }
}

impl AuditSink for Slow {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        self.permits.acquire().await?.forget();
        self.ledger.record(event).await
    }
}

struct Revoked;

impl Revoke for Revoked {
    async fn revoke(&self, _client: &Client) -> Result<(), BoxError> {
        Ok(())
    }
}

fn registry(sink: &Slow) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_revocation(Revoked);
    builder.with_audit(sink.clone()).build(MemoryStore::new()).unwrap()
}

fn metadata() -> ClientMetadata {
    ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#).unwrap()
}

#[tokio::test]
async fn an_event_whose_caller_left_is_recorded_by_later_events() {
    let sink = Slow::new();
    let registry = registry(&sink);
    assert!(registry.register(metadata()).now_or_never().is_none(), "it waits for the sink");
    assert_eq!((registry.count().await.unwrap(), sink.operations().len()), (1, 0));
    sink.resume();
    registry.register(metadata()).await.unwrap();
    let registered = (Operation::Register, "register");
    assert_eq!(sink.operations(), [registered, registered], "also the one whose caller left");
}

#[tokio::test]
async fn an_event_whose_caller_left_is_recorded_before_the_registry_closes() {
    let sink = Slow::new();
    let registry = registry(&sink);
    let mut refused = Box::pin(registry.register(ClientMetadata::new()));
    assert!(refused.as_mut().now_or_never().is_none(), "a refusal waits for the sink too");
    drop(refused);
    let close = tokio::spawn({
        let registry = registry.clone();
        async move { registry.close().await }
    });
    tokio::task::yield_now().await;
    assert!(!close.is_finished(), "it waits for the sink");
    sink.resume();
    close.await.unwrap().unwrap();
    assert_eq!(sink.operations(), [(Operation::Register, "refused")]);
}

#[tokio::test]
async fn removed_clients_and_their_grants_are_recorded_although_the_caller_left() {
    let sink = Slow::new();
    let registry = registry(&sink);
    sink.resume();
    let mut ids: Vec<ClientId> = Vec::new();
    for _ in 0..3 {
        ids.push(registry.register(metadata()).await.unwrap().client().id().clone());
    }
    sink.pause();
    sink.operations();
    assert!(registry.remove(&ids[0]).now_or_never().is_none(), "it waits for the sink");
    let later = registry.now() + Duration::from_secs(1);
    let cutoffs = IdleCutoffs::none(later).with_unused_since(later);
    assert!(registry.expire(&cutoffs, 9).now_or_never().is_none(), "it waits for the sink");
    assert_eq!((registry.count().await.unwrap(), sink.operations().len()), (0, 0));
    sink.resume();
    registry.close().await.unwrap();
    let (removed, expired, revoke) =
        ((Operation::Remove, "remove"), (Operation::Expire, "expire"), (Operation::Revoke, "refused"));
    let mut recorded = sink.operations();
    recorded.sort_unstable_by_key(|(operation, _)| operation.as_str());
    assert_eq!(recorded, [expired, expired, removed, revoke, revoke, revoke]);
}

#[tokio::test]
async fn an_evicted_client_is_recorded_although_the_caller_of_the_registration_left() {
    let (sink, clock) = (Slow::new(), FakeClock::new());
    let retention = Retention::new().with_max_clients(1).with_grace(Duration::ZERO);
    let builder = Registry::builder("https://id.example.com", Access::Open).with_revocation(Revoked);
    let builder = builder.with_retention(retention).with_clock(clock.clone()).with_audit(sink.clone());
    let registry = builder.build(MemoryStore::new()).unwrap();
    sink.resume();
    registry.register(metadata()).await.unwrap();
    sink.pause();
    sink.operations();
    clock.advance(Duration::from_secs(60));
    assert!(registry.register(metadata()).now_or_never().is_none(), "it waits for the sink");
    sink.resume();
    registry.close().await.unwrap();
    let mut recorded = sink.operations();
    recorded.sort_unstable_by_key(|(operation, _)| operation.as_str());
    let expected = [(Operation::Expire, "expire"), (Operation::Register, "register"), (Operation::Revoke, "refused")];
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn a_sink_that_makes_no_progress_costs_a_bounded_number_of_events() {
    let sink = Slow::new();
    let registry = registry(&sink);
    for _ in 0..1100 {
        assert!(registry.register(ClientMetadata::new()).now_or_never().is_none());
    }
    sink.resume();
    sink.resume();
    registry.close().await.unwrap();
    assert_eq!(sink.operations().len(), 1024);
}

#[tokio::test]
async fn several_sinks_begin_at_once() {
    let (slow, ledger) = (Slow::new(), Ledger::default());
    let audit = FanOut::new().with(slow.clone()).with(ledger.clone());
    let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(audit);
    let registry = builder.build(MemoryStore::new()).unwrap();
    assert!(registry.register(metadata()).now_or_never().is_none(), "it waits for the slow sink");
    assert_eq!(ledger.take().len(), 1, "the other one has the event");
}

/// A disk that writes only while it is open, and its log of writes.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<(Mutex<Writes>, Condvar)>);

#[derive(Debug, Default)]
struct Writes {
    is_open: bool,
    attempts: usize,
    written: Vec<Vec<u8>>,
    threads: Vec<ThreadId>,
    panics: bool,
}

impl io::Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (writes, changed) = &*self.0;
        let mut writes = writes.lock().unwrap();
        writes.attempts += 1;
        changed.notify_all();
        let mut writes = changed.wait_while(writes, |writes| !writes.is_open).unwrap();
        let panics = writes.panics;
        if !panics {
            writes.written.push(bytes.to_vec());
            writes.threads.push(std::thread::current().id());
        }
        drop(writes);
        assert!(!panics, "a writer that panics");
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk {
    fn open(&self) {
        self.0.0.lock().unwrap().is_open = true;
        self.0.1.notify_all();
    }

    /// Waits, outside the executor, until the writer stands before the closed disk.
    fn wait_for_an_attempt(&self) {
        let writes = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(writes, |writes| writes.attempts == 0).unwrap());
    }

    fn lines(&self) -> Vec<Value> {
        let written = self.0.0.lock().unwrap().written.concat();
        String::from_utf8(written).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn registry(&self) -> Registry {
        let builder = Registry::builder("https://id.example.com", Access::Open);
        builder.with_audit(JsonLines::new(self.clone())).build(MemoryStore::new()).unwrap()
    }
}

#[tokio::test]
async fn a_disk_that_stands_still_blocks_no_executor_and_many_records_share_a_write() {
    let disk = Disk::default();
    let registry = disk.registry();
    let mut first = Box::pin(registry.register(metadata()));
    assert!(futures_util::poll!(&mut first).is_pending());
    disk.wait_for_an_attempt();
    let mut others = Box::pin(join_all((0..50).map(|_| registry.register(metadata()))));
    assert!(futures_util::poll!(&mut others).is_pending(), "this thread is not blocked");
    disk.open();
    first.await.unwrap();
    for registered in others.await {
        registered.unwrap();
    }
    let writes = disk.0.0.lock().unwrap();
    assert_eq!(writes.written.len(), 2, "one write for the records that waited");
    assert!(writes.threads.iter().all(|thread| *thread != std::thread::current().id()));
    drop(writes);
    assert_eq!(disk.lines().len(), 51);
}

#[tokio::test]
async fn dropping_the_sink_flushes_the_lines_of_callers_that_left() {
    let disk = Disk::default();
    let registry = disk.registry();
    for _ in 0..20 {
        assert!(registry.register(metadata()).now_or_never().is_none());
    }
    disk.open();
    drop(registry);
    assert_eq!(disk.lines().len(), 20, "each of them once");
}

#[tokio::test]
async fn more_lines_than_may_wait_are_refused_and_not_kept() {
    let disk = Disk::default();
    let registry = disk.registry();
    let mut first = Box::pin(registry.register(ClientMetadata::new()));
    assert!(futures_util::poll!(&mut first).is_pending());
    disk.wait_for_an_attempt();
    for _ in 0..4096 {
        assert!(registry.register(ClientMetadata::new()).now_or_never().is_none());
    }
    let refused = registry.register(metadata()).await.unwrap_err();
    assert_eq!((refused.status(), registry.count().await.unwrap()), (503, 0));
    disk.open();
    drop(first);
    registry.close().await.unwrap();
    drop(registry);
    assert_eq!(disk.lines().len(), 4097);
}

#[tokio::test]
async fn a_writer_that_panics_fails_every_record_and_leaves_none_waiting() {
    let disk = Disk::default();
    disk.0.0.lock().unwrap().panics = true;
    disk.open();
    let registry = disk.registry();
    for _ in 0..2 {
        let refused = registry.register(metadata()).await.unwrap_err();
        assert_eq!((refused.status(), registry.count().await.unwrap()), (503, 0));
    }
}
