//! What the authorization server supports: defaults by profile, and what its operator decided.
//!
//! Rules, client authentication and the server's metadata read the same value. A client can therefore use later what it
//! registered, and discovery never lists what a registration refuses.
//!
//! The value is built once: first the defaults of the profile, then the choices of the operator, then the checks. A choice
//! does not depend on the order of the builder's calls, because it is applied when all of them are known.

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

/// The largest scope by default, in bytes. Deployed clients list every scope that they know.
const MAX_SCOPE_BYTES: usize = 8192;

/// What the server supports for its clients.
#[derive(Debug, Clone)]
pub(crate) struct Supported {
    /// The extensions that are on, those of the profile and of the switches included.
    pub(crate) extensions: Extensions,
    /// Whether software statements are verified.
    pub(crate) software_statements: bool,
    /// The switches that are on.
    pub(crate) switches: Switches,
    // The lists are in order of preference: discovery states them in this order, and a default is the first value.
    pub(crate) grant_types: Vec<GrantType>,
    pub(crate) response_types: Vec<ResponseType>,
    pub(crate) auth_methods: Vec<TokenEndpointAuthMethod>,
    pub(crate) signing_algorithms: Vec<SigningAlgorithm>,
    pub(crate) key_management_algorithms: Vec<KeyManagementAlgorithm>,
    pub(crate) content_encryptions: Vec<ContentEncryption>,
    pub(crate) subject_types: Vec<SubjectType>,
    /// `None` permits every scope value.
    pub(crate) scopes: Option<Vec<String>>,
    /// The scope of a client that sends none; `None` leaves it without one.
    pub(crate) default_scope: Option<String>,
    /// The largest scope, in bytes of its normal form.
    pub(crate) max_scope_bytes: usize,
    /// `None` permits every type.
    pub(crate) authorization_details_types: Option<Vec<String>>,
    /// The members beyond the standards that the operator declared.
    pub(crate) extra_members: Vec<ExtraMember>,
}

impl Supported {
    /// The members that the reader of documents knows.
    pub(crate) fn known_members(&self) -> KnownMembers {
        KnownMembers { extensions: self.extensions, software_statements: self.software_statements }
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, switch: Switch) -> bool {
        self.switches.is_on(switch)
    }

    /// Whether the server supports this algorithm for its own signatures.
    pub(super) fn signs_with(&self, algorithm: &SigningAlgorithm) -> bool {
        self.signing_algorithms.contains(algorithm)
    }

    /// The first method or algorithm whose key is a client secret. It needs the text of the secret, so a store with digests
    /// alone cannot support it.
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

    /// The algorithms with which clients may sign their assertions for this method. Registration, authentication and
    /// discovery all use this list. It has no algorithm that this build cannot verify.
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

    /// The algorithms with which one client may sign its assertions: the one that it registered, or every supported one.
    /// A registered algorithm that the server does not support any more is not accepted.
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

    /// The defaults with every extension and these switches.
    #[cfg(test)]
    pub(crate) fn with_switches(on: &[Switch]) -> Self {
        let builder = SupportedBuilder { extensions: Extensions::ALL, ..SupportedBuilder::default() };
        let mut supported = builder.build(false).unwrap();
        supported.switches = on.iter().fold(supported.switches, |switches, switch| switches.set(*switch, true));
        supported.key_management_algorithms.push(KeyManagementAlgorithm::Dir);
        supported
    }
}

/// The choices of the operator so far. The rest follows from the profile when [`build`](Self::build) is called.
#[derive(Default)]
pub(crate) struct SupportedBuilder {
    pub(crate) profile: Profile,
    pub(crate) switches: Vec<(Switch, bool)>,
    pub(crate) extensions: Extensions,
    /// `None` for the default, which depends on the signature algorithms.
    pub(crate) auth_methods: Option<Vec<TokenEndpointAuthMethod>>,
    changes: Vec<Change>,
}

/// Replaces a default by the choice of the operator.
type Change = Box<dyn FnOnce(&mut Supported) + Send + Sync>;

