//! Where a request comes from, as the server knows it.

use std::net::{IpAddr, SocketAddr};

use http::request::Parts;

/// The address of the connection on which a request came. The server puts it into the extensions of the request; no
/// header is ever read for it, since whoever sends `X-Forwarded-For` writes into it what they like. Behind a proxy, put
/// in what your proxy tells, once you know that it was your proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddress(IpAddr);

impl From<IpAddr> for PeerAddress {
    fn from(address: IpAddr) -> Self {
        Self(address)
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address.ip())
    }
}

impl PeerAddress {
    /// What is assigned to one subscriber: an IPv4 address, or an IPv6 network of 64 bits
    /// ([RFC 6177 §2](https://www.rfc-editor.org/rfc/rfc6177#section-2)), in which one may take any address.
    fn subscriber(self) -> u128 {
        const NETWORK: u128 = !0 << 64;
        match self.0.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits() & NETWORK,
        }
    }
}

/// The subscriber who sent a request; everybody whose address is not known counts as one.
pub(super) fn subscriber(request: &Parts) -> Option<u128> {
    request.extensions.get::<PeerAddress>().map(|peer| peer.subscriber())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_has_one_ipv4_address_or_one_ipv6_network() {
        let rows = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::1", "::ffff:0.0.0.1", false),
        ];
        for (one, other, same) in rows {
            let subscriber = |text: &str| PeerAddress::from(text.parse::<IpAddr>().unwrap()).subscriber();
            assert_eq!(subscriber(one) == subscriber(other), same, "{one} and {other}");
        }
    }
}
