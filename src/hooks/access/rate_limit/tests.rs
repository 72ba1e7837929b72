//! The limits of peers, networks and all requests, with a clock that the test sets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Request;
use http::request::Parts;

use super::peer::PeerAddress;
use super::*;
use crate::clock::Clock;
use crate::error::ConfigErrorKind;

/// A clock that the test sets.
#[derive(Debug, Clone, Default)]
struct Turned(Arc<AtomicU64>);

impl Turned {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Turned {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn at(address: impl Into<IpAddr>) -> Parts {
    Request::post("/").extension(PeerAddress::from(address.into())).body(()).unwrap().into_parts().0
}

fn from(peer: u32) -> Parts {
    at(Ipv4Addr::from_bits(peer))
}

/// An address in this IPv6 network of 64 bits, of the 65,536 that this network of 48 bits has.
fn within(network: u32, subnet: u16) -> Parts {
    let bits = 0x2001 << 112 | u128::from(network) << 80 | u128::from(subnet) << 64 | 1;
    at(Ipv6Addr::from_bits(bits))
}

impl RateLimit {
    fn exceeded(&self, request: &Parts) -> Option<(Limit, Duration)> {
        self.exceeded_limit(&RequestHead::of_parts(request))
    }

    fn wait(&self, request: &Parts) -> Option<Duration> {
        self.exceeded(request).map(|(_, wait)| wait)
    }

