//! Where the endpoint is and how it answers.
//!
//! The base URL and the issuer come from the operator alone. They are never taken from a request, because a `Host`
//! header is the choice of the caller, and what clients read in a reply must not be.

use crate::error::{ConfigError, ConfigErrorKind};
use crate::protocol::uri::redirect;
use crate::protocol::{Supported, Switch};

/// Whether updates and deletions name the state of the client that they are meant for
/// ([RFC 9110 §13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Preconditions {
    /// No `ETag` is sent and `If-Match` is ignored.
    Off,
    /// A GET carries an `ETag`; an `If-Match` that names another state is answered with 412.
    #[default]
    Optional,
    /// As `Optional`, and PUT and DELETE without `If-Match` are answered with 428.
    Required,
}

/// Where the endpoint is and how it answers.
#[derive(Debug)]
pub(crate) struct EndpointSettings {
    /// Without a slash at its end after `check`.
    pub(crate) base_url: String,
    /// The issuer identifier, if it is not the base URL.
    pub(crate) issuer: Option<String>,
    pub(crate) path: String,
    /// The base URL and the path, after `check`.
    pub(crate) url: String,
    /// Other paths where the endpoint answers too.
    pub(crate) aliases: Vec<String>,
    /// In bytes.
    pub(crate) body_limit: usize,
    pub(crate) realm: String,
    pub(crate) preconditions: Preconditions,
    /// The name of a header; `None` if no request identifier is read.
    pub(crate) request_id_header: Option<String>,
    pub(crate) dry_run: bool,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            issuer: None,
            path: "/oidc/register".to_owned(),
            url: String::new(),
            aliases: Vec::new(),
            // A document with a key set has a few kilobytes. A large limit lets callers hold memory.
            body_limit: 65_536,
            realm: "client registration".to_owned(),
            preconditions: Preconditions::default(),
            // The name that most proxies and tower-http use by default.
            request_id_header: Some("x-request-id".to_owned()),
            dry_run: false,
        }
    }
}

impl EndpointSettings {
    /// The largest limit that can be set, in bytes. A body is held in memory as a whole.
    const MAX_BODY: usize = 1 << 20;

    /// The paths where the endpoint answers, the canonical path first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.path).chain(&self.aliases)
    }

    /// The issuer identifier, octet for octet as clients compare it
    /// ([RFC 8414 §3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)).
    pub(crate) fn issuer(&self) -> &str {
        self.issuer.as_deref().unwrap_or(&self.base_url)
    }

    /// Checks the group, adds the paths that a switch and the base URL bring, and fills in the URL of the endpoint.
    pub(in crate::registry) fn check(&mut self, supported: &Supported) -> Result<(), ConfigError> {
        if !is_base_url(&self.base_url) {
            return Err(ConfigErrorKind::BaseUrl.url(&self.base_url));
        }
        // Only here: a slash at the end of an issuer is part of the identifier.
        self.base_url.truncate(self.base_url.trim_end_matches('/').len());
        if let Some(issuer) = self.issuer.as_ref().filter(|issuer| !is_base_url(issuer)) {
            return Err(ConfigErrorKind::Issuer.url(issuer));
        }
        if let Some(path) = self.paths().find(|path| !is_plain_path(path)) {
            return Err(ConfigErrorKind::Path.value(path));
        }
        if supported.is_on(Switch::RegisterPath) {
            self.aliases.push("/register".to_owned());
        }
        self.add_paths_below_the_base_url();
        self.url = format!("{}{}", self.base_url, self.path);
        self.check_values()
    }

    /// Checks the options that do not depend on others.
    fn check_values(&self) -> Result<(), ConfigError> {
        if !(1..=Self::MAX_BODY).contains(&self.body_limit) {
            return Err(ConfigErrorKind::BodyLimit.found(self.body_limit));
        }
        if !is_quotable(&self.realm) {
            return Err(ConfigErrorKind::Realm.value(&self.realm));
        }
        match self.request_id_header.as_deref().filter(|name| !is_header_name(name)) {
            Some(name) => Err(ConfigErrorKind::RequestIdHeader.value(name)),
            None => Ok(()),
        }
    }

    /// Clients send requests to the path of the base URL followed by the path of the endpoint. A proxy in front may
    /// remove the first part or leave it, so the endpoint answers at both.
    fn add_paths_below_the_base_url(&mut self) {
        let (_, rest) = self.base_url.split_once("://").unwrap_or_default();
        let Some(start) = rest.find('/') else { return };
        let below: Vec<_> = self.paths().map(|path| format!("{}{path}", &rest[start..])).collect();
        self.aliases.extend(below);
    }
}

/// `https`, or `http` on loopback, and nothing after the path.
fn is_base_url(url: &str) -> bool {
    let kind = redirect::check(url);
    matches!(kind, Ok(redirect::Kind::Https | redirect::Kind::LoopbackHttp)) && !url.contains('?')
}

/// One or more segments of unreserved characters
/// ([RFC 3986 §2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)). Request paths are compared as bytes, so a
/// character that has two spellings must not be in them.
fn is_plain_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    path.strip_prefix('/').is_some_and(|segments| {
        segments.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain))
    })
}

