//! TLS to PostgreSQL and Redis: only the configured server is accepted, and plain text is never used by accident.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tower_dcr::credential::SecretStorage;
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::store::ClientStore;
use tower_dcr::{Access, Registry, StoreError};

use crate::certificates::Authority;

/// Registers a client and reads it, so that more than a greeting went over the connection.
async fn works(store: impl ClientStore) {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    let registry = builder.build(store).unwrap();
    let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#).unwrap();
    let registered = registry.register(metadata).await.unwrap();
    let token = registered.registration_access_token().unwrap().expose();
    registry.read(registered.client().id(), token).await.unwrap();
    registry.close().await.unwrap();
}

/// The causes of an error, as a log shows them.
fn causes(error: &StoreError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// A name that is unique among all tests and all runs.
fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A file that is deleted when the value is dropped.
struct Pem(PathBuf);

impl Pem {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(unique("tower_dcr_tls"));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Pem {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

mod postgres {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tower_dcr::store::{PostgresOptions, PostgresStore};

    use super::{Authority, Pem, causes, works};
    use crate::postgres_server::PostgresServer;

    #[tokio::test(flavor = "multi_thread")]
    async fn postgres_is_the_server_that_its_certificate_names_or_none() {
        let (authority, other) = (Authority::new(), Authority::new());
        let name = super::unique("tower_dcr_postgres");
        let server = PostgresServer::with_tls(&name, &authority.issue("localhost"));
        let (right, wrong) = (Pem::new(&authority.certificate()), Pem::new(&other.certificate()));
        let (right, wrong) = (right.0.display(), wrong.0.display());
        for (name, host, parameters, refused) in [
            ("verified", "localhost", format!("sslmode=verify-full&sslrootcert={right}"), None),
            (
                "another authority",
                "localhost",
                format!("sslmode=verify-full&sslrootcert={wrong}"),
                Some("UnknownIssuer"),
            ),
            (
                "another name",
                "127.0.0.1",
                format!("sslmode=verify-full&sslrootcert={right}"),
                Some("not valid for name"),
            ),
            ("no authority", "localhost", "sslmode=verify-full".to_owned(), Some("UnknownIssuer")),
            ("authority alone", "localhost", format!("sslmode=verify-ca&sslrootcert={right}"), None),
            ("authority, wrong", "localhost", format!("sslmode=verify-ca&sslrootcert={wrong}"), Some("UnknownIssuer")),
            ("unverified", "localhost", "sslmode=require".to_owned(), None),
            ("as libpq reads it", "localhost", format!("sslmode=require&sslrootcert={wrong}"), Some("UnknownIssuer")),
            ("loopback", "127.0.0.1", "sslmode=prefer".to_owned(), None),
            ("plain text", "127.0.0.1", "sslmode=disable".to_owned(), Some("no encryption")),
        ] {
            let url = format!("postgres://postgres:s3cret@{host}:{}/postgres?{parameters}", server.port());
            let connected = PostgresStore::connect(&url, PostgresOptions::new()).await;
            match (connected, refused) {
                (Ok(store), None) => works(store).await,
                (Err(error), Some(cause)) => {
                    let causes = causes(&error);
                    assert!(causes.contains(cause) && causes.contains(&server.port().to_string()), "{name}: {causes}");
                    assert!(!causes.contains("s3cret"), "{name}: {causes}");
                }
                (Ok(_), Some(_)) => panic!("{name} connects"),
                (Err(error), None) => panic!("{name}: {}", causes(&error)),
            }
        }
    }

    /// The server answers that it has no TLS. Data sent after that could be read by an eavesdropper.
    #[tokio::test]
    async fn a_postgres_server_without_tls_gets_no_plain_text() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b"N").await.unwrap();
            let mut more = Vec::new();
            let _ = stream.read_to_end(&mut more).await;
            more
        });
        let url = format!("postgres://postgres:s3cret@localhost:{port}/postgres?sslmode=require");
        let error = PostgresStore::connect(&url, PostgresOptions::new()).await.unwrap_err();
        assert!(causes(&error).contains("does not support TLS"), "{}", causes(&error));
        assert!(server.await.unwrap().is_empty(), "nothing is sent after that");
    }
}

mod redis {
    use tower_dcr::store::{RedisOptions, RedisStore};

    use super::{Authority, Pem, causes, works};
    use crate::redis_server::RedisServer;

    /// The files of a server with this authority, which it also trusts clients by.
    fn files(authority: &Authority) -> [Pem; 3] {
        let (certificate, key) = authority.issue("localhost");
        [certificate, key, authority.certificate()].map(|text| Pem::new(&text))
    }

    fn start(files: &[Pem; 3], clients: &str) -> RedisServer {
        let [certificate, key, authority] = files.each_ref().map(|file| file.0.to_str().unwrap());
        let own = ["--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority];
        RedisServer::with_tls(&[&own[..], &["--tls-auth-clients", clients]].concat())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn redis_is_the_server_that_its_certificate_names_or_none() {
        let (authority, other) = (Authority::new(), Authority::new());
        let files = files(&authority);
        let server = start(&files, "no");
        let by = |authority: &Authority| RedisOptions::new().with_root_certificates(authority.certificate());
        for (name, scheme, host, options, refused) in [
            ("verified", "rediss", "localhost", by(&authority), None),
            ("another authority", "rediss", "localhost", by(&other), Some("UnknownIssuer")),
            ("another name", "rediss", "127.0.0.1", by(&authority), Some("not valid for name")),
            ("no authority", "rediss", "localhost", RedisOptions::new(), Some("UnknownIssuer")),
            ("nonsense", "rediss", "localhost", RedisOptions::new().with_client_certificate("no", "key"), Some("PEM")),
            ("certificates in vain", "redis", "localhost", by(&authority), Some("rediss://")),
            ("plain text", "redis", "127.0.0.1", RedisOptions::new(), Some("cannot be used")),
        ] {
            let url = format!("{scheme}://:s3cret@{host}:{}", server.port());
            // The server has no password and would refuse any.
            let url = if refused.is_none() { url.replace(":s3cret@", "") } else { url };
            match (RedisStore::connect_with(&url, &options).await, refused) {
                (Ok(store), None) => works(store).await,
                (Err(error), Some(cause)) => {
                    let causes = causes(&error);
                    assert!(causes.contains(cause) && causes.contains(&server.port().to_string()), "{name}: {causes}");
                    assert!(!causes.contains("s3cret"), "{name}: {causes}");
                }
                (Ok(_), Some(_)) => panic!("{name} connects"),
                (Err(error), None) => panic!("{name}: {}", causes(&error)),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn redis_may_want_a_certificate_of_its_clients() {
        let authority = Authority::new();
        let files = files(&authority);
        let server = start(&files, "yes");
        let url = format!("rediss://localhost:{}", server.port());
        let without = RedisOptions::new().with_root_certificates(authority.certificate());
        RedisStore::connect_with(&url, &without).await.expect_err("no certificate");
        let (certificate, key) = authority.issue("client");
        works(RedisStore::connect_with(&url, &without.with_client_certificate(certificate, key)).await.unwrap()).await;
    }
}
