//! How a store connects to Redis, beyond the URL: certificates, which no URL can have.
//!
//! Without the feature `redis-tls` the options are empty, but the type is there: an application that turns the feature
//! on does not have to change its calls.

/// How a [`RedisStore`](super::RedisStore) connects, beyond its URL. By default a certificate is verified by the roots
/// that the operating system trusts, and the store presents none.
///
/// ```
/// use tower_dcr::store::RedisOptions;
///
/// let options = RedisOptions::new();
/// assert!(!format!("{options:?}").is_empty());
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RedisOptions {
    #[cfg(feature = "redis-tls")]
    /// In PEM; `None` for the roots of the operating system.
    root_certificates: Option<Vec<u8>>,
    #[cfg(feature = "redis-tls")]
    /// The chain and the key in PEM, for mutual TLS.
    client_certificate: Option<redis::ClientTlsConfig>,
}

impl RedisOptions {
    /// No certificates of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[cfg(feature = "redis-tls")]
impl RedisOptions {
    /// Trusts servers by these certificates, in PEM, instead of those of the operating system.
    /// They are read when the store connects, which then reports an error in them.
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Presents a certificate to servers that want one (`tls-auth-clients`): the chain and its private key, in PEM.
    /// The user and the password of the URL are sent as well.
    #[must_use]
    pub fn with_client_certificate(mut self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        let (client_cert, client_key) = (chain.into(), key.into());
        self.client_certificate = Some(redis::ClientTlsConfig { client_cert, client_key });
        self
    }

    /// The certificates for the driver; `None` if none are set.
    pub(super) fn certificates(&self) -> Option<redis::TlsCertificates> {
        let Self { root_certificates: root_cert, client_certificate: client_tls } = self.clone();
        (root_cert.is_some() || client_tls.is_some()).then_some(redis::TlsCertificates { client_tls, root_cert })
    }
}

/// The driver verifies certificates with the cryptography provider of the process, and panics if the program has more
/// than one and has installed none. An application that has a preference installs its own before.
#[cfg(feature = "redis-tls")]
pub(super) fn settle_cryptography() {
    use rustls::crypto::{CryptoProvider, ring};

    if CryptoProvider::get_default().is_none() {
        // Another thread may have installed one at the same moment, which is equally good.
        let _ = ring::default_provider().install_default();
    }
}
