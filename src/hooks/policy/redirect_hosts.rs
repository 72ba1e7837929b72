//! Redirection URIs restricted to listed hosts and paths.

use super::{Policy, Refusal, Review, Verdict};
use crate::error::{ConfigError, ConfigErrorKind};
use crate::protocol::metadata::{Leads, pointer};
use crate::protocol::uri::Parts;
use crate::protocol::uri::redirect;
use crate::protocol::uri::redirect::Kind;

/// Refuses every URI that could send data about a user to a host or path that is not listed (P1):
///
/// - URIs to which a browser is sent: `redirect_uris`, `post_logout_redirect_uris`, `initiate_login_uri`, and with the
///   extensions that have them `frontchannel_logout_uri`, `claims_redirect_uris` and `credential_offer_endpoint`;
/// - URIs to which the server sends messages: `backchannel_logout_uri`, and with the extensions that have them
///   `backchannel_client_notification_endpoint` and `command_endpoint`.
///
/// Pages that people see are checked by [`SameHost`](super::SameHost). Documents that the server reads, such as keys, may
/// be on any host.
///
/// An entry is `host`, `host:port`, `host/path` or `host:port/path` and allows `https` URIs:
///
/// - The host is compared as a whole, without regard to case. `*.example.com` matches the names below `example.com`, at
///   any depth, and not `example.com` itself.
/// - Without a port in the entry, the URI must have no port, or 443, the default. With a port the URI must have this port.
/// - The path matches itself and what is below it: `/cb` matches `/cb` and `/cb/a`, not `/cbx`; `/cb/` matches `/cb/a`,
///   not `/cb`. It is compared as written. A URI whose path encodes a delimiter (`%2F`, `%5C`, `%2E`, `%25`) is refused,
///   because a server that decodes it may leave the path. Queries are not compared.
///
/// Applications on the user's device have no host. They are refused unless [`with_loopback`](Self::with_loopback)
/// allows `http` on loopback and [`with_schemes`](Self::with_schemes) their private-use schemes
/// ([RFC 8252 §7](https://www.rfc-editor.org/rfc/rfc8252#section-7)).
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::policy::RedirectHosts;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let hosts = RedirectHosts::new(["app.example.com/oauth", "*.partner.example"])?.with_loopback(true);
/// let registry =
///     Registry::builder("https://id.example.com", Access::Open).with_policy(hosts).build(MemoryStore::new())?;
/// for (uri, allowed) in [
///     ("https://app.example.com/oauth/cb", true),
///     ("https://app.example.com/oauthcb", false),
///     ("https://eu.partner.example/cb", true),
///     ("https://app.example.com.evil.example/oauth", false),
///     ("http://127.0.0.1:3000/cb", true),
///     ("cursor://callback", false),
/// ] {
///     let mut metadata = ClientMetadata::new();
///     metadata.redirect_uris = vec![uri.to_owned()];
///     assert_eq!(registry.check(metadata).await.is_ok(), allowed, "{uri}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RedirectHosts {
    entries: Vec<Entry>,
    loopback: bool,
    schemes: Vec<String>,
}

impl RedirectHosts {
    /// Allows these entries and no other URI.
    ///
    /// # Errors
    ///
    /// [`ConfigErrorKind::RedirectHost`] for an entry of another form, such as one with a scheme, a user, a query,
    /// percent-encoding or a wildcard for a whole top-level domain.
    pub fn new<T: AsRef<str>>(entries: impl IntoIterator<Item = T>) -> Result<Self, ConfigError> {
        let read = |entry: &str| Entry::read(entry).ok_or_else(|| ConfigErrorKind::RedirectHost.url(entry));
        let entries = entries.into_iter().map(|entry| read(entry.as_ref()));
        Ok(Self { entries: entries.collect::<Result<_, _>>()?, loopback: false, schemes: Vec::new() })
    }

    /// Whether `http` to `localhost`, names below it, `127.0.0.1` and `[::1]` is allowed. Any application on the user's
    /// device may listen there. Default: no.
    #[must_use]
    pub fn with_loopback(mut self, allowed: bool) -> Self {
        self.loopback = allowed;
        self
    }

