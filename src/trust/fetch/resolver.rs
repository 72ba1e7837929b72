//! Resolves a host name to addresses to which a connection is permitted.
//!
//! The check is between the resolver and the connection: the address that was checked is the one that is used. So a name
//! that resolves to another address the next time (DNS rebinding) has no effect.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::protocol::uri::is_public_address;

/// Resolves host names. The addresses are checked after it, so a resolver need not be trusted. An example is in the
/// [module](super).
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a host name, in the order in which they are tried.
    ///
    /// # Errors
    ///
    /// When the name cannot be resolved. The fetch then fails with
    /// [`FetchErrorKind::Transport`](super::FetchErrorKind::Transport).
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The resolver of the operating system, which may read `/etc/hosts` and search domains.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((host, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// A look-up, boxed.
type Looked<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// A resolver behind a pointer, so that the fetcher does not carry its type.
pub(super) trait ErasedResolver: Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str) -> Looked<'a>;
}

impl<R: Resolver> ErasedResolver for R {
    fn resolve<'a>(&'a self, host: &'a str) -> Looked<'a> {
        Box::pin(Resolver::resolve(self, host))
    }
}

/// The resolver of the HTTP client: it returns only addresses to which a connection is permitted.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) resolver: Arc<dyn ErasedResolver>,
    /// Addresses that are allowed although they are not public.
    pub(super) allowed: Arc<[IpAddr]>,
}

impl Guard {
    /// Whether a connection to this address is permitted.
    fn allows(&self, address: IpAddr) -> bool {
        is_public_address(address) || self.allowed.contains(&address)
    }

    /// The permitted addresses of a host.
    async fn addresses(self, host: Name) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
        let found = self.resolver.resolve(host.as_str()).await?.into_iter();
        // Port 0: the HTTP client uses the port of the URL.
        let allowed: Vec<_> = found.filter(|address| self.allows(*address)).collect();
        match allowed.is_empty() {
            true => Err(NoPublicAddress.into()),
            false => Ok(Box::new(allowed.into_iter().map(|address| SocketAddr::new(address, 0)))),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, host: Name) -> Resolving {
        Box::pin(self.clone().addresses(host))
    }
}

/// A host has no address to which a connection is permitted.
#[derive(Debug)]
pub(super) struct NoPublicAddress;

impl fmt::Display for NoPublicAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the host has no public address")
    }
}

impl Error for NoPublicAddress {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resolver that always finds the same.
    struct Always(Vec<IpAddr>);

    impl Resolver for Always {
        async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
            Ok(self.0.clone())
        }
    }

    async fn returned(found: &[&str], allowed: &[&str]) -> Vec<String> {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let guard = Guard { resolver: Arc::new(Always(parse(found))), allowed: parse(allowed).into() };
        match Resolve::resolve(&guard, "h.example".parse().unwrap()).await {
            Ok(addresses) => addresses.map(|address| address.ip().to_string()).collect(),
            Err(error) => {
                assert!(error.is::<NoPublicAddress>());
                Vec::new()
            }
        }
    }

    #[tokio::test]
    async fn no_address_of_this_machine_or_network_is_returned() {
        let addresses = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in addresses {
            assert!(returned(&[address], &[]).await.is_empty(), "{address}");
        }
    }

    #[tokio::test]
    async fn of_several_addresses_the_public_ones_are_returned() {
        let found = ["10.0.0.1", "9.9.9.9", "::1", "2620:fe::fe", "::ffff:9.9.9.9"];
        assert_eq!(returned(&found, &[]).await, ["9.9.9.9", "2620:fe::fe"]);
        assert!(returned(&[], &[]).await.is_empty());
    }

    #[tokio::test]
    async fn an_address_that_the_operator_allows_is_returned_and_no_other() {
        let found = ["127.0.0.1", "127.0.0.2", "::1"];
        assert_eq!(returned(&found, &["127.0.0.1"]).await, ["127.0.0.1"]);
    }
}
