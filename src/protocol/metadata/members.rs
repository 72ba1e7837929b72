//! The table of members.
//!
//! Adding a member is adding a row: the struct, its reader, its writer, the rules of its form and the table in
//! `docs/policy.md` follow from it.

use super::Extra;
use super::extension::Extension::*;
use super::extension::Group::*;
use super::field::{Field, Text};
use super::localized::Localized;
use super::member::Omitted::*;
use super::member::{Leads, Member, Omitted, ValueKind};
use super::values::{
    ApplicationType, ContentEncryption, GrantType, JsonObject, KeyManagementAlgorithm, ResponseType, SigningAlgorithm,
    SubjectType, TokenDeliveryMode, TokenEndpointAuthMethod,
};

/// Default of a content encryption algorithm, in
/// [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata) and
/// everywhere after it.
const WITH_ALG: Omitted = Derived("`A128CBC-HS256` where the member ending in `_alg` is there");

macro_rules! members {
    ($($(#[$meta:meta])* $field:ident: $type:ty = $group:expr, $kind:expr $(=> $omitted:expr)? $(, $attribute:ident $($value:ident)?)*;)+) => {
        /// What a client registers about itself; an absent member is `None` or empty.
        ///
        /// URIs are kept exactly as they were received: clients and authorization servers compare them byte for byte.
        /// Members of extensions are dropped where the extension is off
        /// ([`with_extensions`](crate::RegistryBuilder::with_extensions)).
        #[derive(Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct ClientMetadata {
            $($(#[$meta])* pub $field: $type,)+
            /// Members beyond those above, kept where the operator declared them.
            pub extra: Extra,
        }

        /// The table of members, in the order in which they are returned.
        pub(crate) static MEMBERS: &[Member] = &[
            $(Member {
                name: stringify!($field),
                group: $group,
                kind: $kind,
                omitted: members!(@omitted $($omitted)?),
                leads: members!(@leads $($attribute $($value)?)*),
                always: members!(@always $($attribute $($value)?)*),
            },)+
        ];

        /// Where the row of each member stands.
        #[allow(non_camel_case_types, reason = "a row is named as its member")]
        enum Row {
            $($field,)+
        }

        impl ClientMetadata {
            /// Every member with its row of the table.
            pub(crate) fn members(&self) -> impl Iterator<Item = (&'static Member, &dyn Field)> {
                let fields = [$(&self.$field as &dyn Field,)+];
                MEMBERS.iter().zip(fields)
            }

            /// As [`members`](Self::members), to change them.
            pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = (&'static Member, &mut dyn Field)> {
                let fields = [$(&mut self.$field as &mut dyn Field,)+];
                MEMBERS.iter().zip(fields)
            }

            /// The URIs that lead to where `wanted` says, each with the row of its member.
            pub(crate) fn uris(&self, wanted: impl Fn(Leads) -> bool) -> Vec<(&'static Member, Text<'_>)> {
                let mut uris = Vec::new();
                for (member, field) in self.members().filter(|(member, _)| wanted(member.leads)) {
                    field.texts(&mut |text| uris.push((member, text)));
                }
                uris
            }

            /// A member by its name.
            pub(crate) fn member(&self, name: &str) -> Option<(&'static Member, &dyn Field)> {
                match name {
                    $(stringify!($field) => Some((&MEMBERS[Row::$field as usize], &self.$field as &dyn Field)),)+
                    _ => None,
                }
            }

            /// As [`member`](Self::member), to change it.
            pub(crate) fn member_mut(&mut self, name: &str) -> Option<(&'static Member, &mut dyn Field)> {
                match name {
                    $(stringify!($field) => Some((&MEMBERS[Row::$field as usize], &mut self.$field as &mut dyn Field)),)+
                    _ => None,
                }
            }

            /// Puts what `other` has in the place of what is here, member by member with all its languages.
            #[cfg(feature = "software-statements")]
            pub(super) fn overlay(&mut self, other: Self) {
                $(if !Field::is_absent(&other.$field) {
                    self.$field = other.$field;
                })+
                self.extra.overlay(other.extra);
            }
        }
    };
    (@omitted) => { Nothing };
    (@omitted $omitted:expr) => { $omitted };
    (@leads) => { Leads::Nowhere };
    (@leads leads $leads:ident $($rest:ident)*) => { Leads::$leads };
    (@leads always $($rest:ident)*) => { members!(@leads $($rest)*) };
    (@always) => { false };
    (@always always $($rest:ident)*) => { true };
    (@always leads $leads:ident $($rest:ident)*) => { members!(@always $($rest)*) };
}

members! {
    /// Redirection URIs for redirect-based grants.
    redirect_uris: Vec<String> = Registration, ValueKind::RedirectUris, leads Responses, always;
    /// How the client authenticates at the token endpoint. Default: `client_secret_basic`.
    token_endpoint_auth_method: Option<TokenEndpointAuthMethod> = Registration, ValueKind::Plain => Registered(r#""client_secret_basic""#);
    /// What the client may use at the token endpoint. Default: `authorization_code`.
    grant_types: Vec<GrantType> = Registration, ValueKind::Names(16) => Registered(r#"["authorization_code"]"#), always;
    /// What the client may ask for at the authorization endpoint. Default: `code` with `authorization_code`, else none.
    response_types: Vec<ResponseType> = Registration, ValueKind::Names(16) => Derived("`[\"code\"]` with `authorization_code`, else `[]`"), always;
    /// Name of the client for the end user.
    client_name: Localized = Registration, ValueKind::Text(256);
    /// Home page of the client.
    client_uri: Localized = Registration, ValueKind::ShownUri, leads Pages;
    /// Logo of the client.
    logo_uri: Localized = Registration, ValueKind::ShownUri, leads Pages;
    /// Space-separated scope values that the client may ask for.
    scope: Option<String> = Registration, ValueKind::Scope;
    /// How to reach the people responsible for the client, typically e-mail addresses.
    contacts: Vec<String> = Registration, ValueKind::Texts { max: 16, each: 320 };
    /// Terms of service of the client.
    tos_uri: Localized = Registration, ValueKind::ShownUri, leads Pages;
    /// Privacy policy of the client.
    policy_uri: Localized = Registration, ValueKind::ShownUri, leads Pages;
    /// Where the client's JWK Set is published; excludes `jwks`.
    jwks_uri: Option<String> = Registration, ValueKind::FetchedUri, leads Keys;
    /// The client's public keys as a JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    jwks: Option<JsonObject> = Registration, ValueKind::Jwks;
    /// Identifier of the software, the same for all its instances.
    software_id: Option<String> = Registration, ValueKind::Text(256);
    /// Version of the software, compared only for equality.
    software_version: Option<String> = Registration, ValueKind::Text(256);
    /// Claims about the client that somebody vouches for, as it was received
    /// ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).
    software_statement: Option<String> = Statement, ValueKind::Statement;
    /// Where the client runs. Default: worked out from the redirection URIs.
    application_type: Option<ApplicationType> = OpenId, ValueKind::Listed => Derived("`native` with a private-use or `http` loopback redirect URI, else `web`");
    /// Document that lists the redirection URIs of one sector.
    sector_identifier_uri: Option<String> = OpenId, ValueKind::FetchedUri, leads Documents;
    /// How users are named to the client.
    subject_type: Option<SubjectType> = OpenId, ValueKind::Plain => Implied(r#""public""#);
    /// Signature algorithm of ID tokens.
    id_token_signed_response_alg: Option<SigningAlgorithm> = OpenId, ValueKind::Signing => Implied(r#""RS256""#);
    /// Key management algorithm of encrypted ID tokens.
    id_token_encrypted_response_alg: Option<KeyManagementAlgorithm> = OpenId, ValueKind::KeyManagement;
    /// Content encryption of encrypted ID tokens.
    id_token_encrypted_response_enc: Option<ContentEncryption> = OpenId, ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of UserInfo responses.
    userinfo_signed_response_alg: Option<SigningAlgorithm> = OpenId, ValueKind::Signing;
    /// Key management algorithm of encrypted UserInfo responses.
    userinfo_encrypted_response_alg: Option<KeyManagementAlgorithm> = OpenId, ValueKind::KeyManagement;
    /// Content encryption of encrypted UserInfo responses.
    userinfo_encrypted_response_enc: Option<ContentEncryption> = OpenId, ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of request objects.
    request_object_signing_alg: Option<SigningAlgorithm> = OpenId, ValueKind::Signing;
    /// Key management algorithm of encrypted request objects.
    request_object_encryption_alg: Option<KeyManagementAlgorithm> = OpenId, ValueKind::RequestKeyManagement;
    /// Content encryption of encrypted request objects.
    request_object_encryption_enc: Option<ContentEncryption> = OpenId, ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of client assertions at the token endpoint.
    token_endpoint_auth_signing_alg: Option<SigningAlgorithm> = OpenId, ValueKind::AssertionSigning;
    /// Seconds after which the user must be authenticated afresh.
    default_max_age: Option<u32> = OpenId, ValueKind::Plain;
    /// Whether ID tokens must tell when the user was authenticated.
    require_auth_time: Option<bool> = OpenId, ValueKind::Plain => Implied("false");
    /// Authentication context classes asked for, in order of preference.
    default_acr_values: Vec<String> = OpenId, ValueKind::Texts { max: 16, each: 320 };
    /// Where a third party starts a login at the client.
    initiate_login_uri: Option<String> = OpenId, ValueKind::FetchedUri, leads Browsers;
    /// Request objects that the client refers to.
    request_uris: Vec<String> = OpenId, ValueKind::FetchedUris(32), leads Documents;
    /// Where the browser may be sent after logging out
    /// ([RP-Initiated Logout §3.1](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#ClientMetadata)).
    post_logout_redirect_uris: Vec<String> = Logout, ValueKind::ReturnUris, leads Browsers;
    /// Where the client is told that a session ended
    /// ([Back-Channel Logout §2.2](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration)).
    backchannel_logout_uri: Option<String> = Logout, ValueKind::FetchedUri, leads Messages;

    /// Whether logout tokens must name the session.
    backchannel_logout_session_required: Option<bool> = Of(BackChannelLogout), ValueKind::Plain => Implied("false");
    /// What the browser loads when a session ended.
    frontchannel_logout_uri: Option<String> = Of(FrontChannelLogout), ValueKind::FramedUri, leads Browsers;
    /// Whether issuer and session are added to that URI.
    frontchannel_logout_session_required: Option<bool> = Of(FrontChannelLogout), ValueKind::Plain => Implied("false");
    /// Whether access tokens are bound to the client's certificate.
    tls_client_certificate_bound_access_tokens: Option<bool> = Of(MutualTls), ValueKind::Plain => Implied("false");
    /// Subject of the certificate ([RFC 4514](https://www.rfc-editor.org/rfc/rfc4514)).
    tls_client_auth_subject_dn: Option<String> = Of(MutualTls), ValueKind::DistinguishedName;
    /// DNS name in the certificate.
    tls_client_auth_san_dns: Option<String> = Of(MutualTls), ValueKind::HostName;
    /// URI in the certificate.
    tls_client_auth_san_uri: Option<String> = Of(MutualTls), ValueKind::ComparedUri;
    /// IP address in the certificate.
    tls_client_auth_san_ip: Option<String> = Of(MutualTls), ValueKind::IpAddress;
    /// Mailbox in the certificate.
    tls_client_auth_san_email: Option<String> = Of(MutualTls), ValueKind::EmailAddress;
    /// Whether authorization requests must be signed request objects.
    require_signed_request_object: Option<bool> = Of(Jar), ValueKind::Plain => Implied("false");
    /// Whether authorization requests must be pushed.
    require_pushed_authorization_requests: Option<bool> = Of(Par), ValueKind::Plain => Implied("false");
    /// Types of authorization details that the client uses.
    authorization_details_types: Vec<String> = Of(Rar), ValueKind::Texts { max: 16, each: 256 };
    /// Whether access tokens are bound to a key of the client.
    dpop_bound_access_tokens: Option<bool> = Of(DPoP), ValueKind::Plain => Implied("false");
    /// Signature algorithm of introspection responses.
    introspection_signed_response_alg: Option<SigningAlgorithm> = Of(Introspection), ValueKind::Signing => Implied(r#""RS256""#);
    /// Key management algorithm of encrypted introspection responses.
    introspection_encrypted_response_alg: Option<KeyManagementAlgorithm> = Of(Introspection), ValueKind::KeyManagement;
    /// Content encryption of encrypted introspection responses.
    introspection_encrypted_response_enc: Option<ContentEncryption> = Of(Introspection), ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of authorization responses.
    authorization_signed_response_alg: Option<SigningAlgorithm> = Of(Jarm), ValueKind::Signing => Implied(r#""RS256""#);
    /// Key management algorithm of encrypted authorization responses.
    authorization_encrypted_response_alg: Option<KeyManagementAlgorithm> = Of(Jarm), ValueKind::KeyManagement;
    /// Content encryption of encrypted authorization responses.
    authorization_encrypted_response_enc: Option<ContentEncryption> = Of(Jarm), ValueKind::ContentEncryption => WITH_ALG;
    /// How tokens are delivered.
    backchannel_token_delivery_mode: Option<TokenDeliveryMode> = Of(Ciba), ValueKind::Listed;
    /// Where the client is told that tokens are ready, or gets them.
    backchannel_client_notification_endpoint: Option<String> = Of(Ciba), ValueKind::FetchedUri, leads Notifications;
    /// Signature algorithm of authentication requests.
    backchannel_authentication_request_signing_alg: Option<SigningAlgorithm> = Of(Ciba), ValueKind::OwnSigning;
    /// Whether users enter a code.
    backchannel_user_code_parameter: Option<bool> = Of(Ciba), ValueKind::Plain => Implied("false");
    /// Whether the client calls the mutual-TLS aliases of endpoints.
    use_mtls_endpoint_aliases: Option<bool> = Of(FapiAliases), ValueKind::Plain => Implied("false");
    /// Response modes that the client uses.
    response_modes: Vec<String> = Of(FapiResponseModes), ValueKind::Tokens(16);
    /// How the client registers within a federation.
    client_registration_types: Vec<String> = Of(Federation), ValueKind::Tokens(16);
    /// Where the client's signed JWK Set is published.
    signed_jwks_uri: Option<String> = Of(Federation), ValueKind::FetchedUri, leads Documents;
    /// Name of the organization behind the client.
    organization_name: Localized = Of(Federation), ValueKind::Text(256);
    /// Description of the client.
    description: Localized = Of(Federation), ValueKind::Text(2048);
    /// Words that describe the client.
    keywords: Vec<String> = Of(Federation), ValueKind::Texts { max: 32, each: 256 };
    /// Where more is said about the client.
    information_uri: Localized = Of(Federation), ValueKind::ShownUri, leads Pages;
    /// Home page of the organization.
    organization_uri: Localized = Of(Federation), ValueKind::ShownUri, leads Pages;
    /// Content encryption algorithms for encrypted presentations.
    encrypted_response_enc_values_supported: Vec<String> = Of(OpenId4Vp), ValueKind::ContentEncryptions(16) => Implied(r#"["A128GCM"]"#);
    /// Formats of credentials that the verifier takes.
    vp_formats_supported: Option<JsonObject> = Of(OpenId4Vp), ValueKind::Formats;
    /// Where the wallet takes credential offers.
    credential_offer_endpoint: Option<String> = Of(CredentialOffer), ValueKind::ReturnUri, leads Browsers;
    /// Kinds of subject identifiers that the verifier takes.
    subject_syntax_types_supported: Vec<String> = Of(SelfIssued), ValueKind::Tokens(16);
    /// Where the provider sends commands.
    command_endpoint: Option<String> = Of(ProviderCommands), ValueKind::CalledUri, leads Messages;
    /// Digest algorithm of external attachments.
    digest_algorithm: Option<String> = Of(IdentityAssurance), ValueKind::Token => Implied(r#""sha-256""#);
    /// Where the browser is sent after claims gathering.
    claims_redirect_uris: Vec<String> = Of(Uma), ValueKind::ReturnUris, leads Browsers;
    /// Signature algorithm of NFV tokens.
    nfv_token_signed_response_alg: Option<SigningAlgorithm> = Of(Nfv), ValueKind::Signing;
    /// Key management algorithm of encrypted NFV tokens.
    nfv_token_encrypted_response_alg: Option<KeyManagementAlgorithm> = Of(Nfv), ValueKind::KeyManagement;
    /// Content encryption of encrypted NFV tokens.
    nfv_token_encrypted_response_enc: Option<ContentEncryption> = Of(Nfv), ValueKind::ContentEncryption => WITH_ALG;
    /// Confirmation member of token-bound ID tokens.
    id_token_token_binding_cnf: Option<String> = Of(TokenBinding), ValueKind::Token;

    /// Values for [`subject_type`](Self::subject_type); never returned.
    subject_types_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("subject_type");
    /// Values for [`id_token_signed_response_alg`](Self::id_token_signed_response_alg); never returned.
    id_token_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("id_token_signed_response_alg");
    /// Values for [`id_token_encrypted_response_alg`](Self::id_token_encrypted_response_alg); never returned.
    id_token_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("id_token_encrypted_response_alg");
    /// Values for [`id_token_encrypted_response_enc`](Self::id_token_encrypted_response_enc); never returned.
    id_token_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("id_token_encrypted_response_enc");
    /// Values for [`userinfo_signed_response_alg`](Self::userinfo_signed_response_alg); never returned.
    userinfo_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("userinfo_signed_response_alg");
    /// Values for [`userinfo_encrypted_response_alg`](Self::userinfo_encrypted_response_alg); never returned.
    userinfo_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("userinfo_encrypted_response_alg");
    /// Values for [`userinfo_encrypted_response_enc`](Self::userinfo_encrypted_response_enc); never returned.
    userinfo_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("userinfo_encrypted_response_enc");
    /// Values for [`request_object_signing_alg`](Self::request_object_signing_alg); never returned.
    request_object_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("request_object_signing_alg");
    /// Values for [`request_object_encryption_alg`](Self::request_object_encryption_alg); never returned.
    request_object_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("request_object_encryption_alg");
    /// Values for [`request_object_encryption_enc`](Self::request_object_encryption_enc); never returned.
    request_object_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("request_object_encryption_enc");
    /// Values for [`token_endpoint_auth_method`](Self::token_endpoint_auth_method); never returned.
    token_endpoint_auth_methods_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("token_endpoint_auth_method");
    /// Values for [`token_endpoint_auth_signing_alg`](Self::token_endpoint_auth_signing_alg); never returned.
    token_endpoint_auth_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("token_endpoint_auth_signing_alg");
    /// Values for [`backchannel_authentication_request_signing_alg`](Self::backchannel_authentication_request_signing_alg); never returned.
    backchannel_authentication_request_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("backchannel_authentication_request_signing_alg");
    /// Values for [`authorization_signed_response_alg`](Self::authorization_signed_response_alg); never returned.
    authorization_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("authorization_signed_response_alg");
    /// Values for [`authorization_encrypted_response_alg`](Self::authorization_encrypted_response_alg); never returned.
    authorization_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("authorization_encrypted_response_alg");
    /// Values for [`authorization_encrypted_response_enc`](Self::authorization_encrypted_response_enc); never returned.
    authorization_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("authorization_encrypted_response_enc");
    /// Values for [`introspection_signed_response_alg`](Self::introspection_signed_response_alg); never returned.
    introspection_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("introspection_signed_response_alg");
    /// Values for [`introspection_encrypted_response_alg`](Self::introspection_encrypted_response_alg); never returned.
    introspection_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("introspection_encrypted_response_alg");
    /// Values for [`introspection_encrypted_response_enc`](Self::introspection_encrypted_response_enc); never returned.
    introspection_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("introspection_encrypted_response_enc");
}
