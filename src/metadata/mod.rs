//! Client metadata: everything that a client says about itself
//! ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2),
//! [OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
//!
//! One table below has a row for each member: its name, its type, the group of standards it belongs to and the form
//! that its value must have. The struct [`ClientMetadata`], its reader, its writer and the rules all follow from that
//! table, so a member is added in one place.
//!
//! ```
//! use tower_dcr::metadata::{ClientMetadata, GrantType};
//!
//! let metadata = ClientMetadata::from_json(
//!     br#"{ "redirect_uris": ["https://app.example.com/cb"], "client_name": "App", "client_name#fr": "Appli",
//!           "grant_types": ["authorization_code"], "logo_uri": null, "favourite_colour": "unknown" }"#,
//! )?;
//! assert_eq!(metadata.grant_types, [GrantType::AuthorizationCode]);
//! assert_eq!(metadata.client_name.get("fr"), Some("Appli"));
//! assert!(metadata.logo_uri.is_empty());
//! # Ok::<(), tower_dcr::RegistrationError>(())
//! ```

mod document;
mod extra;
mod field;
mod json;
mod localized;
mod values;

pub(crate) use document::{Document, FORBIDDEN_IN_UPDATES, is_language_tag};
pub use extra::Extra;
pub(crate) use extra::is_defined;
pub(crate) use field::{Field, ObjectWriter, Text};
pub(crate) use json::Object;
pub use localized::Localized;
pub use values::{
    ApplicationType, ContentEncryption, GrantType, JsonObject, KeyManagementAlgorithm, ResponseType, SigningAlgorithm,
    SubjectType, TokenEndpointAuthMethod,
};

use crate::error::{ErrorCode, RegistrationError};

/// A set of standards whose members a server understands. A member of a group that is off is an unknown member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Group {
    /// RFC 7591 without software statements.
    Registration = 1,
    /// OpenID Connect Registration.
    OpenId = 1 << 1,
    /// OpenID Connect RP-Initiated Logout and Back-Channel Logout.
    Logout = 1 << 2,
}

/// The groups that are on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Groups(u32);

impl Groups {
    pub(crate) const DEFAULT: Self = Self(Group::Registration as u32 | Group::OpenId as u32 | Group::Logout as u32);

    /// For what is read back from a store: what was accepted once stays, whatever is on today.
    pub(crate) const ALL: Self = Self(u32::MAX);

    fn contains(self, group: Group) -> bool {
        self.0 & group as u32 != 0
    }
}

/// The form of a member's value; `rules` knows what each form demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Nothing beyond the JSON type, or a rule that looks at several members.
    Plain,
    /// At most so many values that are names of something registered.
    Names(usize),
    /// Text for people, at most so many code points.
    Text(usize),
    /// At most `most` texts of at most `each` code points.
    Texts { most: usize, each: usize },
    /// Where a browser is sent with an authorization response.
    RedirectUris,
    /// Where a browser is sent after logging out.
    LogoutRedirectUris,
    /// A page or image that people are shown.
    ShownUri,
    /// An address that this server may have to call.
    FetchedUri,
    /// At most so many addresses that this server may have to call.
    FetchedUris(usize),
    /// Space-separated scope tokens.
    Scope,
    /// A JWK Set of public keys.
    Jwks,
    /// One of the registered words of an enumeration without an open end.
    Listed,
}

/// One row of the table of members.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    group: Group,
    /// Returned even when empty, because client parsers insist on it.
    always: bool,
}

impl Member {
    /// The error that a fault in this member is reported with
    /// ([RFC 7591 §3.2.2](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2)).
    pub(crate) fn error_code(&self) -> ErrorCode {
        match self.form {
            Form::RedirectUris => ErrorCode::InvalidRedirectUri,
            _ => ErrorCode::InvalidClientMetadata,
        }
    }
}

