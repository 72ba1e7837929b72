//! The table of members.
//!
//! To add a member, add a row: the struct, its reader, its writer, the check of its value and the table in
//! `docs/policy.md` follow from it. A row has the documentation, the name, the type of the field, the standard, the kind of
//! value, after `=>` what its absence means, and attributes: `leads` says where its URIs lead, `always` that the member is
//! returned even when it is empty.
//!
//! The order of the rows is the order of a reply. A content encryption stands directly after its key management algorithm,
//! because the rule about the pair relies on it.

use super::Extra;
use super::algorithms::{ContentEncryption, KeyManagementAlgorithm, SigningAlgorithm};
use super::extension::Extension::*;
use super::extension::Group::*;
use super::field::{Field, Text};
use super::localized::Localized;
use super::member::Omitted::*;
use super::member::{Leads, Member, Omitted, ValueKind};
use super::table::members;
use super::values::{
    ApplicationType, GrantType, JsonObject, ResponseType, SubjectType, TokenDeliveryMode, TokenEndpointAuthMethod,
};

/// Default of a content encryption algorithm, in
/// [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata) and
/// everywhere after it.
const WITH_ALG: Omitted = Derived("`A128CBC-HS256` where the member ending in `_alg` is there");

members! {
    /// Redirection URIs for redirect-based grants.
    redirect_uris: Vec<String> = Registration, ValueKind::RedirectUris, leads Responses, always;
    /// How the client authenticates at the token endpoint. Default: `client_secret_basic`.
    token_endpoint_auth_method: Option<TokenEndpointAuthMethod> = Registration, ValueKind::Plain => Registered(r#""client_secret_basic""#);
    /// The grant types that the client may use at the token endpoint. Default: `authorization_code`.
    grant_types: Vec<GrantType> = Registration, ValueKind::Names(16) => Registered(r#"["authorization_code"]"#), always;
    /// The response types that the client may request at the authorization endpoint. Default: `code` with `authorization_code`, else none.
    response_types: Vec<ResponseType> = Registration, ValueKind::Names(16) => Derived("`[\"code\"]` with `authorization_code`, else `[]`"), always;
    /// Name of the client for the end user.
    client_name: Localized = Registration, ValueKind::Text(256);
    /// Home page of the client.
    client_uri: Localized = Registration, ValueKind::ShownUri, leads Pages;
    /// Logo of the client.
    logo_uri: Localized = Registration, ValueKind::ShownUri, leads Pages;
    /// Space-separated scope values that the client may request.
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
    /// Signed claims of a third party about the client, as they were received
    /// ([RFC 7591 §2.3](https://www.rfc-editor.org/rfc/rfc7591#section-2.3)).
    software_statement: Option<String> = Statement, ValueKind::Statement;
    /// Where the client runs. Default: derived from the redirection URIs.
    application_type: Option<ApplicationType> = OpenId, ValueKind::Listed => Derived("`native` with a private-use or `http` loopback redirect URI, else `web`");
    /// Document that lists the redirection URIs of one sector.
    sector_identifier_uri: Option<String> = OpenId, ValueKind::FetchedUri, leads Documents;
    /// How users are named to the client.
    /// Absence means `public`.
    subject_type: Option<SubjectType> = OpenId, ValueKind::Plain => Implied(r#""public""#);
    /// Signature algorithm of ID tokens.
    /// Absence means `RS256`.
    id_token_signed_response_alg: Option<SigningAlgorithm> = OpenId, ValueKind::Signing => Implied(r#""RS256""#);
    /// Key management algorithm of encrypted ID tokens.
    id_token_encrypted_response_alg: Option<KeyManagementAlgorithm> = OpenId, ValueKind::KeyManagement;
    /// Content encryption of encrypted ID tokens.
    /// Default: `A128CBC-HS256` where the member that ends in `_alg` is present.
    id_token_encrypted_response_enc: Option<ContentEncryption> = OpenId, ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of UserInfo responses.
    userinfo_signed_response_alg: Option<SigningAlgorithm> = OpenId, ValueKind::Signing;
    /// Key management algorithm of encrypted UserInfo responses.
    userinfo_encrypted_response_alg: Option<KeyManagementAlgorithm> = OpenId, ValueKind::KeyManagement;
    /// Content encryption of encrypted UserInfo responses.
    /// Default: `A128CBC-HS256` where the member that ends in `_alg` is present.
    userinfo_encrypted_response_enc: Option<ContentEncryption> = OpenId, ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of request objects.
    request_object_signing_alg: Option<SigningAlgorithm> = OpenId, ValueKind::Signing;
    /// Key management algorithm of encrypted request objects.
    request_object_encryption_alg: Option<KeyManagementAlgorithm> = OpenId, ValueKind::RequestKeyManagement;
    /// Content encryption of encrypted request objects.
    /// Default: `A128CBC-HS256` where the member that ends in `_alg` is present.
    request_object_encryption_enc: Option<ContentEncryption> = OpenId, ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of client assertions at the token endpoint.
    token_endpoint_auth_signing_alg: Option<SigningAlgorithm> = OpenId, ValueKind::AssertionSigning;
    /// Seconds after which the user must be authenticated afresh.
    default_max_age: Option<u32> = OpenId, ValueKind::Plain;
    /// Whether ID tokens must contain the time at which the user was authenticated.
    /// Absence means `false`.
    require_auth_time: Option<bool> = OpenId, ValueKind::Plain => Implied("false");
    /// Authentication context classes that the client requests, in order of preference.
    default_acr_values: Vec<String> = OpenId, ValueKind::Texts { max: 16, each: 320 };
    /// Where a third party starts a login at the client.
    initiate_login_uri: Option<String> = OpenId, ValueKind::FetchedUri, leads Browsers;
    /// Request objects that the client refers to.
    request_uris: Vec<String> = OpenId, ValueKind::FetchedUris(32), leads Documents;
    /// Where the browser may be sent after logging out
    /// ([RP-Initiated Logout §3.1](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#ClientMetadata)).
    post_logout_redirect_uris: Vec<String> = Logout, ValueKind::ReturnUris, leads Browsers;
    /// Where this server notifies the client that a session ended
    /// ([Back-Channel Logout §2.2](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration)).
    backchannel_logout_uri: Option<String> = Logout, ValueKind::FetchedUri, leads Messages;

    /// Whether logout tokens must name the session.
    /// Absence means `false`. Needs [`BackChannelLogout`](super::Extension::BackChannelLogout).
    backchannel_logout_session_required: Option<bool> = Of(BackChannelLogout), ValueKind::Plain => Implied("false");
    /// What the browser loads when a session ended.
    /// Needs [`FrontChannelLogout`](super::Extension::FrontChannelLogout).
    frontchannel_logout_uri: Option<String> = Of(FrontChannelLogout), ValueKind::FramedUri, leads Browsers;
    /// Whether issuer and session are added to that URI.
    /// Absence means `false`. Needs [`FrontChannelLogout`](super::Extension::FrontChannelLogout).
    frontchannel_logout_session_required: Option<bool> = Of(FrontChannelLogout), ValueKind::Plain => Implied("false");
    /// Whether access tokens are bound to the client's certificate.
    /// Absence means `false`. Needs [`MutualTls`](super::Extension::MutualTls).
    tls_client_certificate_bound_access_tokens: Option<bool> = Of(MutualTls), ValueKind::Plain => Implied("false");
    /// Subject of the certificate ([RFC 4514](https://www.rfc-editor.org/rfc/rfc4514)).
    /// Needs [`MutualTls`](super::Extension::MutualTls).
    tls_client_auth_subject_dn: Option<String> = Of(MutualTls), ValueKind::DistinguishedName;
    /// DNS name in the certificate.
    /// Needs [`MutualTls`](super::Extension::MutualTls).
    tls_client_auth_san_dns: Option<String> = Of(MutualTls), ValueKind::HostName;
    /// URI in the certificate.
    /// Needs [`MutualTls`](super::Extension::MutualTls).
    tls_client_auth_san_uri: Option<String> = Of(MutualTls), ValueKind::ComparedUri;
    /// IP address in the certificate.
    /// Needs [`MutualTls`](super::Extension::MutualTls).
    tls_client_auth_san_ip: Option<String> = Of(MutualTls), ValueKind::IpAddress;
    /// Mailbox in the certificate.
    /// Needs [`MutualTls`](super::Extension::MutualTls).
    tls_client_auth_san_email: Option<String> = Of(MutualTls), ValueKind::EmailAddress;
    /// Whether authorization requests must be signed request objects.
    /// Absence means `false`. Needs [`Jar`](super::Extension::Jar).
    require_signed_request_object: Option<bool> = Of(Jar), ValueKind::Plain => Implied("false");
    /// Whether authorization requests must be pushed.
    /// Absence means `false`. Needs [`Par`](super::Extension::Par).
    require_pushed_authorization_requests: Option<bool> = Of(Par), ValueKind::Plain => Implied("false");
    /// Types of authorization details that the client uses.
    /// Needs [`Rar`](super::Extension::Rar).
    authorization_details_types: Vec<String> = Of(Rar), ValueKind::Texts { max: 16, each: 256 };
    /// Whether access tokens are bound to a key of the client.
    /// Absence means `false`. Needs [`DPoP`](super::Extension::DPoP).
    dpop_bound_access_tokens: Option<bool> = Of(DPoP), ValueKind::Plain => Implied("false");
    /// Signature algorithm of introspection responses.
    /// Absence means `RS256`. Needs [`Introspection`](super::Extension::Introspection).
    introspection_signed_response_alg: Option<SigningAlgorithm> = Of(Introspection), ValueKind::Signing => Implied(r#""RS256""#);
    /// Key management algorithm of encrypted introspection responses.
    /// Needs [`Introspection`](super::Extension::Introspection).
    introspection_encrypted_response_alg: Option<KeyManagementAlgorithm> = Of(Introspection), ValueKind::KeyManagement;
    /// Content encryption of encrypted introspection responses.
    /// Default: `A128CBC-HS256` where the member that ends in `_alg` is present. Needs [`Introspection`](super::Extension::Introspection).
    introspection_encrypted_response_enc: Option<ContentEncryption> = Of(Introspection), ValueKind::ContentEncryption => WITH_ALG;
    /// Signature algorithm of authorization responses.
    /// Absence means `RS256`. Needs [`Jarm`](super::Extension::Jarm).
    authorization_signed_response_alg: Option<SigningAlgorithm> = Of(Jarm), ValueKind::Signing => Implied(r#""RS256""#);
    /// Key management algorithm of encrypted authorization responses.
    /// Needs [`Jarm`](super::Extension::Jarm).
    authorization_encrypted_response_alg: Option<KeyManagementAlgorithm> = Of(Jarm), ValueKind::KeyManagement;
    /// Content encryption of encrypted authorization responses.
    /// Default: `A128CBC-HS256` where the member that ends in `_alg` is present. Needs [`Jarm`](super::Extension::Jarm).
    authorization_encrypted_response_enc: Option<ContentEncryption> = Of(Jarm), ValueKind::ContentEncryption => WITH_ALG;
    /// How tokens are delivered.
    /// Needs [`Ciba`](super::Extension::Ciba).
    backchannel_token_delivery_mode: Option<TokenDeliveryMode> = Of(Ciba), ValueKind::Listed;
    /// Where this server notifies the client that tokens are ready, or delivers them.
    /// Needs [`Ciba`](super::Extension::Ciba).
    backchannel_client_notification_endpoint: Option<String> = Of(Ciba), ValueKind::FetchedUri, leads Notifications;
    /// Signature algorithm of authentication requests.
    /// Needs [`Ciba`](super::Extension::Ciba).
    backchannel_authentication_request_signing_alg: Option<SigningAlgorithm> = Of(Ciba), ValueKind::OwnSigning;
    /// Whether users enter a code.
    /// Absence means `false`. Needs [`Ciba`](super::Extension::Ciba).
    backchannel_user_code_parameter: Option<bool> = Of(Ciba), ValueKind::Plain => Implied("false");
    /// Whether the client calls the mutual-TLS aliases of endpoints.
    /// Absence means `false`. Needs [`FapiAliases`](super::Extension::FapiAliases).
    use_mtls_endpoint_aliases: Option<bool> = Of(FapiAliases), ValueKind::Plain => Implied("false");
    /// Response modes that the client uses.
    /// Needs [`FapiResponseModes`](super::Extension::FapiResponseModes).
    response_modes: Vec<String> = Of(FapiResponseModes), ValueKind::Tokens(16);
    /// How the client registers within a federation.
    /// Needs [`Federation`](super::Extension::Federation).
    client_registration_types: Vec<String> = Of(Federation), ValueKind::Tokens(16);
    /// Where the client's signed JWK Set is published.
    /// Needs [`Federation`](super::Extension::Federation).
    signed_jwks_uri: Option<String> = Of(Federation), ValueKind::FetchedUri, leads Documents;
    /// Name of the organization behind the client.
    /// Needs [`Federation`](super::Extension::Federation).
    organization_name: Localized = Of(Federation), ValueKind::Text(256);
    /// Description of the client.
    /// Needs [`Federation`](super::Extension::Federation).
    description: Localized = Of(Federation), ValueKind::Text(2048);
    /// Words that describe the client.
    /// Needs [`Federation`](super::Extension::Federation).
    keywords: Vec<String> = Of(Federation), ValueKind::Texts { max: 32, each: 256 };
    /// Page with more information about the client.
    /// Needs [`Federation`](super::Extension::Federation).
    information_uri: Localized = Of(Federation), ValueKind::ShownUri, leads Pages;
    /// Home page of the organization.
    /// Needs [`Federation`](super::Extension::Federation).
    organization_uri: Localized = Of(Federation), ValueKind::ShownUri, leads Pages;
    /// Content encryption algorithms for encrypted presentations.
    /// Absence means `["A128GCM"]`. Needs [`OpenId4Vp`](super::Extension::OpenId4Vp).
    encrypted_response_enc_values_supported: Vec<String> = Of(OpenId4Vp), ValueKind::ContentEncryptions(16) => Implied(r#"["A128GCM"]"#);
    /// Formats of credentials that the verifier accepts.
    /// Needs [`OpenId4Vp`](super::Extension::OpenId4Vp).
    vp_formats_supported: Option<JsonObject> = Of(OpenId4Vp), ValueKind::Formats;
    /// Where the wallet receives credential offers.
    /// Needs [`CredentialOffer`](super::Extension::CredentialOffer).
    credential_offer_endpoint: Option<String> = Of(CredentialOffer), ValueKind::ReturnUri, leads Browsers;
    /// Kinds of subject identifiers that the verifier accepts.
    /// Needs [`SelfIssued`](super::Extension::SelfIssued).
    subject_syntax_types_supported: Vec<String> = Of(SelfIssued), ValueKind::Tokens(16);
    /// Where the provider sends commands.
    /// Needs [`ProviderCommands`](super::Extension::ProviderCommands).
    command_endpoint: Option<String> = Of(ProviderCommands), ValueKind::CalledUri, leads Messages;
    /// Digest algorithm of external attachments.
    /// Absence means `sha-256`. Needs [`IdentityAssurance`](super::Extension::IdentityAssurance).
    digest_algorithm: Option<String> = Of(IdentityAssurance), ValueKind::Token => Implied(r#""sha-256""#);
    /// Where the browser is sent after claims gathering.
    /// Needs [`Uma`](super::Extension::Uma).
    claims_redirect_uris: Vec<String> = Of(Uma), ValueKind::ReturnUris, leads Browsers;
    /// Signature algorithm of NFV tokens.
    /// Needs [`Nfv`](super::Extension::Nfv).
    nfv_token_signed_response_alg: Option<SigningAlgorithm> = Of(Nfv), ValueKind::Signing;
    /// Key management algorithm of encrypted NFV tokens.
    /// Needs [`Nfv`](super::Extension::Nfv).
    nfv_token_encrypted_response_alg: Option<KeyManagementAlgorithm> = Of(Nfv), ValueKind::KeyManagement;
    /// Content encryption of encrypted NFV tokens.
    /// Default: `A128CBC-HS256` where the member that ends in `_alg` is present. Needs [`Nfv`](super::Extension::Nfv).
    nfv_token_encrypted_response_enc: Option<ContentEncryption> = Of(Nfv), ValueKind::ContentEncryption => WITH_ALG;
    /// Confirmation member of token-bound ID tokens.
    /// Needs [`TokenBinding`](super::Extension::TokenBinding).
    id_token_token_binding_cnf: Option<String> = Of(TokenBinding), ValueKind::Token;

    /// Values for [`subject_type`](Self::subject_type); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    subject_types_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("subject_type");
    /// Values for [`id_token_signed_response_alg`](Self::id_token_signed_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    id_token_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("id_token_signed_response_alg");
    /// Values for [`id_token_encrypted_response_alg`](Self::id_token_encrypted_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    id_token_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("id_token_encrypted_response_alg");
    /// Values for [`id_token_encrypted_response_enc`](Self::id_token_encrypted_response_enc); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    id_token_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("id_token_encrypted_response_enc");
    /// Values for [`userinfo_signed_response_alg`](Self::userinfo_signed_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    userinfo_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("userinfo_signed_response_alg");
    /// Values for [`userinfo_encrypted_response_alg`](Self::userinfo_encrypted_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    userinfo_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("userinfo_encrypted_response_alg");
    /// Values for [`userinfo_encrypted_response_enc`](Self::userinfo_encrypted_response_enc); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    userinfo_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("userinfo_encrypted_response_enc");
    /// Values for [`request_object_signing_alg`](Self::request_object_signing_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    request_object_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("request_object_signing_alg");
    /// Values for [`request_object_encryption_alg`](Self::request_object_encryption_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    request_object_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("request_object_encryption_alg");
    /// Values for [`request_object_encryption_enc`](Self::request_object_encryption_enc); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    request_object_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("request_object_encryption_enc");
    /// Values for [`token_endpoint_auth_method`](Self::token_endpoint_auth_method); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    token_endpoint_auth_methods_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("token_endpoint_auth_method");
    /// Values for [`token_endpoint_auth_signing_alg`](Self::token_endpoint_auth_signing_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    token_endpoint_auth_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("token_endpoint_auth_signing_alg");
    /// Values for [`backchannel_authentication_request_signing_alg`](Self::backchannel_authentication_request_signing_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    backchannel_authentication_request_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("backchannel_authentication_request_signing_alg");
    /// Values for [`authorization_signed_response_alg`](Self::authorization_signed_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    authorization_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("authorization_signed_response_alg");
    /// Values for [`authorization_encrypted_response_alg`](Self::authorization_encrypted_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    authorization_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("authorization_encrypted_response_alg");
    /// Values for [`authorization_encrypted_response_enc`](Self::authorization_encrypted_response_enc); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    authorization_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("authorization_encrypted_response_enc");
    /// Values for [`introspection_signed_response_alg`](Self::introspection_signed_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    introspection_signing_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("introspection_signed_response_alg");
    /// Values for [`introspection_encrypted_response_alg`](Self::introspection_encrypted_response_alg); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    introspection_encryption_alg_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("introspection_encrypted_response_alg");
    /// Values for [`introspection_encrypted_response_enc`](Self::introspection_encrypted_response_enc); never returned.
    /// Needs [`RpMetadataChoices`](super::Extension::RpMetadataChoices).
    introspection_encryption_enc_values_supported: Vec<String> = Of(RpMetadataChoices), ValueKind::Choices("introspection_encrypted_response_enc");
}
