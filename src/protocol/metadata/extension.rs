//! Extensions: standards whose members a server understands only where its operator switched them on.
//!
//! A member of an extension changes what the host must do, for instance bind tokens to a key. A host that does not
//! implement the extension must not register the member, because the reply would promise it. So every extension is off by
//! default, and its members are then unknown members.
//!
//! ```
//! use tower_dcr::metadata::{Extension, Extensions};
//!
//! let extensions = Extensions::from_iter([Extension::DPoP, Extension::MutualTls]);
//! assert!(extensions.contains(Extension::DPoP) && !extensions.contains(Extension::Ciba));
//! assert_eq!("mtls".parse(), Ok(Extension::MutualTls));
//! assert_eq!(Extensions::ALL.iter().count(), Extension::ALL.len());
//! ```

use std::fmt;
use std::str::FromStr;

use super::values::{GrantType, ResponseType, TokenEndpointAuthMethod};

macro_rules! extensions {
    ($($name:ident = $text:literal, $title:literal, $link:literal;)+) => {
        /// A standard that defines members of its own. While it is off, its members are unknown members and ignored.
        ///
        /// The host must implement an extension before it is switched on: a registered member is a promise to the client.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Extension {
            $(#[doc = concat!("`", $text, "`: [", $title, "](", $link, ").")] $name,)+
        }

        impl Extension {
            /// Every extension that this crate knows.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its short name, as [`from_str`](FromStr::from_str) reads it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The title of the standard.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }

            /// The link to the section of the standard that defines the members.
            #[must_use]
            pub fn source(self) -> &'static str {
                match self {
                    $(Self::$name => $link,)+
                }
            }
        }
    };
}

extensions! {
    MutualTls = "mtls", "RFC 8705", "https://www.rfc-editor.org/rfc/rfc8705";
    Jar = "jar", "RFC 9101", "https://www.rfc-editor.org/rfc/rfc9101#section-10.5";
    Par = "par", "RFC 9126", "https://www.rfc-editor.org/rfc/rfc9126#section-6";
    Rar = "rar", "RFC 9396", "https://www.rfc-editor.org/rfc/rfc9396#section-10";
    DPoP = "dpop", "RFC 9449", "https://www.rfc-editor.org/rfc/rfc9449#section-5.2";
    Introspection = "introspection", "RFC 9701", "https://www.rfc-editor.org/rfc/rfc9701#section-6";
    Jarm = "jarm", "JARM", "https://openid.net/specs/oauth-v2-jarm.html#section-3";
    FrontChannelLogout = "front-channel-logout", "OpenID Connect Front-Channel Logout", "https://openid.net/specs/openid-connect-frontchannel-1_0.html#RPLogout";
    BackChannelLogout = "back-channel-logout", "OpenID Connect Back-Channel Logout", "https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration";
    Ciba = "ciba", "OpenID Connect CIBA", "https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#registration";
    RpMetadataChoices = "rp-metadata-choices", "OpenID Connect RP Metadata Choices", "https://openid.net/specs/openid-connect-rp-metadata-choices-1_0.html#section-2";
    FapiAliases = "fapi-aliases", "FAPI 2.0 Security Profile", "https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.2.2.1.1";
    FapiResponseModes = "fapi-response-modes", "FAPI 2.0 Message Signing", "https://openid.net/specs/fapi-message-signing-2_0-final.html#section-5.3.3";
    Federation = "federation", "OpenID Federation", "https://openid.net/specs/openid-federation-1_0.html#section-5.2";
    OpenId4Vp = "openid4vp", "OpenID for Verifiable Presentations", "https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#section-11.1";
    CredentialOffer = "credential-offer", "OpenID for Verifiable Credential Issuance", "https://openid.net/specs/openid-4-verifiable-credential-issuance-1_0.html#section-12.1";
    SelfIssued = "siop", "Self-Issued OpenID Provider", "https://openid.net/specs/openid-connect-self-issued-v2-1_0.html#section-7.1";
    ProviderCommands = "provider-commands", "OpenID Provider Commands", "https://openid.net/specs/openid-provider-commands-1_0.html";
    IdentityAssurance = "identity-assurance", "OpenID Connect IDA Attachments", "https://openid.net/specs/openid-connect-4-ida-attachments-1_0.html";
    Uma = "uma", "UMA 2.0 Grant", "https://docs.kantarainitiative.org/uma/wg/rec-oauth-uma-grant-2.0.html#rfc.section.2";
    Nfv = "nfv", "ETSI GS NFV-SEC 022", "https://www.etsi.org/deliver/etsi_gs/NFV-SEC/001_099/022/";
    TokenBinding = "token-binding", "OpenID Connect Token Bound Authentication", "https://openid.net/specs/openid-connect-token-bound-authentication-1_0.html";
}

