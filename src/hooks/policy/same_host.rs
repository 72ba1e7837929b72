//! Pages about a client on the hosts that the client redirects to.

use super::{Policy, Refusal, Review, Verdict};
use crate::protocol::metadata::{ClientMetadata, Localized, pointer};
use crate::protocol::uri::Parts;
use crate::protocol::uri::redirect;
use crate::protocol::uri::redirect::Kind;

/// Demands that `client_uri`, `logo_uri`, `tos_uri` and `policy_uri`, in every language, share a host with a redirection
/// URI of the client, so that a client cannot show the logo of another site on the consent page (P2,
/// [RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5),
/// [OpenID Connect Registration §9.1](https://openid.net/specs/openid-connect-registration-1_0.html#Impersonation)).
///
/// Hosts are compared as a whole, without regard to case; ports are not compared. A URI on another host is refused
/// ([`refusing`](Self::refusing)) or removed ([`removing`](Self::removing)). A client without any `https` redirection
/// URI (a native client with loopback or private-use schemes, or a client without redirection URIs) has no host that
/// proves who it is. What does not share its loopback host is always removed, and the client is registered.
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::policy::SameHost;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open)
///     .with_policy(SameHost::refusing())
///     .build(MemoryStore::new())?;
/// let mut metadata = ClientMetadata::new();
/// metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
/// metadata.logo_uri = "https://app.example.com/logo.png".into();
/// assert!(registry.check(metadata.clone()).await.is_ok());
///
/// metadata.logo_uri = "https://bank.example/logo.png".into();
/// assert_eq!(registry.check(metadata.clone()).await.unwrap_err().violations()[0].pointer(), "/logo_uri");
///
/// metadata.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
/// assert!(registry.check(metadata).await?.metadata().logo_uri.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SameHost {
    other_host: OtherHost,
}

/// What happens to a URI on another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherHost {
    Refused,
    Removed,
}

impl SameHost {
    /// Refuses a document with a URI on another host: 400 `invalid_client_metadata`, which names the member.
    #[must_use]
    pub fn refusing() -> Self {
        Self { other_host: OtherHost::Refused }
    }

    /// Removes a URI on another host and registers the rest. The reply does not contain the removed member
    /// ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)).
    #[must_use]
    pub fn removing() -> Self {
        Self { other_host: OtherHost::Removed }
    }
}

impl Policy for SameHost {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let hosts = Hosts::of(review.metadata());
        let mut metadata = review.metadata().clone();
        let mut foreign = Vec::new();
        for (name, member) in members(&mut metadata) {
            let elsewhere = member.iter().filter(|(_, uri)| !hosts.contain(uri));
            foreign.extend(elsewhere.map(|(tag, _)| pointer(name, tag, None)));
            member.retain(|uri| hosts.contain(uri));
        }
        if foreign.is_empty() {
            return Verdict::accept();
        }
        // A refusal would shut out native clients, which have no host of their own to put a logo on.
        if self.other_host == OtherHost::Removed || !hosts.have_website {
            return Verdict::replace(metadata);
        }
        let detail = "the host is not one that the client redirects to";
        foreign.into_iter().map(|pointer| Refusal::new("P2", detail).at(pointer)).collect()
    }
}

/// The members whose pages people see, by name.
fn members(metadata: &mut ClientMetadata) -> [(&'static str, &mut Localized); 4] {
    [
        ("client_uri", &mut metadata.client_uri),
        ("logo_uri", &mut metadata.logo_uri),
        ("tos_uri", &mut metadata.tos_uri),
        ("policy_uri", &mut metadata.policy_uri),
    ]
}

/// The hosts that a client redirects to.
struct Hosts<'a> {
    names: Vec<&'a str>,
    /// Whether one of them is the host of a website, as opposed to the device of a user.
    have_website: bool,
}

impl<'a> Hosts<'a> {
    fn of(metadata: &'a ClientMetadata) -> Self {
        let uris = || metadata.redirect_uris.iter();
        Self {
            names: uris().filter_map(|uri| host(uri)).collect(),
            have_website: uris().any(|uri| redirect::check(uri) == Ok(Kind::Https)),
        }
    }

    /// Whether a URI is on one of these hosts. A URI without a host is on none.
    fn contain(&self, uri: &str) -> bool {
        host(uri).is_some_and(|host| self.names.iter().any(|name| name.eq_ignore_ascii_case(host)))
    }
}

/// The host of an `http` or `https` URI, as written. A private-use scheme may look as if it had one, which proves nothing.
fn host(uri: &str) -> Option<&str> {
    let parts = Parts::read(uri).ok()?;
    let web = parts.has_scheme("https") || parts.has_scheme("http");
    parts.server().ok().filter(|_| web).map(|server| server.host)
}
