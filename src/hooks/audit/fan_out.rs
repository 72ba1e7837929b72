//! Several sinks for one trail.
//!
//! For example one sink for the operator's log and one for a durable file.

use super::{AuditEvent, AuditSink, ErasedSink, trail};
use crate::error::BoxError;

/// Gives every event to several sinks.
///
/// All of them begin at once, in their order, and the event is recorded when all of them have it. If one of them
/// fails, recording fails with its error, after the others have ended. When the registry then takes a change back,
/// the sinks that still work record that too, as [`Operation::TakeBack`](super::Operation::TakeBack).
///
/// ```
/// use tower_dcr::audit::{FanOut, JsonLines};
///
/// let sink = FanOut::new().with(JsonLines::new(std::io::stderr())).with(JsonLines::new(Vec::new()));
/// # let _ = sink;
/// ```
#[derive(Debug, Default)]
pub struct FanOut {
    sinks: Vec<Box<dyn ErasedSink>>,
}

impl FanOut {
    /// No sink yet: without one, events are accepted and not recorded.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sink.
    #[must_use]
    pub fn with(mut self, sink: impl AuditSink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }
}

impl AuditSink for FanOut {
    async fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        // All at once and not one after the other: a slow sink delays the reply once, and a failing one does not keep
        // the event from the others.
        trail::join(self.sinks.iter().map(|sink| sink.record(event)).collect()).await
    }
}
