//! What the authorization server supports.

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
    /// The kind of server, which presets switches and defaults. Default: [`Profile::OAuth`].
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.supported.profile = profile;
        self
    }

    /// Turns a single rule on or off, whatever the profile says.
    pub fn with_switch(mut self, switch: Switch, on: bool) -> Self {
        self.supported.switches.push((switch, on));
        self
    }

    /// The extensions whose members are understood, in addition to those of the profile; one, several or
    /// [`Extensions::ALL`]. Default: none, and their members are ignored
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_extensions(mut self, extensions: impl Into<Extensions>) -> Self {
        self.supported.extensions = extensions.into().iter().fold(self.supported.extensions, Extensions::with);
        self
    }

    /// The grant types that the authorization server supports. Default: `authorization_code` and `refresh_token`,
    /// `client_credentials` unless everybody may register, and the grant types of the extensions that are on.
    pub fn with_grant_types(mut self, grant_types: impl IntoIterator<Item = GrantType>) -> Self {
        let grant_types = grant_types.into_iter().collect();
        self.supported.set(|supported| supported.grant_types = grant_types);
        self
    }

    /// The response types that the authorization server supports, among those whose grant types it supports. Default:
    /// `code`, the implicit and the hybrid ones, and those of the extensions that are on.
    pub fn with_response_types(mut self, response_types: impl IntoIterator<Item = ResponseType>) -> Self {
        let response_types = response_types.into_iter().collect();
        self.supported.set(|supported| supported.response_types = response_types);
        self
    }

    /// The methods of client authentication. Default: `none`, `client_secret_basic`, `client_secret_post`,
    /// `private_key_jwt`, and those of RFC 8705 with [`Extension::MutualTls`](crate::metadata::Extension::MutualTls).
    ///
    /// [`Registry::authenticate`](crate::Registry::authenticate) verifies secrets and, with the feature
    /// `software-statements`, the assertions of `private_key_jwt` and `client_secret_jwt`. Every other method that is
    /// listed here, and without that feature both kinds of assertions, is verified by the application. Keys at a
    /// `jwks_uri` are read through [`with_document_fetcher`](Self::with_document_fetcher). `client_secret_jwt` needs
    /// secrets whose text is kept, `private_key_jwt` a signature algorithm that can be verified; else
    /// [`build`](Self::build) refuses.
    pub fn with_auth_methods(mut self, methods: impl IntoIterator<Item = TokenEndpointAuthMethod>) -> Self {
        self.supported.auth_methods = Some(methods.into_iter().collect());
        self
    }

    /// The signature algorithms, best first. Default: RS, PS and ES with 256, 384 and 512, EdDSA, Ed25519. HMAC is for
    /// client assertions where `client_secret_jwt` is offered; listed here, it is for tokens too, which the application
    /// signs and verifies under the secret of the client (`Registry::dangerously_expose_client_secret`). `none` cannot
    /// be offered.
    pub fn with_signing_algorithms(mut self, algorithms: impl IntoIterator<Item = SigningAlgorithm>) -> Self {
        let algorithms = algorithms.into_iter().collect();
        self.supported.set(|supported| supported.signing_algorithms = algorithms);
        self
    }

    /// The key management algorithms for encryption. Default: RSA-OAEP, RSA-OAEP-256, ECDH-ES and its key wraps. With a
    /// symmetric one, whose key comes from the client secret, every client that uses it gets a secret
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

    /// The kinds of subject identifiers; without `public` the first is the default of clients. Default: `public`.
    pub fn with_subject_types(mut self, subject_types: impl IntoIterator<Item = SubjectType>) -> Self {
        let subject_types = subject_types.into_iter().collect();
        self.supported.set(|supported| supported.subject_types = subject_types);
        self
    }

    /// The scopes that clients may register. Others are left out while one remains, or refused with
    /// [`Switch::UnknownScopesRefused`]. Default: any.
    pub fn with_scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.supported.set(|supported| supported.scopes = Some(scopes));
        self
    }

    /// The largest `scope` in bytes, at least 1. Default: 8192. What a client sends is bounded by
    /// [`with_body_limit`](Self::with_body_limit) too.
    pub fn with_max_scope_bytes(mut self, bytes: usize) -> Self {
        self.supported.set(move |supported| supported.max_scope_bytes = bytes);
        self
    }

    /// The scope of clients that name none, space-separated. Default: none.
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

    /// Members beyond the standards that clients keep: returned with the others, and replaced by an update like them.
    /// Members that nobody declared are ignored. Default: none.
    pub fn with_extra_members(mut self, members: impl IntoIterator<Item = ExtraMember>) -> Self {
        let members = members.into_iter().collect();
        self.supported.set(|supported| supported.extra_members = members);
        self
    }

    /// Refuses a request for a grant or response type that is not offered; short for
    /// [`Switch::UnofferedRefused`]. Default: it is left out while something usable remains, because clients ask for
    /// all they know ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    pub fn with_unoffered_refused(self, refused: bool) -> Self {
        self.with_switch(Switch::UnofferedRefused, refused)
    }
}
