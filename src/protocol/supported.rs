//! What the authorization server supports: defaults by profile, and what its operator decided.
//!
//! Rules, client authentication and the server's metadata read the same value, so that what is registered is what is
//! accepted later.

use super::Profile;
#[cfg(feature = "software-statements")]
use super::metadata::ClientMetadata;
use super::metadata::{
    ContentEncryption, Extension, Extensions, GrantType, KeyManagementAlgorithm, KnownMembers, ResponseType,
    SigningAlgorithm, SubjectType, TokenEndpointAuthMethod,
};
use super::rules::extra::{self, ExtraMember};
use super::rules::text;
use super::signature;
use super::{Switch, Switches};
use crate::error::{ConfigError, ConfigErrorKind};

/// The largest scope by default. Deployed clients list every scope that they know.
const MAX_SCOPE_BYTES: usize = 8192;

/// What the server offers to its clients.
#[derive(Debug, Clone)]
pub(crate) struct Supported {
    pub(crate) extensions: Extensions,
    /// Whether software statements are verified.
    pub(crate) software_statements: bool,
    pub(crate) switches: Switches,
    pub(crate) grant_types: Vec<GrantType>,
    pub(crate) response_types: Vec<ResponseType>,
    pub(crate) auth_methods: Vec<TokenEndpointAuthMethod>,
    pub(crate) signing_algorithms: Vec<SigningAlgorithm>,
    pub(crate) key_management_algorithms: Vec<KeyManagementAlgorithm>,
    pub(crate) content_encryptions: Vec<ContentEncryption>,
    pub(crate) subject_types: Vec<SubjectType>,
    /// None for any.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) default_scope: Option<String>,
    pub(crate) max_scope_bytes: usize,
    /// None for any.
    pub(crate) authorization_details_types: Option<Vec<String>>,
    /// Members beyond the standards that are kept.
    pub(crate) extra_members: Vec<ExtraMember>,
}

impl Supported {
    pub(crate) fn known_members(&self) -> KnownMembers {
        KnownMembers { extensions: self.extensions, software_statements: self.software_statements }
    }

    pub(crate) fn is_on(&self, switch: Switch) -> bool {
        self.switches.is_on(switch)
    }

    /// Whether this is an algorithm for signatures in general.
    pub(super) fn signs_with(&self, algorithm: &SigningAlgorithm) -> bool {
        self.signing_algorithms.contains(algorithm)
    }

    /// The first method or algorithm whose key is a client secret, so that the digest of the secret alone would not do.
    pub(crate) fn symmetric_algorithm(&self) -> Option<&str> {
        let method = self.auth_methods.iter().find(|method| **method == TokenEndpointAuthMethod::ClientSecretJwt);
        let signing = self.signing_algorithms.iter().find(|algorithm| algorithm.is_symmetric());
        let encryption = self.key_management_algorithms.iter().find(|algorithm| algorithm.is_symmetric());
        let method = method.map(TokenEndpointAuthMethod::as_str);
        method.or(signing.map(SigningAlgorithm::as_str)).or(encryption.map(KeyManagementAlgorithm::as_str))
    }

    /// Whether clients may authenticate by assertions.
    #[cfg(feature = "software-statements")]
    pub(crate) fn has_assertions(&self) -> bool {
        self.auth_methods.iter().any(|method| !self.assertion_algorithms(method).is_empty())
    }

