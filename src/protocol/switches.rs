//! Switches: single rules that an operator turns on or off. A [`Profile`] sets the defaults.
//!
//! A switch exists where two standards disagree, or where a standard is stricter than deployed clients. Everything else is
//! one rule for all servers.
//!
//! One table below has a row for each switch: its name, what it does when it is on, the profiles that turn it on and
//! the text that it comes from.

use std::fmt;
use std::str::FromStr;

use super::Profile;
use super::metadata::{Extension, Extensions};

macro_rules! switches {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, [$($profile:ident),*], $title:literal, $link:literal;)+) => {
        /// A rule that can be switched. On is the stricter way, unless it says otherwise.
        ///
        /// Its short name is also the identifier of the rule in a refusal that the switch causes.
        ///
        /// ```
        /// use tower_dcr::{Profile, Switch};
        ///
        /// assert_eq!("private-use-refused".parse(), Ok(Switch::PrivateUseRefused));
        /// assert!(Switch::RedirectUrisRequired.is_on_in(Profile::Oidc));
        /// assert!(!Switch::RedirectUrisRequired.is_on_in(Profile::OAuth));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Switch {
            $($(#[doc = $doc])+ #[doc = concat!("\n\n`", $text, "`, [", $title, "](", $link, ").")] $name,)+
        }

        impl Switch {
            /// Every switch.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its short name, as [`from_str`](FromStr::from_str) reads it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// Whether this profile turns the switch on.
            #[must_use]
            pub fn is_on_in(self, profile: Profile) -> bool {
                match self {
                    $(Self::$name => [$(Profile::$profile),*].contains(&profile),)+
                }
            }

            /// The description of the switch, and title and link of its source, for the table in `docs/policy.md`.
            #[cfg(test)]
            pub(crate) fn description(self) -> (String, &'static str, &'static str) {
                match self {
                    $(Self::$name => (concat!($($doc),+).trim().to_owned(), $title, $link),)+
                }
            }
        }
    };
}

