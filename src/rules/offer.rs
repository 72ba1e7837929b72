//! The offer: what the authorization server supports, as its operator states it.

use super::extra::ExtraMember;
use super::{Switch, Switches, text};
use crate::access::Access;
use crate::config::RegistryBuilder;
use crate::error::{ConfigError, ConfigErrorKind};
#[cfg(feature = "software-statements")]
use crate::metadata::ClientMetadata;
use crate::metadata::{
    ContentEncryption, Extension, Extensions, GrantType, KeyManagementAlgorithm, Known, ResponseType, SigningAlgorithm,
    SubjectType, TokenEndpointAuthMethod,
};
use crate::profile::Profile;
use crate::signature;

/// The largest scope by default. Deployed clients list every scope that they know.
const MAX_SCOPE_BYTES: usize = 8192;

/// What the server offers to its clients.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
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

impl Offer {
    pub(crate) fn known(&self) -> Known {
        Known { extensions: self.extensions, software_statements: self.software_statements }
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
        let builder = OfferBuilder { extensions: Extensions::ALL, ..OfferBuilder::default() };
        let mut offer = builder.build(&Access::Tokens).unwrap();
        offer.switches = on.iter().fold(offer.switches, |switches, switch| switches.set(*switch, true));
        offer.key_management_algorithms.push(KeyManagementAlgorithm::Dir);
        offer
    }
}

/// What an operator said so far; what is missing follows from the profile.
#[derive(Debug, Default)]
pub(crate) struct OfferBuilder {
    profile: Profile,
    switches: Vec<(Switch, bool)>,
    extensions: Extensions,
    grant_types: Option<Vec<GrantType>>,
    response_types: Option<Vec<ResponseType>>,
    auth_methods: Option<Vec<TokenEndpointAuthMethod>>,
    signing_algorithms: Option<Vec<SigningAlgorithm>>,
    key_management_algorithms: Option<Vec<KeyManagementAlgorithm>>,
    content_encryptions: Option<Vec<ContentEncryption>>,
    subject_types: Option<Vec<SubjectType>>,
    scopes: Option<Vec<String>>,
    default_scope: Option<String>,
    max_scope_bytes: Option<usize>,
    authorization_details_types: Option<Vec<String>>,
    /// Whether software statements are verified.
    #[cfg(feature = "software-statements")]
    pub(crate) software_statements: bool,
}

impl OfferBuilder {
    /// Puts the defaults in and checks that the whole can work.
    pub(crate) fn build(self, access: &Access) -> Result<Offer, ConfigError> {
        let preset = Switches::of(self.profile);
        let switches = self.switches.iter().fold(preset, |switches, (switch, on)| switches.set(*switch, *on));
        let brought = switches.extensions().chain(self.profile.extensions().iter());
        let extensions = brought.fold(self.extensions, Extensions::with);
        let mut offer = Offer {
            extensions,
            #[cfg(feature = "software-statements")]
            software_statements: self.software_statements,
            #[cfg(not(feature = "software-statements"))]
            software_statements: false,
            switches,
            grant_types: self.grant_types.unwrap_or_else(|| default_grant_types(access, extensions)),
            response_types: self.response_types.unwrap_or_else(|| default_response_types(extensions)),
            auth_methods: Vec::new(),
            signing_algorithms: self.signing_algorithms.unwrap_or_else(|| self.profile.signing_algorithms().to_vec()),
            key_management_algorithms: self.key_management_algorithms.unwrap_or_else(default_key_management),
            content_encryptions: self.content_encryptions.unwrap_or_else(default_content_encryptions),
            subject_types: self.subject_types.unwrap_or_else(|| vec![SubjectType::Public]),
            scopes: self.scopes,
            default_scope: self.default_scope,
            max_scope_bytes: self.max_scope_bytes.unwrap_or(MAX_SCOPE_BYTES),
            authorization_details_types: self.authorization_details_types,
            extra_members: Vec::new(),
        };
        offer.auth_methods = match self.auth_methods {
            Some(methods) => methods,
            None => default_auth_methods(self.profile, &offer),
        };
        offer.check()?;
        Ok(offer)
    }
}

