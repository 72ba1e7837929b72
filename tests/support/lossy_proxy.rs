//! A network that drops data on its old connections while new ones work, like a firewall that lost its state.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes connections on to an address.
pub(crate) struct LossyProxy {
    pub(crate) port: u16,
    /// The number of connections, in order of arrival, whose data is dropped.
    lost: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
    _traffic: JoinSet<()>,
}

impl LossyProxy {
    pub(crate) async fn to(target: impl Into<String>) -> Self {
        let target = target.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (lost, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut traffic = JoinSet::new();
        let (are_lost, are_accepted) = (Arc::clone(&lost), Arc::clone(&accepted));
        traffic.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let number = are_accepted.fetch_add(1, Ordering::SeqCst);
                let (target, lost) = (target.clone(), Arc::clone(&are_lost));
                connections.spawn(async move {
                    let Ok(far) = TcpStream::connect(target).await else { return };
                    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                    let is_lost = || lost.load(Ordering::SeqCst) > number;
                    tokio::join!(pass_on(near_in, far_out, is_lost), pass_on(far_in, near_out, is_lost));
                });
            }
        });
        Self { port, lost, accepted, _traffic: traffic }
    }

    /// Drops the data of all present connections without closing them, so neither side gets an error.
    pub(crate) fn lose(&self) {
        self.lost.store(self.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// Arriving data is always read, so the sender's TCP sees it acknowledged.
async fn pass_on(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    is_lost: impl Fn() -> bool,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        if !is_lost() && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
    if is_lost() {
        std::future::pending::<()>().await;
    }
}