impl SupportedBuilder {
    /// Changes a default of the profile, also when the profile is chosen later.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Supported) + Send + Sync + 'static) {
        self.changes.push(Box::new(change));
    }

    /// Takes the defaults, applies the choices of the operator and checks that the result can work. `is_anonymous` says
    /// that callers without credentials may register; the defaults are then smaller.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when a list is empty, a value is not possible, or two choices exclude each other.
    pub(crate) fn build(self, is_anonymous: bool) -> Result<Supported, ConfigError> {
        // A choice of the operator overrides the profile in both directions.
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
        // Last, because a method is a default only where the chosen algorithms let a client use it.
        supported.auth_methods = match self.auth_methods {
            Some(methods) => methods,
            None => default_auth_methods(self.profile, &supported),
        };
        supported.check()?;
        Ok(supported)
    }
}

impl Supported {
    /// Whether a client can use this method: one that signs needs an algorithm that can be verified.
    fn can_authenticate_by(&self, method: &TokenEndpointAuthMethod) -> bool {
        *method != TokenEndpointAuthMethod::PrivateKeyJwt || !self.assertion_algorithms(method).is_empty()
    }

    /// Checks the whole. An option that cannot have an effect is an error, because the operator believes that it has one.
    fn check(&self) -> Result<(), ConfigError> {
        self.check_grant_types()?;
        self.check_auth_methods()?;
        if self.signing_algorithms.is_empty() {
            return Err(ConfigErrorKind::Algorithms.found("no algorithm"));
        }
        // An unsigned ID token can be forged by any client, so `none` is not a choice of the operator either.
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

    /// At least one grant type must be usable alone, and a switch may forbid legacy ones.
    fn check_grant_types(&self) -> Result<(), ConfigError> {
        let legacy = [GrantType::Implicit, GrantType::Password];
        let is_forbidden = |grant: &&GrantType| self.is_on(Switch::LegacyGrantsRefused) && legacy.contains(*grant);
        if let Some(forbidden) = self.grant_types.iter().find(is_forbidden) {
            return Err(ConfigErrorKind::GrantTypes.value(forbidden.as_str()));
        }
        // A server with refresh_token alone would refuse every registration.
        let is_useful = |grant: &GrantType| *grant != GrantType::RefreshToken && !grant.as_str().is_empty();
        if !self.grant_types.iter().any(is_useful) {
            let offered: Vec<_> = self.grant_types.iter().map(GrantType::as_str).collect();
            return Err(ConfigErrorKind::GrantTypes.value(offered.join(" ")));
        }
        Ok(())
    }

    /// Every method needs its extension, and an algorithm where it signs.
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

    /// Scopes follow the grammar and the limit, and the default scope is allowed.
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
        // The default is registered without a further check, so it must pass the rules here.
        let wrong = wrong.or(default.filter(|scope| !is_scope(scope) || !scope.split(' ').all(is_allowed)));
        wrong.map_or(Ok(()), |scope| Err(ConfigErrorKind::Scopes.value(scope)))
    }
}

/// The grant types by default. An anonymous caller gets none that works without a user: nobody would have consented to the
/// tokens of such a client.
fn default_grant_types(is_anonymous: bool, extensions: Extensions) -> Vec<GrantType> {
    let mut grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    if !is_anonymous {
        grant_types.push(GrantType::ClientCredentials);
    }
    grant_types.extend(extensions.iter().flat_map(Extension::grant_types).cloned());
    grant_types
}

/// The response types by default. A response type is registered only with its grant types, so implicit ones have no effect
/// until the operator supports the implicit grant.
fn default_response_types(extensions: Extensions) -> Vec<ResponseType> {
    use ResponseType::{Code, CodeIdToken, CodeIdTokenToken, CodeToken, IdToken, IdTokenToken, Token};
    let mut response_types = vec![Code, Token, IdToken, IdTokenToken, CodeIdToken, CodeToken, CodeIdTokenToken];
    response_types.extend(extensions.iter().flat_map(Extension::response_types).cloned());
    response_types
}

