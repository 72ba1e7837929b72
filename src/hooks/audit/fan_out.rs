//! Several sinks for one trail.

use super::{AuditEvent, AuditSink};
use crate::error::BoxError;

/// Tells several sinks about every event, in their order.
///
/// All of them are told, and the first failure counts. When it makes the registry take a change back, the sinks that
/// still work are told that too, as [`Operation::TakeBack`](super::Operation::TakeBack).
///
/// ```
/// use tower_dcr::audit::{FanOut, JsonLines};
///
/// let sink = FanOut::new().with(JsonLines::new(std::io::stderr())).with(JsonLines::new(Vec::new()));
/// # let _ = sink;
/// ```
#[derive(Debug, Default)]
pub struct FanOut {
    sinks: Vec<Box<dyn AuditSink>>,
}

impl FanOut {
    /// Tells nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells this sink too.
    #[must_use]
    pub fn with(mut self, sink: impl AuditSink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }
}

impl AuditSink for FanOut {
    fn record(&self, event: &AuditEvent<'_>) -> Result<(), BoxError> {
        self.sinks.iter().map(|sink| sink.record(event)).fold(Ok(()), Result::and)
    }
}
