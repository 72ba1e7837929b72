//! Signatures: what this build can verify, and with which keys.
//!
//! The rules of registration ask this module before they accept a key or an algorithm, and the verification of tokens uses
//! the same table. A key that can be registered can therefore be used. A build without the feature `software-statements`
//! verifies no signature: the host does it with a library of its own, so no key is excluded here.

use serde_json::Value;

use crate::protocol::metadata::SigningAlgorithm;

/// Whether this build can verify a signature by this algorithm.
pub(crate) fn is_verifiable(algorithm: &SigningAlgorithm) -> bool {
    #[cfg(feature = "software-statements")]
    return verification::scheme(algorithm).is_some();
    #[cfg(not(feature = "software-statements"))]
    return !algorithm.as_str().is_empty();
}

/// Whether a signature by this algorithm can be verified with this key, a JSON Web Key. The caller has checked that the
/// algorithm fits the type of the key.
pub(crate) fn can_verify(key: &Value, algorithm: &SigningAlgorithm) -> bool {
    #[cfg(feature = "software-statements")]
    return PublicKey::read(key, algorithm).is_some();
    #[cfg(not(feature = "software-statements"))]
    return key.is_object() && is_verifiable(algorithm);
}

#[cfg(feature = "software-statements")]
pub(crate) use verification::{PublicKey, verify_mac};

#[cfg(feature = "software-statements")]
mod verification {
    use aws_lc_rs::hmac;
    use aws_lc_rs::signature::{
        self, EcdsaVerificationAlgorithm, EdDSAParameters, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents,
    };
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    use crate::protocol::metadata::SigningAlgorithm;

    /// The type of key that an algorithm needs, and the implementation of the library.
    #[derive(Clone, Copy)]
    pub(super) enum Scheme {
        Rsa(&'static RsaParameters),
        /// The curve, and the length of a coordinate in octets.
        Ec(&'static str, usize, &'static EcdsaVerificationAlgorithm),
        Ed25519(&'static EdDSAParameters),
    }

    /// How an algorithm is verified ([RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1),
    /// [RFC 8037 §3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)); none for what this build cannot verify.
    /// `EdDSA` is verified with Ed25519 alone: the library has no Ed448.
    pub(super) fn scheme(algorithm: &SigningAlgorithm) -> Option<Scheme> {
        use SigningAlgorithm as Alg;
        Some(match algorithm {
            Alg::Rs256 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Alg::Rs384 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Alg::Rs512 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Alg::Ps256 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Alg::Ps384 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Alg::Ps512 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Alg::Es256 => Scheme::Ec("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED),
            Alg::Es384 => Scheme::Ec("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED),
            Alg::Es512 => Scheme::Ec("P-521", 66, &signature::ECDSA_P521_SHA512_FIXED),
            Alg::EdDsa | Alg::Ed25519 => Scheme::Ed25519(&signature::ED25519),
            _ => return None,
        })
    }

    /// A public key together with the one algorithm that it verifies. A key that verifies several algorithms would let an
    /// attacker choose the weakest ([RFC 8725 §3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
    #[derive(Debug)]
    pub(crate) struct PublicKey(ParsedPublicKey);

    impl PublicKey {
        /// Reads a JSON Web Key for an algorithm; none where it has another type or curve, where its point is not on
        /// the curve, or where the library does not accept it, such as an RSA exponent of more than 33 bits.
        pub(crate) fn read(key: &Value, algorithm: &SigningAlgorithm) -> Option<Self> {
            // The type of the key must fit the algorithm; the `alg` of the key was compared by the caller.
            let text = |name: &str| key.get(name).and_then(Value::as_str);
            let octets = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
            let parsed = match (scheme(algorithm)?, text("kty")?) {
                (Scheme::Rsa(parameters), "RSA") => rsa(parameters, &octets("n")?, &octets("e")?),
                (Scheme::Ec(curve, length, implementation), "EC") if text("crv") == Some(curve) => {
                    let (x, y) = (octets("x")?, octets("y")?);
                    // A coordinate of another length would shift the other one inside the encoded point.
                    let whole = x.len() == length && y.len() == length;
                    let point = [&[UNCOMPRESSED], &*x, &*y].concat();
                    whole.then(|| ParsedPublicKey::new(implementation, point).ok()).flatten()
                }
                (Scheme::Ed25519(implementation), "OKP") if text("crv") == Some("Ed25519") => {
                    let x = octets("x").filter(|x| x.len() == signature::ED25519_PUBLIC_KEY_LEN)?;
                    ParsedPublicKey::new(implementation, x).ok()
                }
                _ => None,
            };
            parsed.map(Self)
        }

        /// Whether this is the signature of the message by the key.
        pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
            self.0.verify_sig(message, signature).is_ok()
        }
    }

    /// How a point begins that has both of its coordinates ([SEC 1 §2.3.3](https://www.secg.org/sec1-v2.pdf)).
    const UNCOMPRESSED: u8 = 4;

    /// The library checks modulus and exponent only where it reads a key in its DER form, hence the second step.
    fn rsa(parameters: &'static RsaParameters, modulus: &[u8], exponent: &[u8]) -> Option<ParsedPublicKey> {
        let components = RsaPublicKeyComponents { n: without_zeros(modulus), e: without_zeros(exponent) };
        let unchecked = components.to_parsed_public_key(parameters).ok()?;
        ParsedPublicKey::new(parameters, unchecked).ok()
    }

    /// The number without leading zeros, which JSON Web Keys of deployed libraries have and the library does not accept.
    fn without_zeros(number: &[u8]) -> &[u8] {
        &number[number.iter().take_while(|octet| **octet == 0).count()..]
    }

    /// Whether a client secret is the key of this message authentication code
    /// ([RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)), in constant time.
    pub(crate) fn verify_mac(secret: &[u8], algorithm: &SigningAlgorithm, message: &[u8], code: &[u8]) -> bool {
        let hash = match algorithm {
            SigningAlgorithm::Hs256 => hmac::HMAC_SHA256,
            SigningAlgorithm::Hs384 => hmac::HMAC_SHA384,
            SigningAlgorithm::Hs512 => hmac::HMAC_SHA512,
            _ => return false,
        };
        hmac::verify(&hmac::Key::new(hash, secret), message, code).is_ok()
    }
}
