//! The audit trail for a task: a request hands its event over and never waits.
//!
//! For a sink that would be too slow for requests, for example a remote service. The price is durability: an event
//! that waits in the queue is lost if the process ends, and events are dropped when the queue is full. Where every
//! event must be durable before the reply, use `JsonLines` or a sink of your own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::record::Values;
use super::{AuditEvent, AuditRecord, AuditSink};
use crate::error::BoxError;

/// A sink, and the other end of it for a task that does something slow with the events.
///
/// At most `capacity` events wait, at least one. If the queue is full, an event is dropped and the number of dropped
/// events increases; the change is acknowledged nevertheless. After the receiver was dropped no event can be
/// recorded, so changes are refused with 503.
///
/// ```
/// use tower_dcr::audit::{Operation, Outcome, channel};
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let (audit, mut events) = channel(1024);
/// let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(audit);
/// let registry = builder.build(MemoryStore::new())?;
/// assert!(registry.register(Default::default()).await.is_err());
///
/// let event = events.recv().await.unwrap();
/// assert_eq!((event.operation, event.outcome), (Operation::Register, Outcome::Refused));
/// assert_eq!(events.dropped(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn channel(capacity: usize) -> (AuditChannel, AuditReceiver) {
    // `mpsc::channel` panics at a capacity of 0, and a configuration must not panic.
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    let dropped = Arc::new(AtomicU64::new(0));
    let sink = AuditChannel { sender, dropped: Arc::clone(&dropped), values: Values::Names };
    (sink, AuditReceiver { receiver, dropped })
}

/// Hands events to an [`AuditReceiver`]. It is made by [`channel`].
#[derive(Clone)]
pub struct AuditChannel {
    sender: mpsc::Sender<AuditRecord>,
    dropped: Arc<AtomicU64>,
    values: Values,
}

impl AuditChannel {
    /// Tells the values of changed members too, as [`AuditRecord::with_values`] does. Default: their names only.
    #[must_use]
    pub fn with_values(mut self, max_bytes: usize) -> Self {
        self.values = Values::AtMost(max_bytes);
        self
    }

    /// How many events were dropped since the beginning.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl AuditSink for AuditChannel {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        // Reserved first: the record is only made if there is a place, since it copies the event.
        let place = match self.sender.try_reserve() {
            Ok(place) => place,
            Err(TrySendError::Full(())) => {
                // Counted and not waited for: a slow receiver must not make registrations slow.
                self.dropped.fetch_add(1, Ordering::Relaxed);
                #[cfg(feature = "metrics")]
                crate::metrics::audit_dropped();
                return Ok(());
            }
            // An error, unlike a full queue: without a receiver every later event would be lost, and no operator
            // would see it.
            Err(TrySendError::Closed(())) => return Err("nobody receives the audit trail any more".into()),
        };
        place.send(AuditRecord::with(event, self.values));
        Ok(())
    }
}

impl fmt::Debug for AuditChannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuditChannel").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}

/// Receives the events of an [`AuditChannel`], in the order in which they were recorded.
pub struct AuditReceiver {
    receiver: mpsc::Receiver<AuditRecord>,
    dropped: Arc<AtomicU64>,
}

impl AuditReceiver {
    /// The next event; `None` after every registry with the sink was dropped. No event is lost if this future is
    /// dropped.
    pub async fn recv(&mut self) -> Option<AuditRecord> {
        self.receiver.recv().await
    }

    /// As [`recv`](Self::recv), for a stream or a future written by hand.
    pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<AuditRecord>> {
        self.receiver.poll_recv(context)
    }

    /// How many events were dropped since the beginning, because too many waited.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for AuditReceiver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuditReceiver").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}