macro_rules! members {
    ($($(#[$meta:meta])* $field:ident: $type:ty = $group:ident, $form:expr $(, $always:ident)?;)+) => {
        /// What a client registers about itself; an absent member is `None` or empty.
        ///
        /// URIs are kept exactly as they were received: clients and authorization servers compare them byte for byte.
        #[derive(Clone, Debug, Default, PartialEq)]
        #[non_exhaustive]
        pub struct ClientMetadata {
            $($(#[$meta])* pub $field: $type,)+
            /// Members beyond those above, kept where the operator declared them.
            pub extra: Extra,
        }

        /// The table of members, in the order in which they are returned.
        static MEMBERS: &[Member] = &[
            $(Member {
                name: stringify!($field),
                form: $form,
                group: Group::$group,
                always: members!(@always $($always)?),
            },)+
        ];

        impl ClientMetadata {
            /// Every member with its row of the table.
            pub(crate) fn members(&self) -> impl Iterator<Item = (&'static Member, &dyn Field)> {
                let fields = [$(&self.$field as &dyn Field,)+];
                MEMBERS.iter().zip(fields)
            }

            fn member_mut(&mut self, name: &str) -> Option<(&'static Member, &mut dyn Field)> {
                let index = MEMBERS.iter().position(|member| member.name == name)?;
                let fields = [$(&mut self.$field as &mut dyn Field,)+];
                Some(&MEMBERS[index]).zip(fields.into_iter().nth(index))
            }
        }
    };
    (@always) => { false };
    (@always always) => { true };
}

members! {
    /// Redirection URIs for redirect-based grants.
    redirect_uris: Vec<String> = Registration, Form::RedirectUris, always;
    /// How the client authenticates at the token endpoint. Default: `client_secret_basic`.
    token_endpoint_auth_method: Option<TokenEndpointAuthMethod> = Registration, Form::Plain;
    /// What the client may use at the token endpoint. Default: `authorization_code`.
    grant_types: Vec<GrantType> = Registration, Form::Names(16), always;
    /// What the client may ask for at the authorization endpoint. Default: `code` with `authorization_code`, else none.
    response_types: Vec<ResponseType> = Registration, Form::Names(16), always;
    /// Name of the client for the end user.
    client_name: Localized = Registration, Form::Text(256);
    /// Home page of the client.
    client_uri: Localized = Registration, Form::ShownUri;
    /// Logo of the client.
    logo_uri: Localized = Registration, Form::ShownUri;
    /// Space-separated scope values that the client may ask for.
    scope: Option<String> = Registration, Form::Scope;
    /// How to reach the people responsible for the client, typically e-mail addresses.
    contacts: Vec<String> = Registration, Form::Texts { most: 16, each: 320 };
    /// Terms of service of the client.
    tos_uri: Localized = Registration, Form::ShownUri;
    /// Privacy policy of the client.
    policy_uri: Localized = Registration, Form::ShownUri;
    /// Where the client's JWK Set is published; excludes `jwks`.
    jwks_uri: Option<String> = Registration, Form::FetchedUri;
    /// The client's public keys as a JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    jwks: Option<JsonObject> = Registration, Form::Jwks;
    /// Identifier of the software, the same for all its instances.
    software_id: Option<String> = Registration, Form::Text(256);
    /// Version of the software, compared only for equality.
    software_version: Option<String> = Registration, Form::Text(256);
    /// Where the client runs. Default: worked out from the redirection URIs.
    application_type: Option<ApplicationType> = OpenId, Form::Listed;
    /// Document that lists the redirection URIs of one sector.
    sector_identifier_uri: Option<String> = OpenId, Form::FetchedUri;
    /// How users are named to the client.
    subject_type: Option<SubjectType> = OpenId, Form::Plain;
    /// Signature algorithm of ID tokens.
    id_token_signed_response_alg: Option<SigningAlgorithm> = OpenId, Form::Listed;
    /// Key management algorithm of encrypted ID tokens.
    id_token_encrypted_response_alg: Option<KeyManagementAlgorithm> = OpenId, Form::Listed;
    /// Content encryption of encrypted ID tokens. Default beside the algorithm: `A128CBC-HS256`.
    id_token_encrypted_response_enc: Option<ContentEncryption> = OpenId, Form::Listed;
    /// Signature algorithm of UserInfo responses.
    userinfo_signed_response_alg: Option<SigningAlgorithm> = OpenId, Form::Listed;
    /// Key management algorithm of encrypted UserInfo responses.
    userinfo_encrypted_response_alg: Option<KeyManagementAlgorithm> = OpenId, Form::Listed;
    /// Content encryption of encrypted UserInfo responses. Default beside the algorithm: `A128CBC-HS256`.
    userinfo_encrypted_response_enc: Option<ContentEncryption> = OpenId, Form::Listed;
    /// Signature algorithm of request objects.
    request_object_signing_alg: Option<SigningAlgorithm> = OpenId, Form::Listed;
    /// Key management algorithm of encrypted request objects.
    request_object_encryption_alg: Option<KeyManagementAlgorithm> = OpenId, Form::Listed;
    /// Content encryption of encrypted request objects. Default beside the algorithm: `A128CBC-HS256`.
    request_object_encryption_enc: Option<ContentEncryption> = OpenId, Form::Listed;
    /// Signature algorithm of client assertions at the token endpoint.
    token_endpoint_auth_signing_alg: Option<SigningAlgorithm> = OpenId, Form::Listed;
    /// Seconds after which the user must be authenticated afresh.
    default_max_age: Option<u32> = OpenId, Form::Plain;
    /// Whether ID tokens must tell when the user was authenticated.
    require_auth_time: Option<bool> = OpenId, Form::Plain;
    /// Authentication context classes asked for, in order of preference.
    default_acr_values: Vec<String> = OpenId, Form::Texts { most: 16, each: 320 };
    /// Where a third party starts a login at the client.
    initiate_login_uri: Option<String> = OpenId, Form::FetchedUri;
    /// Request objects that the client refers to.
    request_uris: Vec<String> = OpenId, Form::FetchedUris(32);
    /// Where the browser may be sent after logging out
    /// ([RP-Initiated Logout §3.1](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#ClientMetadata)).
    post_logout_redirect_uris: Vec<String> = Logout, Form::LogoutRedirectUris;
    /// Where the client is told that a session ended
    /// ([Back-Channel Logout §2.2](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCRegistration)).
    backchannel_logout_uri: Option<String> = Logout, Form::FetchedUri;
}

impl ClientMetadata {
    /// Nothing at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a metadata document as a registration request is read: strict about JSON and types, unknown members kept in
    /// [`extra`](Self::extra), `null`, `""` and `[]` taken as absent. The values themselves are checked when they are registered.
    ///
    /// # Errors
    ///
    /// When the text is not one unambiguous JSON object or a member has the wrong JSON type; the error names all such
    /// members.
    pub fn from_json(document: &[u8]) -> Result<Self, RegistrationError> {
        let document = Document::read(document, Groups::DEFAULT)?;
        match document.violations.is_empty() {
            true => Ok(document.metadata),
            false => Err(document.violations.into()),
        }
    }

    /// The metadata as a JSON object, as a registration response states it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = ObjectWriter::new();
        self.write(&mut object);
        String::from_utf8_lossy(&object.finish()).into_owned()
    }

    pub(crate) fn write(&self, object: &mut ObjectWriter) {
        for (member, field) in self.members() {
            if member.always || !field.is_absent() {
                field.write(member.name, object);
            }
        }
        self.extra.write(object);
    }
}

/// The JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to a member, or to an element of it.
pub(crate) fn pointer(name: &str, tag: Option<&str>, index: Option<usize>) -> String {
    match (tag, index) {
        (Some(tag), _) => format!("/{name}#{tag}"),
        (None, Some(index)) => format!("/{name}/{index}"),
        (None, None) => format!("/{name}"),
    }
}