    fn allows(&self, request: &Parts) -> bool {
        self.exceeded(request).is_none()
    }
}

#[test]
fn attempts_are_restored_evenly() {
    let clock = Turned::default();
    let limit = RateLimit::builder(3, MINUTE).with_clock(clock.clone()).build().unwrap();
    let waits: Vec<_> = (0..4).map(|_| limit.wait(&from(1))).collect();
    assert_eq!(waits, [None, None, None, Some(Duration::from_secs(20))]);
    clock.advance(19);
    assert_eq!(limit.wait(&from(1)), Some(Duration::from_secs(1)));
    clock.advance(1);
    assert_eq!([limit.wait(&from(1)), limit.wait(&from(1))], [None, Some(Duration::from_secs(20))]);
    assert_eq!(limit.wait(&from(2)), None, "another peer");
}

#[test]
fn a_peer_with_too_many_requests_uses_no_attempt_of_other_peers() {
    let limit = RateLimit::builder(1, MINUTE).with_global(3, MINUTE).with_clock(Turned::default()).build().unwrap();
    assert_eq!(limit.wait(&from(1)), None);
    assert!((0..100).all(|_| limit.wait(&from(1)).is_some()));
    assert_eq!([limit.wait(&from(2)), limit.wait(&from(3))], [None, None]);
    assert_eq!(limit.wait(&from(4)), Some(Duration::from_secs(20)), "all together");
}

/// `(1 - exp(-4 * 60,000 / 1,048,576))^4` is 0.18 %, so of 10,000 peers 18 are expected to be refused, with a standard
/// deviation of about 4. More than 50 do not happen by chance.
#[test]
fn sixty_thousand_used_up_addresses_leave_fresh_ones_alone() {
    let limit = RateLimit::builder(2, MINUTE).with_clock(Turned::default()).build().unwrap();
    let spread = |peer: u32| from(peer.wrapping_mul(0x9E37_79B1));
    for used in (0..60_000).map(spread) {
        while limit.allows(&used) {}
    }
    let refused = (60_000..70_000).filter(|honest| !limit.allows(&spread(*honest))).count();
    assert!(refused <= 50, "{refused} of 10,000 were refused");
}

#[test]
fn peers_without_requests_are_forgotten() {
    let clock = Turned::default();
    let limit = RateLimit::builder(1, MINUTE).with_max_keys(1000).with_clock(clock.clone()).build().unwrap();
    for peer in 0..100_000 {
        limit.wait(&from(peer));
    }
    assert!(!limit.allows(&from(100_000)), "a table of 1000 buckets is used up");
    clock.advance(60);
    assert!(limit.allows(&from(100_000)));
}

#[test]
fn a_network_that_changes_its_addresses_is_bounded_and_its_neighbours_are_not_affected() {
    let clock = Turned::default();
    let limit = RateLimit::builder(2, MINUTE).with_clock(clock.clone()).build().unwrap();
    let allowed = (0..=u16::MAX).filter(|subnet| limit.allows(&within(1, *subnet))).count();
    assert_eq!(allowed, 32, "16 times the attempts of one peer");
    let (cause, wait) = limit.exceeded(&within(1, 0)).unwrap();
    assert_eq!(cause.to_string(), "the rate limit of the network 2001:0:1::/48 is reached");
    assert_eq!(wait, Duration::from_millis(1875));
    let others = (2..1002).filter(|network| limit.allows(&within(*network, 0))).count();
    assert_eq!(others, 1000, "refused attempts use up no bucket of the peers");
    clock.advance(60);
    assert!(limit.allows(&within(1, 7)));
}

#[test]
fn one_peer_uses_up_nothing_of_its_network() {
    let builder = RateLimit::builder(2, MINUTE).with_max_per_ipv6_48(3).with_max_per_ipv4_24(3);
    let limit = builder.with_clock(Turned::default()).build().unwrap();
    for (name, peer) in [("IPv6", within as fn(u32, u16) -> Parts), ("IPv4", |_, host| at([192, 0, 2, host as u8]))] {
        let allowed = (0..100).filter(|_| limit.allows(&peer(1, 1))).count();
        assert_eq!(allowed, 2, "{name}: a peer");
        assert!(limit.allows(&peer(1, 2)), "{name}: its neighbour");
        assert!(matches!(limit.exceeded(&peer(1, 3)), Some((Limit::Network(_), _))), "{name}: all of them together");
    }
    assert!(limit.allows(&from(1)) && limit.allows(&within(2, 1)), "other networks");
}

#[test]
fn an_ipv4_network_has_no_limit_by_default() {
    let limit = RateLimit::builder(1, MINUTE).with_clock(Turned::default()).build().unwrap();
    assert!((0..=255).all(|host| limit.allows(&at([192, 0, 2, host]))));
    let (cause, _) = limit.exceeded(&at([192, 0, 2, 7])).unwrap();
    assert_eq!(cause.to_string(), "the rate limit of the peer 192.0.2.7/32 is reached");
}

#[test]
fn a_custom_key_distinguishes_peers_and_a_forwarded_header_does_not() {
    let named = |name: &str, value: &str| Request::post("/").header(name, value).body(()).unwrap().into_parts().0;
    let limit = RateLimit::builder(1, MINUTE).build().unwrap();
    assert_eq!(limit.wait(&named("x-forwarded-for", "192.0.2.1")), None);
    assert!(limit.wait(&named("x-forwarded-for", "192.0.2.2")).is_some(), "requests without an address are one peer");

    let builder = RateLimit::builder(1, MINUTE).with_key(|request| request.headers().get("x-team").cloned());
    let limit = builder.build().unwrap();
    assert_eq!([limit.wait(&named("x-team", "a")), limit.wait(&named("x-team", "b"))], [None, None]);
    assert!(limit.wait(&named("x-team", "a")).is_some());
}

#[test]
fn a_limit_that_cannot_be_applied_is_refused() {
    let rows = [
        ("no attempt", RateLimit::builder(0, MINUTE)),
        ("no time", RateLimit::builder(1, Duration::ZERO)),
        ("no limit", RateLimit::builder(u32::MAX, Duration::from_nanos(1))),
        ("no attempt of all", RateLimit::builder(1, MINUTE).with_global(0, MINUTE)),
        ("no key", RateLimit::builder(1, MINUTE).with_max_keys(0)),
        ("too many keys", RateLimit::builder(1, MINUTE).with_max_keys(u64::MAX)),
        ("no attempt of a network", RateLimit::builder(1, MINUTE).with_max_per_ipv6_48(0)),
        ("no attempt of an IPv4 network", RateLimit::builder(1, MINUTE).with_max_per_ipv4_24(0)),
        ("an age", RateLimit::builder(1, Duration::MAX)),
        ("an age for all", RateLimit::builder(1, MINUTE).with_global(1, Duration::MAX)),
    ];
    for (name, builder) in rows {
        assert_eq!(builder.build().unwrap_err().kind(), ConfigErrorKind::RateLimit, "{name}");
    }
}
