//! What the authorization server supports: grant types, response types, authentication methods, algorithms and
//! scopes.
//!
//! These are the values of the server's metadata ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)),
//! so configure both alike. A client may ask for more than the server supports. By default an unsupported value is
//! left out of the registration while a usable one remains, and the reply shows what was registered
//! ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)). An empty or contradictory list is
//! refused by [`RegistryBuilder::build`].

use super::RegistryBuilder;
use crate::protocol::Profile;
use crate::protocol::Switch;
use crate::protocol::metadata::ContentEncryption;
use crate::protocol::metadata::Extensions;
use crate::protocol::metadata::GrantType;
use crate::protocol::metadata::KeyManagementAlgorithm;
use crate::protocol::metadata::ResponseType;
use crate::protocol::metadata::SigningAlgorithm;
use crate::protocol::metadata::SubjectType;
use crate::protocol::metadata::TokenEndpointAuthMethod;
use crate::protocol::rules::extra::ExtraMember;

impl RegistryBuilder {
    /// The profile of the server: a preset of switches and defaults. Other methods of the builder override it,
    /// whatever the order of the calls. Default: [`Profile::OAuth`].
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.supported.profile = profile;
        self
    }

    /// Turns one rule on or off and overrides the profile (repeatable; the last call for a switch wins).
    pub fn with_switch(mut self, switch: Switch, on: bool) -> Self {
        // Collected and applied at the end, so that the order of this call and `with_profile` has no effect.
        self.supported.switches.push((switch, on));
        self
    }

    /// The extensions whose members are registered, in addition to those of the profile: one, several or
    /// [`Extensions::ALL`] (repeatable). Default: those of the profile alone; members of other extensions are ignored
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_extensions(mut self, extensions: impl Into<Extensions>) -> Self {
        // Added to the earlier ones: an extension is enabled by any call, and a later call does not disable it.
        self.supported.extensions = extensions.into().iter().fold(self.supported.extensions, Extensions::with);
        self
    }

    /// The grant types that the authorization server supports. Default: `authorization_code` and `refresh_token`,
    /// `client_credentials` unless access is [`Access::Open`](crate::Access::Open), and the grant types of the
    /// enabled extensions.
    pub fn with_grant_types(mut self, grant_types: impl IntoIterator<Item = GrantType>) -> Self {
        let grant_types = grant_types.into_iter().collect();
        self.supported.set(|supported| supported.grant_types = grant_types);
        self
    }

    /// The response types that the authorization server supports. One whose grant type is not supported is ignored.
    /// Default: `code`, the implicit and the hybrid ones, and those of the enabled extensions.
    pub fn with_response_types(mut self, response_types: impl IntoIterator<Item = ResponseType>) -> Self {
        let response_types = response_types.into_iter().collect();
        self.supported.set(|supported| supported.response_types = response_types);
        self
    }

    /// The methods of client authentication. Default: `none`, `client_secret_basic`, `client_secret_post`,
    /// `private_key_jwt`, and those of RFC 8705 with [`Extension::MutualTls`](crate::metadata::Extension::MutualTls).
    ///
    /// [`Registry::authenticate`](crate::Registry::authenticate) verifies secrets and, with the feature
    /// `software-statements`, the assertions of `private_key_jwt` and `client_secret_jwt`. The application verifies
    /// every other method of this list, and without that feature both kinds of assertions. Keys at a `jwks_uri` are
    /// fetched with [`with_document_fetcher`](Self::with_document_fetcher).
    ///
    /// `client_secret_jwt` needs secrets whose text is stored, and `private_key_jwt` a signature algorithm that can
    /// be verified; otherwise [`build`](Self::build) fails.
    pub fn with_auth_methods(mut self, methods: impl IntoIterator<Item = TokenEndpointAuthMethod>) -> Self {
        self.supported.auth_methods = Some(methods.into_iter().collect());
        self
    }

    /// The signature algorithms, in order of preference. Default: RS, PS and ES with 256, 384 and 512, EdDSA,
    /// Ed25519.
    ///
    /// HMAC algorithms are supported for client assertions if `client_secret_jwt` is supported. In this list they are
    /// supported for tokens too, which the application signs and verifies with the secret of the client
    /// (`Registry::dangerously_expose_client_secret`). `none` is refused: an unsigned token proves nothing
    /// ([RFC 8725 §3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
    pub fn with_signing_algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.supported.set(|supported| supported.signing_algorithms = algorithms);
        self
    }

    /// The key management algorithms for encryption
    /// ([RFC 7518 §4.1](https://www.rfc-editor.org/rfc/rfc7518#section-4.1)). Default: RSA-OAEP, RSA-OAEP-256,
    /// ECDH-ES and its key wraps. The key of a symmetric algorithm is derived from the client secret, so every client
    /// that registers one gets a secret
    /// ([OpenID Connect Core §10.2](https://openid.net/specs/openid-connect-core-1_0.html#Encryption)).
    pub fn with_key_management_algorithms(
        mut self,
        algorithms: impl IntoIterator<Item = KeyManagementAlgorithm>,
    ) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.supported.set(|supported| supported.key_management_algorithms = algorithms);
        self
    }

    /// The content encryption algorithms. Default: the six of
    /// [RFC 7518 §5.1](https://www.rfc-editor.org/rfc/rfc7518#section-5.1).
    pub fn with_content_encryptions(mut self, algorithms: impl IntoIterator<Item = ContentEncryption>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.supported.set(|supported| supported.content_encryptions = algorithms);
        self
    }

    /// The types of subject identifiers
    /// ([OpenID Connect Core §8](https://openid.net/specs/openid-connect-core-1_0.html#SubjectIDTypes)). A client
    /// that names none gets `public`, or the first of this list if `public` is not in it. Default: `public`.
    pub fn with_subject_types(mut self, subject_types: impl IntoIterator<Item = SubjectType>) -> Self {
        let subject_types = subject_types.into_iter().collect();
        self.supported.set(|supported| supported.subject_types = subject_types);
        self
    }

    /// The scopes that clients may register. Other scopes are left out while at least one remains; with
    /// [`Switch::UnknownScopesRefused`] the request is refused. Default: any scope.
    pub fn with_scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.supported.set(|supported| supported.scopes = Some(scopes));
        self
    }

    /// The longest `scope` of a client in bytes, at least 1. Default: 8192. The whole body is limited by
    /// [`with_body_limit`](Self::with_body_limit) as well.
    pub fn with_max_scope_bytes(mut self, bytes: usize) -> Self {
        self.supported.set(move |supported| supported.max_scope_bytes = bytes);
        self
    }

    /// The scopes of a client whose document has no `scope`, separated by spaces
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2) permits a default). Default: none.
    pub fn with_default_scope(mut self, scope: impl Into<String>) -> Self {
        let scope = scope.into();
        self.supported.set(|supported| supported.default_scope = Some(scope));
        self
    }

    /// The types of authorization details that are supported, with
    /// [`Extension::Rar`](crate::metadata::Extension::Rar). Default: any.
    pub fn with_authorization_details_types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        let types = types.into_iter().map(Into::into).collect();
        self.supported.set(|supported| supported.authorization_details_types = Some(types));
        self
    }

    /// Members beyond the standards that are stored with a client. They are returned with the others, and an update
    /// replaces them like the others. A member that is not declared here is ignored, so a client cannot use the
    /// registration as a store for data of its own. Default: none.
    pub fn with_extra_members(mut self, members: impl IntoIterator<Item = ExtraMember>) -> Self {
        let members = members.into_iter().collect();
        self.supported.set(|supported| supported.extra_members = members);
        self
    }

    /// Refuses a request for a grant type or response type that is not supported; the same as
    /// [`Switch::UnofferedRefused`]. Default: an unsupported type is left out while a usable one remains, because
    /// clients often ask for every type that they can use
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_unoffered_refused(self, refused: bool) -> Self {
        self.with_switch(Switch::UnofferedRefused, refused)
    }
}
