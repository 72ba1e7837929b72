//! Profiles: presets for kinds of servers.
//!
//! A profile turns [switches](Switch) on and sets defaults for what is supported. Every decision of a profile can be changed
//! on the builder, in any order of the calls.
//!
//! A private-use scheme such as `cursor:` is accepted in every profile, because desktop clients have no other redirect URI.
//! An operator who wants to refuse such clients turns a switch on:
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, Profile, Registry, Switch};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let builder = || Registry::builder("https://id.example.com", Access::Open).with_profile(Profile::Mcp);
//! let cursor = ClientMetadata::from_json(br#"{ "redirect_uris": ["cursor://anysphere.cursor-mcp/oauth/callback"] }"#)?;
//!
//! let registry = builder().build(MemoryStore::new())?;
//! assert!(registry.register(cursor.clone()).await.is_ok());
//!
//! let registry = builder().with_switch(Switch::PrivateUseRefused, true).build(MemoryStore::new())?;
//! let error = registry.register(cursor).await.unwrap_err();
//! assert_eq!(error.violations()[0].rule(), Switch::PrivateUseRefused.name());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::str::FromStr;

use super::metadata::{Extension, Extensions, SigningAlgorithm, TokenEndpointAuthMethod};
pub use super::{Switch, UnknownSwitch};

/// A kind of server; see the [module](self). Default: `oauth`.
///
/// ```
/// use tower_dcr::Profile;
///
/// assert_eq!("fapi2".parse(), Ok(Profile::Fapi2));
/// assert_eq!(Profile::default().name(), "oauth");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Profile {
    /// `oauth`: RFC 7591 and RFC 7592, tolerant where deployed clients need it.
    #[default]
    OAuth,
    /// `oidc`: [OpenID Connect Registration](https://openid.net/specs/openid-connect-registration-1_0.html), which
    /// always requires redirect URIs, takes `application_type` literally and permits browser clients of any origin.
    Oidc,
    /// `mcp`: an authorization server for the
    /// [Model Context Protocol](https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization). The
    /// endpoint is also at `/register`, and browser clients of any origin are permitted.
    Mcp,
    /// `fapi2`: [FAPI 2.0 Security Profile](https://openid.net/specs/fapi-security-profile-2_0-final.html), for
    /// confidential clients with keys or certificates and sender-constrained tokens.
    Fapi2,
}

impl Profile {
    /// Every profile.
    pub const ALL: &[Self] = &[Self::OAuth, Self::Oidc, Self::Mcp, Self::Fapi2];

    /// Its short name, as [`from_str`](FromStr::from_str) reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OAuth => "oauth",
            Self::Oidc => "oidc",
            Self::Mcp => "mcp",
            Self::Fapi2 => "fapi2",
        }
    }

    /// The extensions that the profile switches on.
    pub(crate) fn extensions(self) -> Extensions {
        match self {
            Self::Fapi2 => {
                use Extension::{DPoP, FapiAliases, FapiResponseModes, Jar, MutualTls, Par};
                [MutualTls, DPoP, Par, Jar, FapiAliases, FapiResponseModes].into_iter().collect()
            }
            _ => Extensions::NONE,
        }
    }

    /// The authentication methods that are supported by default, before those of extensions
    /// ([FAPI 2.0 §5.3.2.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.3.2.1)).
    pub(crate) fn auth_methods(self) -> &'static [TokenEndpointAuthMethod] {
        use TokenEndpointAuthMethod as Method;
        // No client_secret_jwt: it needs the text of the secret, which is a decision of its own for the operator.
        match self {
            Self::Fapi2 => &[Method::PrivateKeyJwt],
            _ => &[Method::None, Method::ClientSecretBasic, Method::ClientSecretPost, Method::PrivateKeyJwt],
        }
    }

    /// The signature algorithms that are supported by default
    /// ([FAPI 2.0 §5.4.1](https://openid.net/specs/fapi-security-profile-2_0-final.html#section-5.4.1)).
    pub(crate) fn signing_algorithms(self) -> &'static [SigningAlgorithm] {
        use SigningAlgorithm::{Ed25519, EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match self {
            // FAPI excludes RSASSA-PKCS1-v1_5 and asks for one elliptic curve beside Edwards curves.
            Self::Fapi2 => &[Ps256, Es256, EdDsa, Ed25519],
            _ => &[Rs256, Rs384, Rs512, Ps256, Ps384, Ps512, Es256, Es384, Es512, EdDsa, Ed25519],
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The error of a name that no profile has. `Display` lists the names that exist.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownProfile {
    name: String,
}

impl fmt::Display for UnknownProfile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Profile::ALL.iter().map(|profile| profile.name());
        crate::error::unknown_name(formatter, &self.name, "profile", known)
    }
}

impl std::error::Error for UnknownProfile {}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| UnknownProfile { name: name.to_owned() })
    }
}
