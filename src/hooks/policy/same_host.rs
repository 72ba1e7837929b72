//! Pages about a client on the hosts that the client redirects to.

use super::{Policy, Refusal, Review, Verdict};
use crate::protocol::metadata::{ClientMetadata, Localized};
use crate::protocol::uri::Parts;
use crate::protocol::uri::redirect;
use crate::protocol::uri::redirect::Kind;

/// Demands that `client_uri`, `logo_uri`, `tos_uri` and `policy_uri`, in every language, share a host with a redirection
/// URI of the client, so that nobody shows the logo of another site on the consent page (P2,
/// [RFC 7591 §5](https://www.rfc-editor.org/rfc/rfc7591#section-5),
/// [OpenID Connect Registration §9.1](https://openid.net/specs/openid-connect-registration-1_0.html#Impersonation)).
///
/// Hosts are compared as a whole, without regard to case; ports are free. Another host is refused, or left out with
/// [`with_leaving_out`](Self::with_leaving_out). A client without any `https` redirection URI (a native one: loopback,
/// private-use schemes) has no host that vouches for it, so what does not share its loopback host is always left out,
/// and the client still gets in. So it is for a client without redirection URIs.
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
///     .with_policy(SameHost::new())
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
#[derive(Debug, Clone, Default)]
pub struct SameHost {
    leaving_out: bool,
}

impl SameHost {
    /// Refuses another host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a URI on another host is left out of the registration instead of refused. Default: no.
    #[must_use]
    pub fn with_leaving_out(mut self, leaving_out: bool) -> Self {
        self.leaving_out = leaving_out;
        self
    }
}

impl Policy for SameHost {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let hosts = Hosts::of(review.metadata());
        let mut metadata = review.metadata().clone();
        let mut foreign = Vec::new();
        for (name, member) in members(&mut metadata) {
            let elsewhere = member.iter().filter(|(_, uri)| !hosts.contain(uri));
            foreign.extend(elsewhere.map(|(tag, _)| crate::protocol::metadata::pointer(name, tag, None)));
            member.retain(|uri| hosts.contain(uri));
        }
        if foreign.is_empty() {
            return Verdict::accept();
        }
        if self.leaving_out || !hosts.vouch {
            return Verdict::replace(metadata);
        }
        let detail = "the host is not one that the client redirects to";
        foreign.into_iter().map(|pointer| Refusal::new("P2", detail).at(pointer)).collect()
    }
}

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
    /// Whether one of them is a place of its own, not just this or that user's device.
    vouch: bool,
}

impl<'a> Hosts<'a> {
    fn of(metadata: &'a ClientMetadata) -> Self {
        let uris = || metadata.redirect_uris.iter();
        Self {
            names: uris().filter_map(|uri| host(uri)).collect(),
            vouch: uris().any(|uri| redirect::check(uri) == Ok(Kind::Https)),
        }
    }

    fn contain(&self, uri: &str) -> bool {
        host(uri).is_some_and(|host| self.names.iter().any(|name| name.eq_ignore_ascii_case(host)))
    }
}

/// The host of an `http` or `https` URI, as written.
fn host(uri: &str) -> Option<&str> {
    let parts = Parts::read(uri).ok()?;
    let web = parts.has_scheme("https") || parts.has_scheme("http");
    parts.server().ok().filter(|_| web).map(|server| server.host)
}
