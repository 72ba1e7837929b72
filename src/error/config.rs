//! What keeps a server from starting.

use std::error::Error;
use std::fmt;

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// The base URL is not an `https` URL (or `http` on this machine) without query and fragment.
    BaseUrl,
    /// The path of the endpoint does not start with `/`, ends with `/`, or holds more than plain path segments.
    Path,
    /// No grant type is offered that could stand alone, or one that [`LegacyGrantsRefused`](crate::Switch) forbids.
    GrantTypes,
    /// No authentication method is offered, or one whose members belong to an extension that is off.
    AuthMethods,
    /// No signature algorithm is offered, or `none`.
    Algorithms,
    /// No subject type is offered.
    SubjectTypes,
    /// A scope breaks the grammar of [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3), or the default
    /// is not allowed.
    Scopes,
    /// A static initial access token is empty, shorter than 16 characters or no bearer token
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).
    InitialAccessToken,
    /// The realm of challenges is empty or holds something else than printable ASCII without `"` and `\`.
    Realm,
    /// The name of a tenant is not 1 to 64 of `A-Z a-z 0-9 - . _ ~`.
    Tenant,
    /// Two tenants share what should tell them apart: their name, their host, their path.
    Tenants,
    /// The body limit is 0 or above 1 MiB.
    BodyLimit,
    /// The lifetime of client secrets is shorter than a second.
    SecretLifetime,
    /// A durable store needs a decision on how client secrets are kept.
    Secrets,
    /// `client_secret_jwt` or an algorithm whose key is the client secret is offered, and only digests of secrets are
    /// kept.
    SymmetricAlgorithms,
    /// No signature algorithm, or one that cannot be verified here.
    IssuerAlgorithms,
    /// The keys of an issuer are no JWK Set, have no key that can verify, or their URL is not `https` to a public name.
    Keys,
    /// A number of a rate limit is zero.
    RateLimit,
    /// Documents are to be checked, and there is no source of documents.
    Documents,
    /// Keys for sealing secrets are none, are not `name:base64` of 32 bytes, or two have the same name.
    SealingKeys,
    /// A limit of the fetcher is zero, or what should be root certificates is none.
    Fetcher,
    /// An entry of [`RedirectHosts`](crate::policy::RedirectHosts) is not `host`, `host:port` or one of them with a
    /// path.
    RedirectHost,
    /// The name of an extra member is empty, longer than 64 characters, holds something else than letters, digits and
    /// `- . _`, stands in the standards for something else, or is declared twice.
    ExtraMember,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BaseUrl => "the base URL must be https (http only on loopback), without query and fragment",
            Self::Path => "the endpoint path must look like /oidc/register",
            Self::GrantTypes => {
                "at least one grant type other than refresh_token must be offered, and none that the profile forbids"
            }
            Self::AuthMethods => "an authentication method must be offered, and its extension must be on",
            Self::Algorithms => "a signature algorithm other than none must be offered",
            Self::SubjectTypes => "a subject type must be offered",
            Self::Scopes => "scopes must follow RFC 6749, and the default scope must be allowed",
            Self::InitialAccessToken => "an initial access token must be a bearer token of at least 16 characters",
            Self::Realm => "the realm must be printable ASCII without quotes and backslashes",
            Self::Tenant => "the name of a tenant must be 1 to 64 letters, digits, dashes, dots, underscores or tildes",
            Self::Tenants => "two tenants must not share a name, a host or a path",
            Self::BodyLimit => "the body limit must lie between 1 byte and 1 MiB",
            Self::SecretLifetime => "client secrets must live for a second at least",
            Self::IssuerAlgorithms => "an issuer needs signature algorithms, and such as can be verified",
            Self::Keys => "the keys of an issuer must be a JWK Set with a usable key, or an https URL",
            Self::RateLimit => "the numbers of a rate limit must be above zero",
            Self::Documents => "a source of documents is needed to check jwks_uri",
            Self::Fetcher => "a fetcher needs limits above zero and root certificates as PEM",
            Self::SymmetricAlgorithms => "algorithms under the client secret need secrets that can be read back",
            Self::Secrets => "a durable store needs an explicit choice of how client secrets are kept",
            Self::SealingKeys => "sealing keys must be lines of name:base64, 32 bytes each, with different names",
            Self::RedirectHost => {
                "a redirect host must look like app.example.com, *.example.com:8443 or app.example.com/cb"
            }
            Self::ExtraMember => "the name of an extra member must be plain, free and declared once",
        })
    }
}

impl Error for ConfigError {}
