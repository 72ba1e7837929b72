//! The way of an event into the sink, which ends there whether or not the caller waits for it.
//!
//! An operation that was acknowledged by the store must be on the trail even when its caller leaves: a client that
//! closes the connection makes the server drop the future of its request. So a [`Recording`] owns its event. When it
//! is dropped before its end, it is polled once more, so that a sink that queues events has this one. If that does
//! not finish it, the [`AuditTrail`] takes it over: every later recording polls it too, and [`AuditTrail::finish`]
//! waits for it.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use super::owned::OwnedEvent;
use super::{AuditSink, ErasedSink};
use crate::error::BoxError;

/// A recording in progress. It owns the sink and the event.
type RecordFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// The sink of a registry, and the recordings that their callers did not wait for.
pub(crate) struct AuditTrail {
    sink: Arc<dyn ErasedSink>,
    abandoned: Mutex<VecDeque<RecordFuture>>,
}

impl AuditTrail {
    /// How many recordings may be abandoned at a time. Clients that leave while a sink makes no progress must not fill
    /// the memory; a recording beyond this number is lost, and reported.
    const MAX_ABANDONED: usize = 1024;

    pub(crate) fn new(sink: impl AuditSink) -> Self {
        Self { sink: Arc::new(sink), abandoned: Mutex::default() }
    }

    /// Begins to record an event when the result is polled for the first time, or dropped.
    pub(crate) fn record(self: &Arc<Self>, event: OwnedEvent) -> Recording {
        // The future owns the sink and the event, so it can outlive the request and the registry.
        let sink = Arc::clone(&self.sink);
        let recorded = async move { sink.record(&event.as_event()).await };
        Recording { trail: Arc::clone(self), future: Some(Box::pin(recorded)) }
    }

    /// Waits until every abandoned recording has ended.
    pub(crate) async fn finish(&self) {
        poll_fn(|context| match self.poll_abandoned(context) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    /// Polls every abandoned recording; true if none is left.
    fn poll_abandoned(&self, context: &mut Context<'_>) -> bool {
        // The lock is not held while a sink runs, because a sink may call the registry, which records events.
        let mut abandoned = std::mem::take(&mut *self.lock());
        if abandoned.is_empty() {
            return true;
        }
        abandoned.retain_mut(|recording| match recording.as_mut().poll(context) {
            Poll::Ready(recorded) => {
                report(recorded);
                false
            }
            Poll::Pending => true,
        });
        // Recordings that were abandoned meanwhile come last, so that the order of events is kept.
        let mut later = self.lock();
        abandoned.append(&mut later);
        *later = abandoned;
        later.is_empty()
    }

    /// Takes over a recording whose caller was dropped.
    fn abandon(&self, recording: RecordFuture) {
        let mut abandoned = self.lock();
        match abandoned.len() < Self::MAX_ABANDONED {
            true => abandoned.push_back(recording),
            false => {
                drop(abandoned);
                report(Err("too many events wait for the sink after their callers left".into()));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<RecordFuture>> {
        // No sink runs while this lock is held, so a poisoned queue is complete.
        self.abandoned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuditTrail").field("sink", &self.sink).finish_non_exhaustive()
    }
}

/// One event on its way into the sink.
pub(crate) struct Recording {
    trail: Arc<AuditTrail>,
    /// None once it has ended.
    future: Option<RecordFuture>,
}

impl Recording {
    /// Records nothing. Only a recording that was never polled can be cancelled.
    pub(crate) fn cancel(mut self) {
        self.future = None;
    }
}

impl Future for Recording {
    type Output = Result<(), BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Earlier events first, so that a sink that queues them keeps the order.
        self.trail.poll_abandoned(context);
        // A sink that panics must not be polled again, so the future is put back only if it is still pending.
        let Some(mut future) = self.future.take() else { return Poll::Ready(Ok(())) };
        let polled = future.as_mut().poll(context);
        if polled.is_pending() {
            self.future = Some(future);
        }
        polled
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(mut future) = self.future.take() else { return };
        // A second panic while this thread unwinds would end the process.
        if std::thread::panicking() {
            return self.trail.abandon(future);
        }
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(recorded) => report(recorded),
            Poll::Pending => self.trail.abandon(future),
        }
    }
}

/// Polls several recordings at once, so that a sink can write them together. The first failure is returned, after all
/// have ended.
pub(crate) async fn join<F>(mut recordings: Vec<F>) -> Result<(), BoxError>
where
    F: Future<Output = Result<(), BoxError>> + Unpin,
{
    let mut all = Ok(());
    poll_fn(|context| {
        recordings.retain_mut(|recording| match Pin::new(recording).poll(context) {
            Poll::Ready(recorded) => {
                // The first failure is returned. A later one must not hide it.
                if all.is_ok() {
                    all = recorded;
                }
                false
            }
            Poll::Pending => true,
        });
        if recordings.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    all
}

/// Reports an event that is lost to the operator: no caller waits for its outcome any more.
fn report(recorded: Result<(), BoxError>) {
    let Err(_error) = recorded else { return };
    #[cfg(feature = "metrics")]
    crate::metrics::audit_dropped();
    #[cfg(feature = "tracing")]
    tracing::error!(target: "tower_dcr", cause = %_error, "an event of the audit trail is lost, its caller had left");
}