    /// The private-use schemes that are allowed, such as `com.example.app`, compared without regard to case. Default:
    /// none.
    #[must_use]
    pub fn with_schemes<T: Into<String>>(mut self, schemes: impl IntoIterator<Item = T>) -> Self {
        self.schemes = schemes.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a URI matches an entry or a setting.
    ///
    /// # Errors
    ///
    /// The reason for the client. It names no entry, because the list may disclose the partners of the operator.
    fn check(&self, uri: &str) -> Result<(), &'static str> {
        let Ok(parts) = Parts::read(uri) else { return Err("this is not an absolute URI") };
        let (allowed, otherwise) = match Kind::of(uri) {
            Kind::Https => (
                self.entries.iter().any(|entry| entry.matches(&parts)),
                "this server does not allow URIs to this host, port or path",
            ),
            Kind::LoopbackHttp => (
                self.loopback && parts.server().is_ok_and(|server| server.is_on_device()),
                "this server does not allow http URIs to this host",
            ),
            Kind::PrivateUse => (
                self.schemes.iter().any(|scheme| parts.has_scheme(scheme)),
                "this server does not allow URIs of this scheme",
            ),
        };
        allowed.then_some(()).ok_or(otherwise)
    }
}

impl Policy for RedirectHosts {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let mut reasons = Vec::new();
        for (member, text) in review.metadata().uris(Leads::delivers) {
            if let Err(detail) = self.check(text.value) {
                reasons.push(Refusal::new("P1", detail).at(pointer(member.name, text.tag, text.index)));
            }
        }
        reasons.into_iter().collect()
    }
}

/// One allowed host, with an optional port and path.
#[derive(Debug, Clone)]
struct Entry {
    /// In lower case; for names below it, with the dot before it.
    host: String,
    below: bool,
    port: Option<String>,
    path: Option<String>,
}

impl Entry {
    const DEFAULT_PORT: &'static str = "443";

    /// Parses an entry with the parser of redirection URIs, so that both are read in the same way.
    fn read(entry: &str) -> Option<Self> {
        let (below, rest) = entry.strip_prefix("*.").map_or((false, entry), |rest| (true, rest));
        let uri = format!("https://{rest}");
        redirect::check(&uri).ok().filter(|_| !rest.contains(['?', '%']))?;
        let parts = Parts::read(&uri).ok()?;
        let server = parts.server().ok()?;
        let host = server.host.to_ascii_lowercase();
        // `*.com` would allow every site, and an address has no names below it.
        if below && (!host.contains('.') || server.ip().is_some()) {
            return None;
        }
        Some(Self {
            host: if below { format!(".{host}") } else { host },
            below,
            port: server.port.map(str::to_owned),
            path: Some(parts.path.to_owned()).filter(|path| !path.is_empty()),
        })
    }

    fn matches(&self, parts: &Parts<'_>) -> bool {
        let Ok(server) = parts.server() else { return false };
        let host = server.host.to_ascii_lowercase();
        // The stored suffix begins with a dot, so `evilexample.com` does not match `*.example.com`.
        let known = if self.below { host.ends_with(&self.host) } else { host == self.host };
        let port = |port: Option<&str>| port.unwrap_or(Self::DEFAULT_PORT).to_owned();
        known && port(server.port) == port(self.port.as_deref()) && self.matches_path(parts.path)
    }

    fn matches_path(&self, path: &str) -> bool {
        let Some(prefix) = &self.path else { return true };
        let below = |rest: &str| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/');
        // A server that resolves dot segments or decodes delimiters would leave the listed path.
        let shortened = redirect::has_dot_segment(path) || hides_delimiter(path);
        path.strip_prefix(prefix.as_str()).is_some_and(below) && !shortened
    }
}