impl Extension {
    /// The authentication methods that need the members of this extension. They are supported by default where it is on.
    pub(crate) fn auth_methods(self) -> &'static [TokenEndpointAuthMethod] {
        // Only methods that read members of the extension; a client could register none of these without it.
        match self {
            Self::MutualTls => {
                &[TokenEndpointAuthMethod::TlsClientAuth, TokenEndpointAuthMethod::SelfSignedTlsClientAuth]
            }
            _ => &[],
        }
    }

    /// The grant types that need the members of this extension. They are supported by default where it is on.
    pub(crate) fn grant_types(self) -> &'static [GrantType] {
        match self {
            Self::Ciba => &[GrantType::Ciba],
            _ => &[],
        }
    }

    /// The response types that the extension defines. They are supported by default where it is on.
    pub(crate) fn response_types(self) -> &'static [ResponseType] {
        match self {
            Self::OpenId4Vp => &[ResponseType::VpToken, ResponseType::VpTokenIdToken],
            _ => &[],
        }
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A name that no extension has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownExtension {
    name: String,
}

impl fmt::Display for UnknownExtension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Extension::ALL.iter().map(|extension| extension.name());
        crate::error::unknown_name(formatter, &self.name, "extension", known)
    }
}

impl std::error::Error for UnknownExtension {}

impl FromStr for Extension {
    type Err = UnknownExtension;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|extension| extension.name() == name)
            .ok_or_else(|| UnknownExtension { name: name.to_owned() })
    }
}

/// The extensions that are on. Default: none.
// One bit for each extension: the value is copied into every request, so it must be small.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Extensions(u32);

impl Extensions {
    /// No extension.
    pub const NONE: Self = Self(0);
    /// Every extension.
    pub const ALL: Self = Self((1 << Extension::ALL.len()) - 1);

    /// These extensions and one more.
    #[must_use]
    pub const fn with(self, extension: Extension) -> Self {
        Self(self.0 | 1 << extension as u32)
    }

    /// Whether this one is on.
    #[must_use]
    pub const fn contains(self, extension: Extension) -> bool {
        self.0 >> extension as u32 & 1 == 1
    }

    /// The extensions that are on, in the order of [`Extension::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Extension> {
        Extension::ALL.iter().copied().filter(move |extension| self.contains(*extension))
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Self {
        extensions.into_iter().fold(Self::NONE, Self::with)
    }
}

impl From<Extension> for Extensions {
    fn from(extension: Extension) -> Self {
        Self::NONE.with(extension)
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter()).finish()
    }
}

/// Which members a reader knows. Every other member is an extra member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct KnownMembers {
    pub(crate) extensions: Extensions,
    /// Whether software statements are verified; otherwise they are ignored.
    pub(crate) software_statements: bool,
}

impl KnownMembers {
    /// Every member of the table, for documents of the application and for records of a store.
    pub(crate) const ALL: Self = Self { extensions: Extensions::ALL, software_statements: true };

    /// Whether the members of this group are known.
    pub(crate) fn contains(self, group: Group) -> bool {
        match group {
            Group::Registration | Group::OpenId | Group::Logout => true,
            Group::Statement => self.software_statements,
            Group::Of(extension) => self.extensions.contains(extension),
        }
    }
}

/// The standard that a member belongs to, which decides whether a server knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// RFC 7591 without software statements.
    Registration,
    /// OpenID Connect Registration.
    OpenId,
    /// OpenID Connect RP-Initiated Logout and Back-Channel Logout.
    Logout,
    /// RFC 7591 §2.3, where the operator verifies statements.
    Statement,
    /// A standard that the operator switched on.
    Of(Extension),
}
