//! The values that a member can hold: registered names with an open end, and JSON objects kept as they came.

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

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$arm,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

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

registered_strings! {
    /// How a client proves who it is at the token endpoint
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2),
    /// [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication),
    /// [RFC 8705 §2](https://www.rfc-editor.org/rfc/rfc8705#section-2)).
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
    /// What a client may exchange at the token endpoint
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
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
    /// What a client may ask for at the authorization endpoint. The words of a combination come in any order
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
        /// The client is told to ask:
        Ping = "ping",
        /// The client is sent them:
        Push = "push",
    }
}

registered_strings! {
    /// A signature algorithm ([RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1),
    /// [RFC 9864](https://www.rfc-editor.org/rfc/rfc9864)).
    SigningAlgorithm {
        /// RSASSA-PKCS1-v1_5:
        Rs256 = "RS256",
        /// RSASSA-PKCS1-v1_5:
        Rs384 = "RS384",
        /// RSASSA-PKCS1-v1_5:
        Rs512 = "RS512",
        /// RSASSA-PSS:
        Ps256 = "PS256",
        /// RSASSA-PSS:
        Ps384 = "PS384",
        /// RSASSA-PSS:
        Ps512 = "PS512",
        /// ECDSA over P-256:
        Es256 = "ES256",
        /// ECDSA over P-384:
        Es384 = "ES384",
        /// ECDSA over P-521:
        Es512 = "ES512",
        /// Edwards curves:
        EdDsa = "EdDSA",
        /// Edwards curve 25519:
        Ed25519 = "Ed25519",
        /// HMAC under the client secret:
        Hs256 = "HS256",
        /// HMAC under the client secret:
        Hs384 = "HS384",
        /// HMAC under the client secret:
        Hs512 = "HS512",
    }
}

impl SigningAlgorithm {
    /// Whether the key is the client secret
    /// ([OpenID Connect Core §10.1](https://openid.net/specs/openid-connect-core-1_0.html#Signing)).
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }
}

registered_strings! {
    /// A key management algorithm for encryption
    /// ([RFC 7518 §4.1](https://www.rfc-editor.org/rfc/rfc7518#section-4.1)).
    KeyManagementAlgorithm {
        /// RSAES OAEP with SHA-1:
        RsaOaep = "RSA-OAEP",
        /// RSAES OAEP with SHA-256:
        RsaOaep256 = "RSA-OAEP-256",
        /// Direct key agreement:
        EcdhEs = "ECDH-ES",
        /// Key agreement and wrapping:
        EcdhEsA128Kw = "ECDH-ES+A128KW",
        /// Key agreement and wrapping:
        EcdhEsA192Kw = "ECDH-ES+A192KW",
        /// Key agreement and wrapping:
        EcdhEsA256Kw = "ECDH-ES+A256KW",
        /// Wrapping under the client secret:
        A128Kw = "A128KW",
        /// Wrapping under the client secret:
        A192Kw = "A192KW",
        /// Wrapping under the client secret:
        A256Kw = "A256KW",
        /// Wrapping under the client secret:
        A128GcmKw = "A128GCMKW",
        /// Wrapping under the client secret:
        A192GcmKw = "A192GCMKW",
        /// Wrapping under the client secret:
        A256GcmKw = "A256GCMKW",
        /// The client secret itself:
        Dir = "dir",
    }
}

impl KeyManagementAlgorithm {
    /// Whether the key is derived from the client secret
    /// ([OpenID Connect Core §10.2](https://openid.net/specs/openid-connect-core-1_0.html#Encryption)).
    #[must_use]
    pub fn is_symmetric(&self) -> bool {
        use KeyManagementAlgorithm::{A128GcmKw, A128Kw, A192GcmKw, A192Kw, A256GcmKw, A256Kw, Dir};
        matches!(self, A128Kw | A192Kw | A256Kw | A128GcmKw | A192GcmKw | A256GcmKw | Dir)
    }
}

registered_strings! {
    /// A content encryption algorithm ([RFC 7518 §5.1](https://www.rfc-editor.org/rfc/rfc7518#section-5.1)).
    ContentEncryption {
        /// The default beside a key management algorithm:
        A128CbcHs256 = "A128CBC-HS256",
        /// CBC with HMAC:
        A192CbcHs384 = "A192CBC-HS384",
        /// CBC with HMAC:
        A256CbcHs512 = "A256CBC-HS512",
        /// Galois counter mode:
        A128Gcm = "A128GCM",
        /// Galois counter mode:
        A192Gcm = "A192GCM",
        /// Galois counter mode:
        A256Gcm = "A256GCM",
    }
}

/// A JSON object that the registration keeps whole, such as a JWK Set.
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