impl Offer {
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
fn default_grant_types(access: &Access, extensions: Extensions) -> Vec<GrantType> {
    let mut grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    if !matches!(access, Access::Open) {
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

fn default_auth_methods(profile: Profile, offer: &Offer) -> Vec<TokenEndpointAuthMethod> {
    let extensions = offer.extensions.iter().flat_map(Extension::auth_methods);
    let methods = profile.auth_methods().iter().chain(extensions);
    methods.filter(|method| offer.can_authenticate_by(method)).cloned().collect()
}

fn default_key_management() -> Vec<KeyManagementAlgorithm> {
    use KeyManagementAlgorithm::{EcdhEs, EcdhEsA128Kw, EcdhEsA192Kw, EcdhEsA256Kw, RsaOaep, RsaOaep256};
    vec![RsaOaep, RsaOaep256, EcdhEs, EcdhEsA128Kw, EcdhEsA192Kw, EcdhEsA256Kw]
}

fn default_content_encryptions() -> Vec<ContentEncryption> {
    use ContentEncryption::{A128CbcHs256, A128Gcm, A192CbcHs384, A192Gcm, A256CbcHs512, A256Gcm};
    vec![A128CbcHs256, A192CbcHs384, A256CbcHs512, A128Gcm, A192Gcm, A256Gcm]
}

/// What was said replaces the default as a whole.
fn list<T>(values: impl IntoIterator<Item = T>) -> Option<Vec<T>> {
    Some(values.into_iter().collect())
}

/// What the authorization server supports. Whatever a client asks for beyond it is left out (grant types, response
/// types, scope) or refused (everything else).
impl RegistryBuilder {
    /// The kind of server, which presets switches and defaults. Default: [`Profile::OAuth`].
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.offer.profile = profile;
        self
    }

    /// Turns a single rule on or off, whatever the profile says.
    pub fn with_switch(mut self, switch: Switch, on: bool) -> Self {
        self.offer.switches.push((switch, on));
        self
    }

    /// The extensions whose members are understood, in addition to those of the profile; one, several or
    /// [`Extensions::ALL`]. Default: none, and their members are ignored
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_extensions(mut self, extensions: impl Into<Extensions>) -> Self {
        self.offer.extensions = extensions.into().iter().fold(self.offer.extensions, Extensions::with);
        self
    }

    /// The grant types that the authorization server supports. Default: `authorization_code` and `refresh_token`,
    /// `client_credentials` unless everybody may register, and the grant types of the extensions that are on.
    pub fn with_grant_types(mut self, grant_types: impl IntoIterator<Item = GrantType>) -> Self {
        self.offer.grant_types = list(grant_types);
        self
    }

    /// The response types that the authorization server supports, among those whose grant types it supports. Default:
    /// `code`, the implicit and the hybrid ones, and those of the extensions that are on.
    pub fn with_response_types(mut self, response_types: impl IntoIterator<Item = ResponseType>) -> Self {
        self.offer.response_types = list(response_types);
        self
    }

    /// The methods of client authentication. Default: `none`, `client_secret_basic`, `client_secret_post`,
    /// `private_key_jwt`, and those of RFC 8705 with [`Extension::MutualTls`].
    ///
    /// [`Registry::authenticate`](crate::Registry::authenticate) verifies secrets and, with the feature
    /// `software-statements`, the assertions of `private_key_jwt` and `client_secret_jwt`. Every other method that is
    /// listed here, and without that feature both kinds of assertions, is verified by the application. Keys at a
    /// `jwks_uri` are read through [`with_documents`](Self::with_documents). `client_secret_jwt` needs secrets whose
    /// text is kept, `private_key_jwt` a signature algorithm that can be verified; else
    /// [`build`](Self::build) refuses.
    pub fn with_auth_methods(mut self, methods: impl IntoIterator<Item = TokenEndpointAuthMethod>) -> Self {
        self.offer.auth_methods = list(methods);
        self
    }

    /// The signature algorithms, best first. Default: RS, PS and ES with 256, 384 and 512, EdDSA, Ed25519. HMAC is for
    /// client assertions where `client_secret_jwt` is offered; listed here, it is for tokens too, which the application
    /// signs and verifies under
    /// the secret of the client (`Registry::dangerously_expose_client_secret`). `none` cannot be offered.
    pub fn with_signing_algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Self {
        self.offer.signing_algorithms = list(algorithms);
        self
    }

    /// The key management algorithms for encryption. Default: RSA-OAEP, RSA-OAEP-256, ECDH-ES and its key wraps. With a
    /// symmetric one, whose key comes from the client secret, every client that uses it gets a secret
    /// ([OpenID Connect Core §10.2](https://openid.net/specs/openid-connect-core-1_0.html#Encryption)).
    pub fn with_key_management_algorithms(
        mut self,
        algorithms: impl IntoIterator<Item = KeyManagementAlgorithm>,
    ) -> Self {
        self.offer.key_management_algorithms = list(algorithms);
        self
    }

    /// The content encryption algorithms. Default: the six of
    /// [RFC 7518 §5.1](https://www.rfc-editor.org/rfc/rfc7518#section-5.1).
    pub fn with_content_encryptions(mut self, algorithms: impl IntoIterator<Item = ContentEncryption>) -> Self {
        self.offer.content_encryptions = list(algorithms);
        self
    }

    /// The kinds of subject identifiers; without `public` the first is the default of clients. Default: `public`.
    pub fn with_subject_types(mut self, subject_types: impl IntoIterator<Item = SubjectType>) -> Self {
        self.offer.subject_types = list(subject_types);
        self
    }

    /// The scopes that clients may register. Others are left out while one remains, or refused with
    /// [`Switch::UnknownScopesRefused`]. Default: any.
    pub fn with_scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.offer.scopes = list(scopes.into_iter().map(Into::into));
        self
    }

    /// The scope of clients that name none, space-separated. Default: none.
    pub fn with_default_scope(mut self, scope: impl Into<String>) -> Self {
        self.offer.default_scope = Some(scope.into());
        self
    }

    /// The largest `scope` in bytes, at least 1. Default: 8192. What a client sends is bounded by
    /// [`with_body_limit`](Self::with_body_limit) too.
    pub fn with_max_scope_bytes(mut self, bytes: usize) -> Self {
        self.offer.max_scope_bytes = Some(bytes);
        self
    }

    /// The types of authorization details that are supported, with [`Extension::Rar`]. Default: any.
    pub fn with_authorization_details_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.offer.authorization_details_types = list(types.into_iter().map(Into::into));
        self
    }

    /// Whether a request for a grant or response type that is not offered is refused; short for
    /// [`Switch::UnofferedRefused`]. Default: it is left out while something usable remains, because clients ask for
    /// all they know ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_unoffered_refused(self, refused: bool) -> Self {
        self.with_switch(Switch::UnofferedRefused, refused)
    }
}