switches! {
    /// `redirect_uris` is required in every registration, whatever the grant types.
    RedirectUrisRequired = "redirect-uris-required", [Oidc], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// `redirect_uris` may be missing with every grant type, because each pushed request brings its own. More lenient.
    RedirectUrisPushed = "redirect-uris-pushed", [Fapi2], "RFC 9126 §2.4", "https://www.rfc-editor.org/rfc/rfc9126#section-2.4";
    /// `application_type` is taken literally: `web` where it is missing, no private-use scheme for `web`, and another value is refused. Off, it is a hint that the redirect URIs correct, and another value is treated as not sent.
    ApplicationTypeLiteral = "application-type-literal", [Oidc, Fapi2], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// A native client cannot have `https` redirect URIs.
    NativeHttpsRefused = "native-https-refused", [], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// A web client cannot have `http` redirect URIs on loopback. Needs `application-type-literal` to matter.
    WebLoopbackRefused = "web-loopback-refused", [Fapi2], "RFC 9700 §2.6", "https://www.rfc-editor.org/rfc/rfc9700#section-2.6";
    /// Redirect URIs are `https`, or `http` on loopback; desktop clients with a private-use scheme, such as Cursor, are refused.
    PrivateUseRefused = "private-use-refused", [], "MCP Authorization", "https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#2-9-security-considerations";
    /// A private-use scheme needs a dot, as in `com.example.app`.
    PrivateUseDotRequired = "private-use-dot-required", [], "RFC 8252 §8.4", "https://www.rfc-editor.org/rfc/rfc8252#section-8.4";
    /// The grant types `implicit` and `password` cannot be supported by the server.
    LegacyGrantsRefused = "legacy-grants-refused", [Mcp, Fapi2], "RFC 9700 §2.1.2 and §2.4", "https://www.rfc-editor.org/rfc/rfc9700#section-2.1.2";
    /// A grant or response type that is not offered is refused. Off, it is left out while something usable remains.
    UnofferedRefused = "unoffered-refused", [], "RFC 7591 §2", "https://www.rfc-editor.org/rfc/rfc7591#section-2";
    /// A scope that is not allowed is refused. Off, it is left out while one remains.
    UnknownScopesRefused = "unknown-scopes-refused", [], "RFC 7591 §2", "https://www.rfc-editor.org/rfc/rfc7591#section-2";
    /// A software statement is refused where statements are not verified. Off, it is ignored and not returned.
    UnverifiedStatementsRefused = "unverified-statements-refused", [], "RFC 7591 §3.1.1", "https://www.rfc-editor.org/rfc/rfc7591#section-3.1.1";
    /// The default of `id_token_signed_response_alg` is registered and returned: RS256, or the first algorithm that is offered.
    IdTokenAlgStated = "id-token-alg-stated", [Oidc, Fapi2], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// `jwks` has a key for every algorithm with which the server encrypts for the client. Off, a key for any such algorithm is enough.
    EncryptionKeyRequired = "encryption-key-required", [Oidc, Fapi2], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// In a `jwks` with keys for signatures alone and keys for encryption alone, every usable key says `use`. Off, type and `alg` of a key decide its purpose.
    KeyUseRequired = "key-use-required", [Oidc, Fapi2], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// Contacts are e-mail addresses.
    ContactsAreAddresses = "contacts-are-addresses", [], "OpenID Connect Registration §2", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata";
    /// A request URI has at most 512 characters.
    RequestUrisShort = "request-uris-short", [], "OpenID Connect Core §6.2", "https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter";
    /// `backchannel_logout_uri` cannot have a fragment.
    LogoutFragmentRefused = "logout-fragment-refused", [Oidc, Fapi2], "OpenID Connect Back-Channel Logout §2.2", "https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration";
    /// `require_pushed_authorization_requests` is raised to true. Brings the extension `par`.
    PushedRequestsRequired = "pushed-requests-required", [Fapi2], "FAPI 2.0 Security Profile §5.3.2.2", "https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2.2";
    /// Access tokens are bound to a certificate or a key: `tls_client_certificate_bound_access_tokens` or `dpop_bound_access_tokens` is raised to true. Brings the extensions `mtls` and `dpop`.
    SenderConstrainedTokens = "sender-constrained-tokens", [Fapi2], "FAPI 2.0 Security Profile §5.3.2.1", "https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2.1";
    /// A client assertion names the issuer as a string. Off, an array of this one string is accepted too.
    AudienceString = "audience-string", [Fapi2], "FAPI 2.0 Security Profile §5.3.2.1", "https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2.1";
    /// The endpoint also answers at `/register` below the base URL. More lenient.
    RegisterPath = "register-path", [Mcp], "MCP Authorization", "https://modelcontextprotocol.io/specification/2025-03-26/basic/authorization#2-3-3-fallbacks-for-servers-without-metadata-discovery";
    /// Pages of any origin may call the endpoint, with the feature `cors`. More lenient.
    AnyOrigin = "any-origin", [Oidc, Mcp], "OpenID Connect Registration §3", "https://openid.net/specs/openid-connect-registration-1_0.html#ClientRegistration";
}

impl Switch {
    /// The extensions whose members the switch sets. They are on where the switch is.
    pub(crate) fn extensions(self) -> Extensions {
        match self {
            Self::PushedRequestsRequired => Extension::Par.into(),
            Self::SenderConstrainedTokens => Extensions::NONE.with(Extension::MutualTls).with(Extension::DPoP),
            _ => Extensions::NONE,
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The error of a name that no switch has. `Display` lists the names that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownSwitch {
    name: String,
}

impl fmt::Display for UnknownSwitch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Switch::ALL.iter().map(|switch| switch.name());
        crate::error::unknown_name(formatter, &self.name, "switch", known)
    }
}

impl std::error::Error for UnknownSwitch {}

impl FromStr for Switch {
    type Err = UnknownSwitch;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|switch| switch.name() == name)
            .ok_or_else(|| UnknownSwitch { name: name.to_owned() })
    }
}

/// The switches that are on, one bit for each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Switches(u32);

impl Switches {
    /// The switches that a profile turns on.
    pub(crate) fn of(profile: Profile) -> Self {
        // The registry copies this value into the context of a request, so it is a number and not a set.
        let on = Switch::ALL.iter().filter(|switch| switch.is_on_in(profile));
        on.fold(Self(0), |switches, switch| switches.set(*switch, true))
    }

    /// The same switches, with this one on or off.
    pub(crate) fn set(self, switch: Switch, on: bool) -> Self {
        let bit = 1 << switch as u32;
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(self, switch: Switch) -> bool {
        self.0 >> switch as u32 & 1 == 1
    }

    /// The extensions that the switches need which are on.
    pub(crate) fn extensions(self) -> impl Iterator<Item = Extension> {
        Switch::ALL.iter().filter(move |switch| self.is_on(**switch)).flat_map(|switch| switch.extensions().iter())
    }
}
