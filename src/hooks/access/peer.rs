//! The address from which a request comes, as the server knows it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::RequestHead;

/// The address of the connection on which a request came. The server puts it into the extensions of the request.
///
/// No header is read for it, because the sender of a request can write any address into `X-Forwarded-For`. Behind a
/// proxy all connections come from the proxy: insert the address that your proxy reports, after you have checked that the
/// request came from your proxy.
///
/// ```
/// use std::net::SocketAddr;
/// use tower_dcr::gate::PeerAddress;
///
/// let connection: SocketAddr = "192.0.2.1:49152".parse()?;
/// assert_eq!(PeerAddress::from(connection), PeerAddress::from(connection.ip()));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
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
    /// The address, with an IPv4-mapped IPv6 address as IPv4: a socket that accepts both versions reports IPv4 peers in
    /// that form, and they must not get a second limit.
    fn canonical(self) -> IpAddr {
        self.0.to_canonical()
    }

    /// The block that one subscriber has: an IPv4 address, or an IPv6 network of 64 bits
    /// ([RFC 6177 §2](https://www.rfc-editor.org/rfc/rfc6177#section-2)), of which the subscriber can use every address.
    #[cfg(feature = "rate-limit")]
    pub(super) fn subscriber(self) -> Block {
        Block::around(self.canonical(), 32, 64)
    }

    /// The block that is often assigned as a whole: 256 IPv4 addresses, or an IPv6 network of 48 bits, which contains
    /// 65,536 networks of 64 bits.
    pub(crate) fn network(self) -> Block {
        Block::around(self.canonical(), 24, 48)
    }
}

/// A block of addresses, displayed as `192.0.2.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    pub(super) first: IpAddr,
    length: u32,
}

impl Block {
    /// The block with this address, by the length of its prefix in either version of IP.
    fn around(address: IpAddr, ipv4: u32, ipv6: u32) -> Self {
        // `unbounded_shr` gives 0 for a shift by the full width, where `>>` would panic.
        let (first, length) = match address {
            IpAddr::V4(address) => {
                (Ipv4Addr::from_bits(address.to_bits() & !(!0_u32).unbounded_shr(ipv4)).into(), ipv4)
            }
            IpAddr::V6(address) => {
                (Ipv6Addr::from_bits(address.to_bits() & !(!0_u128).unbounded_shr(ipv6)).into(), ipv6)
            }
        };
        Self { first, length }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.first, self.length)
    }
}

/// The address that the server put into the extensions of a request.
pub(crate) fn address(request: &RequestHead<'_>) -> Option<PeerAddress> {
    request.extensions().get::<PeerAddress>().copied()
}

#[cfg(all(test, feature = "rate-limit"))]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_a_subscriber_and_a_network() {
        let rows = [
            ("192.0.2.1", "192.0.2.1/32", "192.0.2.0/24"),
            ("255.255.255.255", "255.255.255.255/32", "255.255.255.0/24"),
            ("::ffff:192.0.2.1", "192.0.2.1/32", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
            ("2001:db8::ffff:1", "2001:db8::/64", "2001:db8::/48"),
            ("::1", "::/64", "::/48"),
        ];
        for (text, subscriber, network) in rows {
            let address = PeerAddress::from(text.parse::<IpAddr>().unwrap());
            let blocks = (address.subscriber().to_string(), address.network().to_string());
            assert_eq!(blocks, (subscriber.to_owned(), network.to_owned()), "{text}");
        }
    }
}