/// Whether decoding the path could add or remove segments. `%25` is included because some servers decode twice.
fn hides_delimiter(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    ["%2f", "%5c", "%2e", "%25"].iter().any(|hidden| lower.contains(hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_hosts_and_paths_are_allowed() {
        let rows = [
            ("host", "app.example.com", "https://app.example.com/cb?a=1", true),
            ("no path", "app.example.com", "https://app.example.com", true),
            ("upper case", "App.Example.com", "https://APP.example.COM/cb", true),
            ("longer name", "app.example.com", "https://app.example.com.evil.example/cb", false),
            ("name before", "app.example.com", "https://evilapp.example.com/cb", false),
            ("name below", "app.example.com", "https://a.app.example.com/cb", false),
            ("host in the user", "app.example.com", "https://app.example.com@evil.example/cb", false),
            ("host in the path", "app.example.com", "https://evil.example/app.example.com", false),
            ("host in the query", "app.example.com", "https://evil.example/?https://app.example.com/", false),
            ("backslash", "app.example.com", "https://evil.example\\@app.example.com/cb", false),
            ("trailing dot", "app.example.com", "https://app.example.com./cb", false),
            ("default port", "app.example.com", "https://app.example.com:443/cb", true),
            ("default port listed", "app.example.com:443", "https://app.example.com/cb", true),
            ("other port", "app.example.com", "https://app.example.com:8443/cb", false),
            ("listed port", "app.example.com:8443", "https://app.example.com:8443/cb", true),
            ("not the listed port", "app.example.com:8443", "https://app.example.com/cb", false),
            ("plain http", "app.example.com", "http://app.example.com/cb", false),
            ("below", "*.example.com", "https://a.b.example.com/cb", true),
            ("below, not itself", "*.example.com", "https://example.com/cb", false),
            ("below, no dot", "*.example.com", "https://evilexample.com/cb", false),
            ("below, longer name", "*.example.com", "https://a.example.com.evil.example/cb", false),
            ("below with a port", "*.example.com:8443", "https://a.example.com:8443/cb", true),
            ("address", "192.0.2.1", "https://192.0.2.1/cb", true),
            ("IPv6", "[2001:db8::1]", "https://[2001:DB8::1]/cb", true),
            ("path itself", "h.example/cb", "https://h.example/cb?a=b", true),
            ("below the path", "h.example/cb", "https://h.example/cb/a", true),
            ("longer segment", "h.example/cb", "https://h.example/cbx", false),
            ("path parameter", "h.example/cb", "https://h.example/cb;x", false),
            ("another case", "h.example/cb", "https://h.example/CB", false),
            ("path with a slash", "h.example/cb/", "https://h.example/cb/a", true),
            ("path with a slash, itself", "h.example/cb/", "https://h.example/cb", false),
            ("dot segments", "h.example/cb", "https://h.example/cb/../evil", false),
            ("encoded dot segments", "h.example/cb", "https://h.example/cb/%2e%2e/evil", false),
            ("encoded slash", "h.example/cb", "https://h.example/cb/..%2fevil", false),
            ("encoded backslash", "h.example/cb", "https://h.example/cb/..%5Cevil", false),
            ("encoded twice", "h.example/cb", "https://h.example/cb/%252e%252e/evil", false),
            ("dot segments with parameters", "h.example/cb", "https://h.example/cb/..;/evil", false),
            ("encoded letter", "h.example/cb", "https://h.example/%63b", false),
            ("harmless encoding", "h.example/cb", "https://h.example/cb/a%20b", true),
            ("encoded slash without a path", "h.example", "https://h.example/a%2Fb", true),
            ("loopback", "localhost", "http://localhost:3000/cb", false),
            ("private use", "h.example", "h.example:/cb", false),
        ];
        for (name, entry, uri, allowed) in rows {
            assert_eq!(RedirectHosts::new([entry]).unwrap().check(uri).is_ok(), allowed, "{name}");
        }
    }

    #[test]
    fn applications_on_the_device_are_allowed_by_settings() {
        let hosts = RedirectHosts::new(["h.example"]).unwrap().with_loopback(true).with_schemes(["com.example.App"]);
        let rows = [
            ("http://localhost:3000/cb", true),
            ("http://[::1]/cb", true),
            ("http://app.localhost:3000/cb", true),
            ("http://127.0.0.2/cb", false),
            ("https://localhost/cb", false),
            ("http://localhost.evil.example/cb", false),
            ("COM.example.app:/cb", true),
            ("com.example.app.evil:/cb", false),
            ("https://h.example/", true),
        ];
        for (uri, allowed) in rows {
            assert_eq!(hosts.check(uri).is_ok(), allowed, "{uri}");
        }
    }

    #[test]
    fn an_entry_of_another_form_is_refused() {
        let entries = [
            "",
            "*",
            "*.",
            "*.com",
            "*.192.0.2.1",
            "*.[::1]",
            "a.*.example",
            "https://h.example",
            "u@h.example",
            "h.example:",
            "h.example:0",
            "h.example?a=b",
            "h.example/#a",
            "h.example/a%20b",
            "h.example/../a",
            "h.example.",
            "b\u{fc}cher.example",
            ".example.com",
            "/cb",
            " h.example",
        ];
        for entry in entries {
            assert_eq!(RedirectHosts::new([entry]).unwrap_err().kind(), ConfigErrorKind::RedirectHost, "{entry}");
        }
    }
}
