//! The audit trail: one typed event for every acknowledged change and for every refusal, a client that
//! was not authenticated included.
//!
//! An [`AuditEvent`] tells when, in which request and for which tenant something was asked, who asked, what became of
//! it, and what changed, member by member. It never holds a secret or a token. An [`AuditSink`] takes the events:
//!
//! | sink | what it does |
//! | --- | --- |
//! | `TracingAudit` | writes `tracing` events; the default where the feature `tracing` is on |
//! | [`JsonLines`] | writes one line of JSON for each event, to any [`std::io::Write`] |
//! | `AuditChannel` | hands events to a task and never waits for it (feature `audit-channel`) |
//! | [`FanOut`] | tells several sinks |
//! | `()` | keeps no trail |
//!
//! What leaves the process is an [`AuditRecord`], whose JSON form carries a version.
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
//!     fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
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
mod operation;
mod record;
mod refusal;
mod requested;
#[cfg(feature = "tracing")]
mod trace;

pub use change::{Change, ChangeKind};
#[cfg(feature = "audit-channel")]
pub use channel::{AuditChannel, AuditReceiver, channel};
pub(crate) use context::{Context, is_request_id};
pub use event::AuditEvent;
pub use fan_out::FanOut;
pub use json_lines::JsonLines;
pub use operation::Operation;
pub use record::{AuditRecord, Outcome, RefusalRecord, ViolationRecord};
pub use refusal::Refusal;
pub use requested::RequestedClient;
#[cfg(feature = "tracing")]
pub use trace::TracingAudit;

use std::fmt;
use std::sync::Arc;

use crate::error::BoxError;

/// Takes the events of the audit trail.
pub trait AuditSink: fmt::Debug + Send + Sync + 'static {
    /// Records one event. It is called on the path of a request and must not block.
    ///
    /// # Errors
    ///
    /// When the event cannot be recorded. A registration or an update is then taken back and answered with 503; a
    /// deletion is answered with 503 too, but the client stays gone.
    fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError>;
}

/// Keeps no trail.
impl AuditSink for () {
    fn record(&self, _event: &AuditEvent<'_>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A sink that is used elsewhere too.
impl<S: AuditSink + ?Sized> AuditSink for Arc<S> {
    fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        (**self).record(event)
    }
}
