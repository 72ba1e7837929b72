//! A web site with TLS on loopback, which counts its requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tower_dcr::fetch::{Fetcher, FetcherBuilder};

use crate::trust::scripted_names::Names;

/// The name in the certificate of every site.
pub(crate) const HOST: &str = "site.example.com";

/// A site that stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    certificate: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Site {
    pub(crate) async fn start(router: Router) -> Self {
        let identity = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(identity.signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let config = config.with_single_cert(vec![identity.cert.der().clone()], key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let arrived = Arc::clone(&requests);
        let router = router.layer(from_fn(move |request: Request, next: Next| {
            arrived.fetch_add(1, Ordering::SeqCst);
            next.run(request)
        }));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), router, Arc::clone(&connections), stopped));
        Self { address, certificate: identity.cert.pem(), connections, requests, _stop: stop }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.address.port())
    }

    /// How many connections were accepted, with or without a handshake.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// How many requests arrived.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// A fetcher that trusts the site and asks these names, which may lead to public addresses only.
    pub(crate) fn strict(&self, names: Names) -> FetcherBuilder {
        Fetcher::builder().with_root_certificates(self.certificate.as_str()).with_resolver(names)
    }

    /// A fetcher that reaches the site.
    pub(crate) fn fetcher(&self) -> FetcherBuilder {
        self.strict(Names::loopback()).dangerously_allow_addresses([self.address.ip()])
    }
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    connections: Arc<AtomicUsize>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted.unwrap().0,
            _ = &mut stopped => return,
        };
        connections.fetch_add(1, Ordering::SeqCst);
        let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            }
        });
    }
}
