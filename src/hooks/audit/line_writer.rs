//! A thread that writes lines, so that no request blocks its executor for a disk.
//!
//! Requests hand lines over through a bounded channel and wait for a receipt. The thread takes all lines that wait,
//! writes them with one `write_all` and one `flush`, and completes their receipts. It ends when the last sender is
//! dropped, after it has written what was handed over before.

use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use crate::error::BoxError;

/// How many lines may wait. More than that wait only if the disk does not keep up, and then a refusal is better than a
/// queue that grows with every request.
const MAX_WAITING: usize = 4096;
/// After how many bytes no further line joins the same write.
const MAX_WRITE: usize = 256 * 1024;

/// The requests' end of the thread. Dropping it waits until the thread has written and flushed every line.
pub(super) struct LineWriter {
    /// None only while this is dropped.
    sender: Option<SyncSender<Line>>,
    thread: Option<JoinHandle<()>>,
}

impl LineWriter {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the operating system starts no thread.
    pub(super) fn start(writer: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = sync_channel(MAX_WAITING);
        let output = Output { writer, is_torn: false };
        let thread = thread::Builder::new().name("dcr-audit".to_owned()).spawn(move || output.write_all(&lines))?;
        Ok(Self { sender: Some(sender), thread: Some(thread) })
    }

    /// Hands a line over; what is returned is ready when the line is written and flushed.
    ///
    /// # Errors
    ///
    /// When too many lines wait, or the thread has ended because the writer panicked.
    pub(super) fn write(&self, text: Vec<u8>) -> Result<Receipt, BoxError> {
        let receipt = Arc::new(Mutex::new(State::Waiting(None)));
        let line = Line { text, receipt: Arc::clone(&receipt) };
        // `try_send` never blocks. `send` would block the executor of the request while the queue is full.
        let sent = self.sender.as_ref().map(|sender| sender.try_send(line));
        match sent {
            Some(Ok(())) => Ok(Receipt(receipt)),
            Some(Err(TrySendError::Full(_))) => Err("too many records wait for the writer of the audit trail".into()),
            Some(Err(TrySendError::Disconnected(_))) | None => Err(ENDED.into()),
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        // The order matters: the thread ends only after the sender is dropped, and only then it can be joined.
        drop(self.sender.take());
        // A waker that the thread calls may drop the last registry. A thread that joins itself would wait for ever.
        let own = |thread: &JoinHandle<()>| thread.thread().id() == thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| !own(thread)) {
            // The thread ends with an error if the writer panicked, and then every receipt has an error already.
            drop(thread.join());
        }
    }
}

const ENDED: &str = "the thread that writes the audit trail has ended";

/// A line on its way to the writer.
struct Line {
    text: Vec<u8>,
    receipt: Arc<Mutex<State>>,
}

/// The state of a line, which the request and the thread share.
enum State {
    /// Not written yet; the waker of the request, if it was polled.
    Waiting(Option<Waker>),
    /// Written or failed; `None` after the request has taken the result.
    Ended(Option<Result<(), BoxError>>),
}

impl Line {
    /// Gives the receipt its result and wakes the request. The first result is final.
    fn complete(&self, result: Result<(), BoxError>) {
        let mut state = lock(&self.receipt);
        let State::Waiting(waker) = &mut *state else { return };
        let waker = waker.take();
        *state = State::Ended(Some(result));
        // The lock is released before the waker runs: it may poll the receipt at once, on this thread.
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A line that is dropped without a result, because the writer panicked, must not leave a request waiting.
impl Drop for Line {
    fn drop(&mut self) {
        self.complete(Err(ENDED.into()));
    }
}

/// Ready when the line is written and flushed, or that has failed. Dropping it does not take the line back.
pub(super) struct Receipt(Arc<Mutex<State>>);

impl Future for Receipt {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *lock(&self.0) {
            State::Waiting(waker) => {
                // Replaced at every poll: the future may have moved to another task, and only the latest waker is
                // right.
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            State::Ended(result) => Poll::Ready(result.take().unwrap_or(Ok(()))),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panic of a waker leaves the state complete, so a poisoned lock can be used.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's end.
struct Output<W> {
    writer: W,
    /// A line may have been written in part.
    is_torn: bool,
}

impl<W: Write> Output<W> {
    /// Writes lines until every sender is dropped.
    fn write_all(mut self, lines: &Receiver<Line>) {
        while let Ok(first) = lines.recv() {
            let mut size = first.text.len();
            let mut together = vec![first];
            // Lines that wait share one flush, which is the slow part. `try_recv` does not wait for further lines.
            while size < MAX_WRITE
                && let Ok(line) = lines.try_recv()
            {
                size += line.text.len();
                together.push(line);
            }
            // One error for all lines of the write: none of them is known to be complete.
            let written = self.write(&together).map_err(Arc::new);
            for line in together {
                line.complete(written.clone().map_err(BoxError::from));
            }
        }
    }

    /// A line after one that may be torn begins on a line of its own, so that a reader loses only the torn one.
    fn write(&mut self, lines: &[Line]) -> io::Result<()> {
        let mut text = if self.is_torn { vec![b'\n'] } else { Vec::new() };
        text.extend(lines.iter().flat_map(|line| &line.text));
        // Set before the write: an error or a panic inside it leaves the flag set.
        self.is_torn = true;
        self.writer.write_all(&text)?;
        self.writer.flush()?;
        self.is_torn = false;
        Ok(())
    }
}