/// The methods of the profile and of the extensions that clients can use with the supported algorithms.
fn default_auth_methods(profile: Profile, supported: &Supported) -> Vec<TokenEndpointAuthMethod> {
    let extensions = supported.extensions.iter().flat_map(Extension::auth_methods);
    let methods = profile.auth_methods().iter().chain(extensions);
    methods.filter(|method| supported.can_authenticate_by(method)).cloned().collect()
}

/// The asymmetric algorithms of [RFC 7518 §4.1](https://www.rfc-editor.org/rfc/rfc7518#section-4.1), without `RSA1_5`.
fn default_key_management() -> Vec<KeyManagementAlgorithm> {
    use KeyManagementAlgorithm::{EcdhEs, EcdhEsA128Kw, EcdhEsA192Kw, EcdhEsA256Kw, RsaOaep, RsaOaep256};
    vec![RsaOaep, RsaOaep256, EcdhEs, EcdhEsA128Kw, EcdhEsA192Kw, EcdhEsA256Kw]
}

/// All algorithms of [RFC 7518 §5.1](https://www.rfc-editor.org/rfc/rfc7518#section-5.1).
fn default_content_encryptions() -> Vec<ContentEncryption> {
    use ContentEncryption::{A128CbcHs256, A128Gcm, A192CbcHs384, A192Gcm, A256CbcHs512, A256Gcm};
    vec![A128CbcHs256, A192CbcHs384, A256CbcHs512, A128Gcm, A192Gcm, A256Gcm]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ConfigErrorKind as Kind;

    #[test]
    fn what_no_client_could_use_is_refused() {
        type Change = fn(&mut SupportedBuilder);
        let rows: &[(&str, Change, Option<Kind>)] = &[
            ("the defaults", |_| {}, None),
            ("every extension", |builder| builder.extensions = Extensions::ALL, None),
            (
                "no grant type",
                |builder| builder.set(|supported| supported.grant_types = vec![]),
                Some(Kind::GrantTypes),
            ),
            (
                "refresh tokens alone",
                |builder| builder.set(|supported| supported.grant_types = vec![GrantType::RefreshToken]),
                Some(Kind::GrantTypes),
            ),
            (
                "a legacy grant type that a switch refuses",
                |builder| {
                    builder.switches.push((Switch::LegacyGrantsRefused, true));
                    builder.set(|supported| supported.grant_types.push(GrantType::Password));
                },
                Some(Kind::GrantTypes),
            ),
            ("no authentication method", |builder| builder.auth_methods = Some(vec![]), Some(Kind::AuthMethods)),
            (
                "a method without its extension",
                |builder| builder.auth_methods = Some(vec![TokenEndpointAuthMethod::TlsClientAuth]),
                Some(Kind::AuthMethods),
            ),
            (
                "no algorithm",
                |builder| builder.set(|supported| supported.signing_algorithms = vec![]),
                Some(Kind::Algorithms),
            ),
            (
                "tokens without a signature",
                |builder| builder.set(|supported| supported.signing_algorithms.push("none".into())),
                Some(Kind::Algorithms),
            ),
            (
                "no subject type",
                |builder| builder.set(|supported| supported.subject_types = vec![]),
                Some(Kind::SubjectTypes),
            ),
            (
                "no room for a scope",
                |builder| builder.set(|supported| supported.max_scope_bytes = 0),
                Some(Kind::Scopes),
            ),
            (
                "a default scope that is not among the scopes",
                |builder| {
                    builder.set(|supported| supported.scopes = Some(vec!["openid".to_owned()]));
                    builder.set(|supported| supported.default_scope = Some("profile".to_owned()));
                },
                Some(Kind::Scopes),
            ),
        ];
        for (name, change, expected) in rows {
            let mut builder = SupportedBuilder::default();
            change(&mut builder);
            assert_eq!(builder.build(false).err().map(|error| error.kind()), *expected, "{name}");
        }
    }

    #[test]
    fn an_anonymous_caller_gets_nothing_that_acts_without_a_user() {
        let supports = |is_anonymous| {
            let supported = SupportedBuilder::default().build(is_anonymous).unwrap();
            supported.grant_types.contains(&GrantType::ClientCredentials)
        };
        assert_eq!((supports(true), supports(false)), (false, true));
    }
}
