//! A network between a server and its database that can be cut and mended.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Passes connections on to an address until it is cut.
pub(crate) struct Link {
    pub(crate) port: u16,
    target: String,
    traffic: Option<JoinSet<()>>,
}

impl Link {
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        Self { port, traffic: Some(pass_on(listener, target.clone())), target }
    }

    /// All connections break, and new ones are refused.
    pub(crate) async fn cut(&mut self) {
        if let Some(mut traffic) = self.traffic.take() {
            traffic.shutdown().await;
        }
    }

    /// The same address works again.
    pub(crate) async fn mend(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.traffic = Some(pass_on(listener, self.target.clone()));
    }
}

fn pass_on(listener: TcpListener, target: String) -> JoinSet<()> {
    let mut traffic = JoinSet::new();
    traffic.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let target = target.clone();
            connections.spawn(async move {
                let Ok(mut far) = TcpStream::connect(target).await else { return };
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    traffic
}
