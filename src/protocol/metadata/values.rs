//! The types of values: registered names that also hold an unregistered one, and JSON objects that are kept as received.
//!
//! Every enumeration has `Other`, because a registry of names grows: a document with a new name must be readable, so that a
//! rule, and not the reader, decides about it. `From<&str>` never fails.

use std::fmt;

use crate::protocol::json::read::Object;

/// Declares an enumeration of registered strings that keeps an unregistered one as it was received.
macro_rules! registered_strings {
    ($(#[$meta:meta])* $name:ident { $($(#[$arm_meta:meta])* $arm:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$arm_meta])* #[doc = concat!("`", $text, "`")] $arm,)+
            /// A value that is not listed here, as it was received.
            Other(String),
        }

        impl $name {
            /// The value as it appears on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$arm => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        // Infallible, so a document with an unregistered name can be read, stored and returned unchanged.
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$arm,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        // Beside `From<&str>`, because an unregistered name then needs no second allocation.
        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$arm,)+
                    _ => Self::Other(text),
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), formatter)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

pub(super) use registered_strings;

registered_strings! {
    /// How a client authenticates at the token endpoint
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2),
    /// [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication),
    /// [RFC 8705 §2](https://www.rfc-editor.org/rfc/rfc8705#section-2)).
    ///
    /// ```
    /// use tower_dcr::metadata::TokenEndpointAuthMethod;
    ///
    /// assert_eq!(TokenEndpointAuthMethod::from("none"), TokenEndpointAuthMethod::None);
    /// assert_eq!(TokenEndpointAuthMethod::PrivateKeyJwt.to_string(), "private_key_jwt");
    /// ```
    TokenEndpointAuthMethod {
        /// A public client, without a secret:
        None = "none",
        /// The default:
        ClientSecretBasic = "client_secret_basic",
        /// Credentials in the form body:
        ClientSecretPost = "client_secret_post",
        /// An assertion under the secret:
        ClientSecretJwt = "client_secret_jwt",
        /// An assertion under a private key:
        PrivateKeyJwt = "private_key_jwt",
        /// A certificate of a public key infrastructure:
        TlsClientAuth = "tls_client_auth",
        /// A self-signed certificate:
        SelfSignedTlsClientAuth = "self_signed_tls_client_auth",
    }
}

registered_strings! {
    /// A grant type: what a client exchanges for a token at the token endpoint
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    ///
    /// ```
    /// use tower_dcr::metadata::GrantType;
    ///
    /// assert_eq!(GrantType::from("authorization_code"), GrantType::AuthorizationCode);
    /// assert_eq!(GrantType::from("urn:example:grant").as_str(), "urn:example:grant");
    /// ```
    GrantType {
        /// The default ([RFC 6749 §4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1)):
        AuthorizationCode = "authorization_code",
        /// [RFC 6749 §4.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2):
        Implicit = "implicit",
        /// [RFC 6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3):
        Password = "password",
        /// [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4):
        ClientCredentials = "client_credentials",
        /// [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6):
        RefreshToken = "refresh_token",
        /// [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628):
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
        /// [RFC 7523](https://www.rfc-editor.org/rfc/rfc7523):
        JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer",
        /// [RFC 7522](https://www.rfc-editor.org/rfc/rfc7522):
        Saml2Bearer = "urn:ietf:params:oauth:grant-type:saml2-bearer",
        /// [RFC 8693](https://www.rfc-editor.org/rfc/rfc8693):
        TokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange",
        /// [OpenID Connect CIBA](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html):
        Ciba = "urn:openid:params:grant-type:ciba",
        /// [OpenID for Verifiable Credential Issuance](https://openid.net/specs/openid-4-verifiable-credential-issuance-1_0.html):
        PreAuthorizedCode = "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        /// [UMA 2.0 Grant](https://docs.kantarainitiative.org/uma/wg/rec-oauth-uma-grant-2.0.html):
        UmaTicket = "urn:ietf:params:oauth:grant-type:uma-ticket",
    }
}

registered_strings! {
    /// A response type: what a client requests at the authorization endpoint. The words of a combination come in any order
    /// ([RFC 6749 §8.4](https://www.rfc-editor.org/rfc/rfc6749#section-8.4)) and are registered in the order below.
    ResponseType {
        /// The default:
        Code = "code",
        /// Implicit:
        Token = "token",
        /// Implicit:
        IdToken = "id_token",
        /// Implicit:
        IdTokenToken = "id_token token",
        /// Hybrid:
        CodeIdToken = "code id_token",
        /// Hybrid:
        CodeToken = "code token",
        /// Hybrid:
        CodeIdTokenToken = "code id_token token",
        /// Issues nothing ([Multiple Response Types](https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html#none)):
        None = "none",
        /// A presentation ([OpenID4VP §5](https://openid.net/specs/openid-4-verifiable-presentations-1_0.html#section-5)):
        VpToken = "vp_token",
        /// A presentation and a self-issued token:
        VpTokenIdToken = "vp_token id_token",
    }
}

registered_strings! {
    /// Where the client runs
    /// ([OpenID Connect Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata)).
    ApplicationType {
        /// On a web server or in a browser:
        Web = "web",
        /// On the user's device:
        Native = "native",
    }
}

registered_strings! {
    /// How users are named to the client
    /// ([OpenID Connect Core §8](https://openid.net/specs/openid-connect-core-1_0.html#SubjectIDTypes)).
    SubjectType {
        /// One identifier for all clients:
        Public = "public",
        /// An identifier for each sector:
        Pairwise = "pairwise",
    }
}

registered_strings! {
    /// How a client of decoupled flows gets its tokens
    /// ([CIBA §5](https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html#rfc.section.5)).
    TokenDeliveryMode {
        /// The client asks for them:
        Poll = "poll",
        /// The server notifies the client, which then asks for them:
        Ping = "ping",
        /// The server sends them to the client:
        Push = "push",
    }
}

/// A JSON object that is registered and returned as it was received, such as a JWK Set. Members that the crate does not
/// know are kept.
///
/// ```
/// use tower_dcr::metadata::JsonObject;
///
/// let jwks = JsonObject::from_json(r#"{ "keys": [] }"#).unwrap();
/// assert_eq!(jwks.to_json(), r#"{"keys":[]}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonObject(pub(crate) Object);

impl JsonObject {
    /// Reads an object from its JSON text, as strictly as a registration request is read.
    ///
    /// # Errors
    ///
    /// When the text is not one unambiguous JSON object.
    pub fn from_json(text: &str) -> Result<Self, crate::error::RegistrationError> {
        crate::protocol::json::read::read(text.as_bytes()).map(Self).map_err(Into::into)
    }

    /// The object as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::Value::Object(self.0.clone()).to_string()
    }
}