    /// The algorithms by which clients may sign their assertions with this method of authentication. Registration,
    /// authentication and discovery all ask here; an algorithm that this build cannot verify is not among them.
    pub(crate) fn assertion_algorithms(&self, method: &TokenEndpointAuthMethod) -> Vec<SigningAlgorithm> {
        use SigningAlgorithm::{Hs256, Hs384, Hs512};
        match method {
            TokenEndpointAuthMethod::ClientSecretJwt => vec![Hs256, Hs384, Hs512],
            TokenEndpointAuthMethod::PrivateKeyJwt => {
                let usable = |alg: &&SigningAlgorithm| !alg.is_symmetric() && signature::is_verifiable(alg);
                self.signing_algorithms.iter().filter(usable).cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The algorithms by which one client may sign its assertions: the one that it registered, or any that is offered.
    /// A registered algorithm that is not offered any more is not accepted either.
    #[cfg(feature = "software-statements")]
    pub(crate) fn assertion_algorithms_of(&self, metadata: &ClientMetadata) -> Vec<SigningAlgorithm> {
        let method = metadata.token_endpoint_auth_method.as_ref();
        let mut algorithms = method.map(|method| self.assertion_algorithms(method)).unwrap_or_default();
        let registered = metadata.token_endpoint_auth_signing_alg.as_ref();
        algorithms.retain(|algorithm| registered.is_none_or(|registered| registered == algorithm));
        algorithms
    }

    /// Whether client assertions may be signed with this algorithm.
    pub(super) fn verifies_with(&self, algorithm: &SigningAlgorithm) -> bool {
        use TokenEndpointAuthMethod::{ClientSecretJwt, PrivateKeyJwt};
        let by_secret = algorithm.is_symmetric() && self.auth_methods.contains(&ClientSecretJwt);
        by_secret || self.assertion_algorithms(&PrivateKeyJwt).contains(algorithm)
    }

    /// The default offer with every extension and these switches.
    #[cfg(test)]
    pub(crate) fn with_switches(on: &[Switch]) -> Self {
        let builder = SupportedBuilder { extensions: Extensions::ALL, ..SupportedBuilder::default() };
        let mut supported = builder.build(false).unwrap();
        supported.switches = on.iter().fold(supported.switches, |switches, switch| switches.set(*switch, true));
        supported.key_management_algorithms.push(KeyManagementAlgorithm::Dir);
        supported
    }
}

/// What an operator decided so far; the rest follows from the profile.
#[derive(Default)]
pub(crate) struct SupportedBuilder {
    pub(crate) profile: Profile,
    pub(crate) switches: Vec<(Switch, bool)>,
    pub(crate) extensions: Extensions,
    /// None for the default, which depends on the signature algorithms that were chosen.
    pub(crate) auth_methods: Option<Vec<TokenEndpointAuthMethod>>,
    changes: Vec<Change>,
}

/// Puts what the operator chose in the place of a default.
type Change = Box<dyn FnOnce(&mut Supported) + Send + Sync>;

impl SupportedBuilder {
    /// Changes what the profile presets, whether the profile is chosen before or after.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Supported) + Send + Sync + 'static) {
        self.changes.push(Box::new(change));
    }

    /// Fills in the defaults, applies what the operator chose and checks that the whole can work. Defaults are smaller
    /// where anonymous callers may register.
    pub(crate) fn build(self, is_anonymous: bool) -> Result<Supported, ConfigError> {
        let preset = Switches::of(self.profile);
        let switches = self.switches.iter().fold(preset, |switches, (switch, on)| switches.set(*switch, *on));
        let brought = switches.extensions().chain(self.profile.extensions().iter());
        let extensions = brought.fold(self.extensions, Extensions::with);
        let mut supported = Supported {
            extensions,
            software_statements: false,
            switches,
            grant_types: default_grant_types(is_anonymous, extensions),
            response_types: default_response_types(extensions),
            auth_methods: Vec::new(),
            signing_algorithms: self.profile.signing_algorithms().to_vec(),
            key_management_algorithms: default_key_management(),
            content_encryptions: default_content_encryptions(),
            subject_types: vec![SubjectType::Public],
            max_scope_bytes: MAX_SCOPE_BYTES,
            scopes: None,
            default_scope: None,
            authorization_details_types: None,
            extra_members: Vec::new(),
        };
        self.changes.into_iter().for_each(|change| change(&mut supported));
        supported.auth_methods = match self.auth_methods {
            Some(methods) => methods,
            None => default_auth_methods(self.profile, &supported),
        };
        supported.check()?;
        Ok(supported)
    }
}

impl Supported {
    /// Whether a client could ever use this method: one that rests on signatures needs an algorithm for them.
    fn can_authenticate_by(&self, method: &TokenEndpointAuthMethod) -> bool {
        *method != TokenEndpointAuthMethod::PrivateKeyJwt || !self.assertion_algorithms(method).is_empty()
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.check_grant_types()?;
        self.check_auth_methods()?;
        if self.signing_algorithms.is_empty() {
            return Err(ConfigErrorKind::Algorithms.found("no algorithm"));
        }
        if self.signing_algorithms.iter().any(|algorithm| algorithm.as_str() == "none") {
            return Err(ConfigErrorKind::Algorithms.value("none"));
        }
        if self.subject_types.is_empty() {
            return Err(ConfigErrorKind::SubjectTypes.found("none"));
        }
        if let Some(name) = extra::repeated_or_invalid(&self.extra_members) {
            return Err(ConfigErrorKind::ExtraMember.value(name));
        }
        self.check_scopes()
    }

    fn check_grant_types(&self) -> Result<(), ConfigError> {
        let legacy = [GrantType::Implicit, GrantType::Password];
        let is_forbidden = |grant: &&GrantType| self.is_on(Switch::LegacyGrantsRefused) && legacy.contains(*grant);
        if let Some(forbidden) = self.grant_types.iter().find(is_forbidden) {
            return Err(ConfigErrorKind::GrantTypes.value(forbidden.as_str()));
        }
        let is_useful = |grant: &GrantType| *grant != GrantType::RefreshToken && !grant.as_str().is_empty();
        if !self.grant_types.iter().any(is_useful) {
            let offered: Vec<_> = self.grant_types.iter().map(GrantType::as_str).collect();
            return Err(ConfigErrorKind::GrantTypes.value(offered.join(" ")));
        }
        Ok(())
    }

    fn check_auth_methods(&self) -> Result<(), ConfigError> {
        if self.auth_methods.is_empty() {
            return Err(ConfigErrorKind::AuthMethods.found("none"));
        }
        for method in &self.auth_methods {
            let is_off = |extension: &&Extension| !self.extensions.contains(**extension);
            let needed = Extension::ALL.iter().filter(is_off).find(|one| one.auth_methods().contains(method));
            if let Some(extension) = needed {
                let found = format_args!("{:?} without the extension {extension}", method.as_str());
                return Err(ConfigErrorKind::AuthMethods.found(found));
            }
            if !self.can_authenticate_by(method) {
                let found = format_args!("{:?} without an algorithm to verify its signatures with", method.as_str());
                return Err(ConfigErrorKind::AuthMethods.found(found));
            }
        }
        Ok(())
    }

    fn check_scopes(&self) -> Result<(), ConfigError> {
        let is_allowed =
            |token: &str| self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope == token));
        if self.max_scope_bytes == 0 {
            return Err(ConfigErrorKind::Scopes.found("a limit of 0 bytes"));
        }
        let is_scope = |scope: &str| text::check_scope(scope, self.max_scope_bytes).is_ok();
        let mut scopes = self.scopes.iter().flatten();
        let wrong = scopes.find(|scope| !is_scope(scope) || scope.contains(' '));
        let default = self.default_scope.as_ref();
        let wrong = wrong.or(default.filter(|scope| !is_scope(scope) || !scope.split(' ').all(is_allowed)));
        wrong.map_or(Ok(()), |scope| Err(ConfigErrorKind::Scopes.value(scope)))
    }
}