/// Whether a text can stand between quotation marks without escapes. Some clients do not read escapes in challenges.
fn is_quotable(realm: &str) -> bool {
    !realm.is_empty() && realm.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// A token of [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Row, check_rows, supported};
    use super::*;

    /// Checks rows on a group whose base URL is valid unless the row changes it.
    fn check_endpoint_rows(rows: &[Row<EndpointSettings>]) {
        check_rows(rows, |group| {
            if group.base_url.is_empty() {
                group.base_url = "https://id.example.com".to_owned();
            }
            group.check(&supported())
        });
    }

    #[test]
    fn values_of_the_endpoint_are_checked() {
        check_endpoint_rows(&[
            ("defaults", |_| {}, None),
            ("path of two segments", |group| group.path = "/a.b/c-d_e~f".to_owned(), None),
            ("path without a slash", |group| group.path = "register".to_owned(), Some(ConfigErrorKind::Path)),
            ("path with a slash at its end", |group| group.path = "/register/".to_owned(), Some(ConfigErrorKind::Path)),
            ("path with a parameter", |group| group.path = "/{t}/register".to_owned(), Some(ConfigErrorKind::Path)),
            ("path with dot segments", |group| group.path = "/a/../register".to_owned(), Some(ConfigErrorKind::Path)),
            ("empty path", |group| group.path = String::new(), Some(ConfigErrorKind::Path)),
            ("alias without a slash", |group| group.aliases.push("x".to_owned()), Some(ConfigErrorKind::Path)),
            ("smallest body limit", |group| group.body_limit = 1, None),
            ("largest body limit", |group| group.body_limit = 1 << 20, None),
            ("body limit of zero", |group| group.body_limit = 0, Some(ConfigErrorKind::BodyLimit)),
            ("body limit above 1 MiB", |group| group.body_limit = (1 << 20) + 1, Some(ConfigErrorKind::BodyLimit)),
            ("plain realm", |group| group.realm = "a realm".to_owned(), None),
            ("empty realm", |group| group.realm = String::new(), Some(ConfigErrorKind::Realm)),
            ("realm with a quote", |group| group.realm = "a\"b".to_owned(), Some(ConfigErrorKind::Realm)),
            ("realm with a line break", |group| group.realm = "a\nb".to_owned(), Some(ConfigErrorKind::Realm)),
            ("no request identifier", |group| group.request_id_header = None, None),
            (
                "header name with a space",
                |group| group.request_id_header = Some("x id".to_owned()),
                Some(ConfigErrorKind::RequestIdHeader),
            ),
            (
                "empty header name",
                |group| group.request_id_header = Some(String::new()),
                Some(ConfigErrorKind::RequestIdHeader),
            ),
            ("issuer with a path", |group| group.issuer = Some("https://id.example.com/a/".to_owned()), None),
            ("empty issuer", |group| group.issuer = Some(String::new()), Some(ConfigErrorKind::Issuer)),
            (
                "issuer with a query",
                |group| group.issuer = Some("https://id.example.com?a=b".to_owned()),
                Some(ConfigErrorKind::Issuer),
            ),
        ]);
    }

    #[test]
    fn the_base_url_is_https_or_loopback() {
        let refused = Some(ConfigErrorKind::BaseUrl);
        check_endpoint_rows(&[
            ("slash at the end", |group| group.base_url = "https://id.example.com/".to_owned(), None),
            ("path", |group| group.base_url = "https://id.example.com/realm/a".to_owned(), None),
            ("loopback address", |group| group.base_url = "http://127.0.0.1:8080".to_owned(), None),
            ("loopback name", |group| group.base_url = "http://localhost:8080".to_owned(), None),
            ("http", |group| group.base_url = "http://id.example.com".to_owned(), refused),
            ("query", |group| group.base_url = "https://id.example.com/?a=b".to_owned(), refused),
            ("fragment", |group| group.base_url = "https://id.example.com/#a".to_owned(), refused),
            ("no scheme", |group| group.base_url = "id.example.com".to_owned(), refused),
            ("another scheme", |group| group.base_url = "com.example.app:/".to_owned(), refused),
        ]);
        assert!(EndpointSettings::default().check(&supported()).is_err(), "no base URL");
    }

    #[test]
    fn the_issuer_is_the_base_url_unless_it_is_set() -> Result<(), ConfigError> {
        let base_url = "https://id.example.com/a/".to_owned();
        let mut group = EndpointSettings { base_url, ..EndpointSettings::default() };
        group.check(&supported())?;
        assert_eq!(group.issuer(), "https://id.example.com/a");
        assert_eq!(group.url, "https://id.example.com/a/oidc/register");
        assert_eq!(Vec::from_iter(group.paths()), ["/oidc/register", "/a/oidc/register"]);
        group.issuer = Some("https://id.example.com/a/".to_owned());
        assert_eq!(group.issuer(), "https://id.example.com/a/", "a slash is part of the identifier");
        Ok(())
    }
}
