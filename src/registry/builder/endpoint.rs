//! Where the endpoint is and how it answers.
//!
//! All of these values appear in replies or decide which requests are answered, so none of them is taken from a
//! request.

use std::sync::Arc;

use super::RegistryBuilder;
use crate::registry::settings::Preconditions;

impl RegistryBuilder {
    /// The header with the request identifier, which correlates events of the audit trail with other logs. It is read
    /// if the request has exactly one such header with a value of 1 to 128 visible ASCII characters. Callers can set
    /// it, so let a layer or a proxy in front overwrite it. Default: `x-request-id`.
    pub fn with_request_id_header(mut self, name: impl Into<String>) -> Self {
        self.endpoint.request_id_header = Some(name.into());
        self
    }

    /// Reads no request identifier; see [`with_request_id_header`](Self::with_request_id_header).
    pub fn without_request_id_header(mut self) -> Self {
        self.endpoint.request_id_header = None;
        self
    }

    /// Whether `POST ..?dry_run=true` returns what would be registered and registers nothing. A caller that may not
    /// register is refused here too. An initial access token is not spent. Default: no, and the query is ignored.
    pub fn with_dry_run(mut self, enabled: bool) -> Self {
        self.endpoint.dry_run = enabled;
        self
    }

    /// The name of the tenant, 1 to 64 of `A-Z a-z 0-9 - . _ ~`: the registry works on the tenant's part of the store
    /// and its events name the tenant. Default: no name, and the store as it was given.
    pub fn with_tenant(mut self, name: impl Into<Arc<str>>) -> Self {
        self.runtime.tenant = Some(name.into());
        self
    }

    /// The path of the registration endpoint below the base URL. Default: `/oidc/register`. If the base URL has a
    /// path itself, the endpoint answers with and without that path, because a proxy in front may remove it or not.
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.endpoint.path = path.into();
        self
    }

    /// Another path at which the endpoint answers (repeatable). Replies, for example `registration_client_uri`,
    /// always have the path of [`with_path`](Self::with_path). Default: none, and `/register` with
    /// [`Switch::RegisterPath`](crate::Switch::RegisterPath).
    pub fn with_alias(mut self, path: impl Into<String>) -> Self {
        self.endpoint.aliases.push(path.into());
        self
    }

    /// Whether updates and deletions are conditional on `If-Match`
    /// ([RFC 9110 §13.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1)). Default:
    /// [`Preconditions::Optional`].
    pub fn with_preconditions(mut self, preconditions: Preconditions) -> Self {
        self.endpoint.preconditions = preconditions;
        self
    }

    /// The largest request body in bytes, 1 to 1048576. A larger one is answered with 413 and is not read to its end.
    /// Default: 65536.
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.endpoint.body_limit = bytes;
        self
    }

    /// The issuer identifier of the authorization server
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)), octet for octet as its metadata states it:
    /// `https` (or `http` on this machine) without query and fragment. Client assertions name it as their audience.
    /// Default: the base URL without a slash at its end.
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.endpoint.issuer = Some(issuer.into());
        self
    }

    /// The realm of challenges ([RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3)), printable ASCII
    /// without `"` and `\`. Default: `client registration`.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.endpoint.realm = realm.into();
        self
    }
}
