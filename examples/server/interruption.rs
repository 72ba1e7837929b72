//! Signals while the server does not serve requests: while it opens its store at the start and closes it at the end.

use std::error::Error;
use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::time::timeout;
use tower_dcr::Registry;

use crate::serve::signals::Signals;

/// The result of this work, or an error when a signal comes first.
pub(crate) async fn or_signal<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let mut signals = Signals::install()?;
    tokio::select! {
        done = work => Ok(done),
        () = signals.next() => Err(io::Error::other("a signal ended the server before its database answered")),
    }
}

/// Closes the store and waits at most this time. Every acknowledged change is durable already, so a database that
/// does not answer must not delay the shutdown.
pub(crate) async fn close(registry: &Registry, longest: Duration) -> Result<(), Box<dyn Error>> {
    match or_signal(timeout(longest, registry.close())).await? {
        Ok(closed) => Ok(closed?),
        Err(_) => {
            eprintln!("server: the drain timeout is over; the store is left without being closed");
            Ok(())
        }
    }
}
