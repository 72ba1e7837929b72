//! The algorithms that metadata can name: signatures, key management and content encryption.
//!
//! An algorithm is symmetric when its key is the client secret or derived from it. Registration asks this to decide whether
//! the client needs a secret or a key of its own.

use std::fmt;

use super::values::registered_strings;

registered_strings! {
    /// A signature algorithm. `none` is not listed and never accepted.
    ///
    /// ```
    /// use tower_dcr::metadata::SigningAlgorithm;
    ///
    /// assert!(SigningAlgorithm::Hs256.is_symmetric() && !SigningAlgorithm::Es256.is_symmetric());
    /// ```
    ///
    /// Sources: [RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1),
    /// [RFC 9864](https://www.rfc-editor.org/rfc/rfc9864).
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
