//! The audit trail: one typed event for every acknowledged change and for every refusal, a client that
//! was not authenticated included.
//!
//! An [`AuditEvent`] contains the time, the request, the tenant, the operation, the caller, the outcome, and what
//! changed, member by member. It never contains a secret or a token. An [`AuditSink`] takes the events:
//!
//! | sink | what it does |
//! | --- | --- |
//! | `TracingAudit` | writes `tracing` events; the default where the feature `tracing` is on |
//! | [`JsonLines`] | writes one line of JSON for each event, to any [`std::io::Write`] |
//! | `AuditChannel` | hands events to a task and never waits for it (feature `audit-channel`) |
//! | [`FanOut`] | gives each event to several sinks |
//! | `()` | discards every event |
//!
//! The form for files and other processes is an [`AuditRecord`], whose JSON has a version.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use tower_dcr::audit::{AuditEvent, AuditSink};
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, BoxError, Registry};
//!
//! #[derive(Debug, Default, Clone)]
//! struct Ledger(Arc<Mutex<Vec<String>>>);
//!
//! impl AuditSink for Ledger {
//!     async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
//!         let mut lines = self.0.lock().map_err(|_| "poisoned")?;
//!         lines.push(format!("{} by {:?}", event.operation(), event.actor()));
//!         Ok(())
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let ledger = Ledger::default();
//! let builder = Registry::builder("https://id.example.com", Access::Open).with_audit(ledger.clone());
//! let registry = builder.build(MemoryStore::new())?;
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
//! registry.with_actor("alice").register(metadata).await?;
//! assert_eq!(*ledger.0.lock().unwrap(), [r#"register by Some("alice")"#]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change;
#[cfg(feature = "audit-channel")]
mod channel;
mod context;
mod event;
mod fan_out;
mod json_lines;
mod line_writer;
mod operation;
mod owned;
mod record;
mod refusal;
mod requested;
#[cfg(feature = "tracing")]
mod trace;
mod trail;

pub use change::{Change, ChangeKind};
#[cfg(feature = "audit-channel")]
pub use channel::{AuditChannel, AuditReceiver, channel};
pub(crate) use context::{Context, is_request_id};
pub use event::AuditEvent;
pub use fan_out::FanOut;
pub use json_lines::JsonLines;
pub use operation::Operation;
pub(crate) use owned::OwnedEvent;
pub use record::{AuditRecord, Outcome, RefusalRecord, ViolationRecord};
pub use refusal::Refusal;
pub use requested::RequestedClient;
#[cfg(feature = "tracing")]
pub use trace::TracingAudit;
pub(crate) use trail::{AuditTrail, Recording, join};

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::error::BoxError;

/// Receives the events of the audit trail. It is called for every acknowledged change and for every refusal.
///
/// Write `async fn record` in an implementation. The registry waits for it before it acknowledges what the event is
/// about, so a sink that is slow makes requests slow. It runs on the executor of the request and must not block; a
/// blocking writer needs a thread of its own, as [`JsonLines`] has.
///
/// The caller of an operation may leave while a sink is pending: its client closes the connection, and the server
/// drops the future of the request. The event is not lost then. The registry polls `record` once more, later events
/// poll it again, and [`Registry::close`](crate::Registry::close) waits for it. So a sink that queues the event when
/// it is polled for the first time has every event at once.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Records one event; ready when the event is recorded.
    ///
    /// # Errors
    ///
    /// When the event cannot be recorded. A registration or an update is then taken back and answered with 503. What
    /// ends something, such as a deletion, is answered with 503 too and stays done.
    fn record(&self, event: &AuditEvent<'_>) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Records nothing.
impl AuditSink for () {
    async fn record(&self, _event: &AuditEvent<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A sink that is used elsewhere too.
impl<S: AuditSink> AuditSink for Arc<S> {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        (**self).record(event).await
    }
}

/// A sink that lives as long as the process.
impl<S: AuditSink> AuditSink for &'static S {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        (**self).record(event).await
    }
}

/// An [`AuditSink`] of any type.
trait ErasedSink: fmt::Debug + Send + Sync {
    fn record<'a>(
        &'a self,
        event: &'a AuditEvent<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;
}

impl<S: AuditSink> ErasedSink for S {
    fn record<'a>(
        &'a self,
        event: &'a AuditEvent<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>> {
        // Boxed here, so that an implementation can use `async fn` and the registry can hold any sink.
        Box::pin(AuditSink::record(self, event))
    }
}