/// An anonymous caller gets nothing that acts without a user.
fn default_grant_types(is_anonymous: bool, extensions: Extensions) -> Vec<GrantType> {
    let mut grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    if !is_anonymous {
        grant_types.push(GrantType::ClientCredentials);
    }
    grant_types.extend(extensions.iter().flat_map(Extension::grant_types).cloned());
    grant_types
}

fn default_response_types(extensions: Extensions) -> Vec<ResponseType> {
    use ResponseType::{Code, CodeIdToken, CodeIdTokenToken, CodeToken, IdToken, IdTokenToken, Token};
    let mut response_types = vec![Code, Token, IdToken, IdTokenToken, CodeIdToken, CodeToken, CodeIdTokenToken];
    response_types.extend(extensions.iter().flat_map(Extension::response_types).cloned());
    response_types
}

fn default_auth_methods(profile: Profile, supported: &Supported) -> Vec<TokenEndpointAuthMethod> {
    let extensions = supported.extensions.iter().flat_map(Extension::auth_methods);
    let methods = profile.auth_methods().iter().chain(extensions);
    methods.filter(|method| supported.can_authenticate_by(method)).cloned().collect()
}

fn default_key_management() -> Vec<KeyManagementAlgorithm> {
    use KeyManagementAlgorithm::{EcdhEs, EcdhEsA128Kw, EcdhEsA192Kw, EcdhEsA256Kw, RsaOaep, RsaOaep256};
    vec![RsaOaep, RsaOaep256, EcdhEs, EcdhEsA128Kw, EcdhEsA192Kw, EcdhEsA256Kw]
}

fn default_content_encryptions() -> Vec<ContentEncryption> {
    use ContentEncryption::{A128CbcHs256, A128Gcm, A192CbcHs384, A192Gcm, A256CbcHs512, A256Gcm};
    vec![A128CbcHs256, A192CbcHs384, A256CbcHs512, A128Gcm, A192Gcm, A256Gcm]
}
