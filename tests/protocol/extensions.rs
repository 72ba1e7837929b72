//! Every extension over HTTP: what its members may hold, what they need, and that they are unknown while it is off.

use serde_json::{Map, Value, json};
use tower_dcr::Access;
use tower_dcr::config::RegistryBuilder;
use tower_dcr::metadata::{Extension, KeyManagementAlgorithm, SigningAlgorithm, TokenEndpointAuthMethod};

use crate::server::{Registered, Server, minimal};

/// A document on top of [`minimal`], and where it breaks a rule.
type Row = (&'static str, Extension, Value, Option<&'static str>);

const KEYS: &str = "https://app.example.com/jwks";
const CIBA_GRANT: &str = "urn:openid:params:grant-type:ciba";
const CIBA_MODE: &str = "/backchannel_token_delivery_mode";
const CIBA_ENDPOINT: &str = "https://app.example.com/notify";

fn rows() -> Vec<Row> {
    [mutual_tls_rows(), request_and_token_rows(), session_and_ciba_rows(), federation_and_other_rows()].concat()
}

fn mutual_tls_rows() -> Vec<Row> {
    use Extension::*;
    vec![
        (
            "subject of a certificate",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=app,O=Example"}),
            None,
        ),
        ("bound tokens", MutualTls, json!({"tls_client_certificate_bound_access_tokens": true}), None),
        (
            "no subject",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth"}),
            Some("/token_endpoint_auth_method"),
        ),
        (
            "two subjects",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a.example", "tls_client_auth_san_ip": "10.0.0.1"}),
            Some("/token_endpoint_auth_method"),
        ),
        (
            "subject for nothing",
            MutualTls,
            json!({"tls_client_auth_san_dns": "a.example"}),
            Some("/tls_client_auth_san_dns"),
        ),
        (
            "no address",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_ip": "300.1.1.1"}),
            Some("/tls_client_auth_san_ip"),
        ),
        (
            "no name",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "app"}),
            Some("/tls_client_auth_subject_dn"),
        ),
        (
            "no URI",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_uri": "app"}),
            Some("/tls_client_auth_san_uri"),
        ),
        (
            "no mailbox",
            MutualTls,
            json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_email": "app"}),
            Some("/tls_client_auth_san_email"),
        ),
        (
            "self-signed without keys",
            MutualTls,
            json!({"token_endpoint_auth_method": "self_signed_tls_client_auth"}),
            Some("/token_endpoint_auth_method"),
        ),
        (
            "self-signed with keys",
            MutualTls,
            json!({"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks_uri": KEYS}),
            None,
        ),
    ]
}

fn request_and_token_rows() -> Vec<Row> {
    use Extension::*;
    vec![
        ("signed requests", Jar, json!({"require_signed_request_object": true}), None),
        (
            "a word for true",
            Jar,
            json!({"require_signed_request_object": "true"}),
            Some("/require_signed_request_object"),
        ),
        ("pushed requests", Par, json!({"require_pushed_authorization_requests": false}), None),
        (
            "yes for true",
            Par,
            json!({"require_pushed_authorization_requests": "yes"}),
            Some("/require_pushed_authorization_requests"),
        ),
        ("authorization details", Rar, json!({"authorization_details_types": ["payment_initiation"]}), None),
        (
            "a detail that is no array",
            Rar,
            json!({"authorization_details_types": "payment"}),
            Some("/authorization_details_types"),
        ),
        (
            "a detail with a newline",
            Rar,
            json!({"authorization_details_types": ["a", "b\nc"]}),
            Some("/authorization_details_types/1"),
        ),
        ("key-bound tokens", DPoP, json!({"dpop_bound_access_tokens": true}), None),
        ("a number for true", DPoP, json!({"dpop_bound_access_tokens": 1}), Some("/dpop_bound_access_tokens")),
        ("signed introspection", Introspection, json!({"introspection_signed_response_alg": "PS256"}), None),
        (
            "unsigned introspection",
            Introspection,
            json!({"introspection_signed_response_alg": "none"}),
            Some("/introspection_signed_response_alg"),
        ),
        (
            "half a pair",
            Introspection,
            json!({"introspection_encrypted_response_enc": "A256GCM"}),
            Some("/introspection_encrypted_response_enc"),
        ),
        (
            "encrypted introspection",
            Introspection,
            json!({"introspection_encrypted_response_alg": "ECDH-ES", "introspection_encrypted_response_enc": "A256GCM", "jwks_uri": KEYS}),
            None,
        ),
        (
            "encrypted introspection without keys",
            Introspection,
            json!({"introspection_encrypted_response_alg": "ECDH-ES"}),
            Some("/introspection_encrypted_response_alg"),
        ),
        ("signed responses", Jarm, json!({"authorization_signed_response_alg": "ES256"}), None),
        (
            "unsigned responses",
            Jarm,
            json!({"authorization_signed_response_alg": "none"}),
            Some("/authorization_signed_response_alg"),
        ),
        (
            "half a pair of responses",
            Jarm,
            json!({"authorization_encrypted_response_enc": "A256GCM"}),
            Some("/authorization_encrypted_response_enc"),
        ),
    ]
}

fn session_and_ciba_rows() -> Vec<Row> {
    use Extension::*;
    vec![
        (
            "front-channel logout",
            FrontChannelLogout,
            json!({"frontchannel_logout_uri": "https://APP.example.com:443/out?a=b", "frontchannel_logout_session_required": true}),
            None,
        ),
        (
            "front-channel logout elsewhere",
            FrontChannelLogout,
            json!({"frontchannel_logout_uri": "https://app.example.com:8443/out"}),
            Some("/frontchannel_logout_uri"),
        ),
        (
            "front-channel logout with fragment",
            FrontChannelLogout,
            json!({"frontchannel_logout_uri": "https://app.example.com/out#"}),
            Some("/frontchannel_logout_uri"),
        ),
        ("back-channel sessions", BackChannelLogout, json!({"backchannel_logout_session_required": true}), None),
        ("null for false", BackChannelLogout, json!({"backchannel_logout_session_required": []}), None),
        (
            "object for true",
            BackChannelLogout,
            json!({"backchannel_logout_session_required": {}}),
            Some("/backchannel_logout_session_required"),
        ),
        ("poll", Ciba, json!({"grant_types": [CIBA_GRANT], "backchannel_token_delivery_mode": "poll"}), None),
        (
            "push without the grant",
            Ciba,
            json!({"backchannel_token_delivery_mode": "push", "backchannel_client_notification_endpoint": CIBA_ENDPOINT}),
            None,
        ),
        ("grant without mode", Ciba, json!({"grant_types": [CIBA_GRANT]}), Some(CIBA_MODE)),
        ("mode without grant", Ciba, json!({"backchannel_token_delivery_mode": "poll"}), Some(CIBA_MODE)),
        (
            "unknown mode",
            Ciba,
            json!({"grant_types": [CIBA_GRANT], "backchannel_token_delivery_mode": "x"}),
            Some(CIBA_MODE),
        ),
        (
            "ping without endpoint",
            Ciba,
            json!({"grant_types": [CIBA_GRANT], "backchannel_token_delivery_mode": "ping"}),
            Some("/backchannel_client_notification_endpoint"),
        ),
        (
            "ping in the clear",
            Ciba,
            json!({"grant_types": [CIBA_GRANT], "backchannel_token_delivery_mode": "ping", "backchannel_client_notification_endpoint": "http://app.example.com/notify"}),
            Some("/backchannel_client_notification_endpoint"),
        ),
        (
            "requests under the secret",
            Ciba,
            json!({"backchannel_authentication_request_signing_alg": "HS256", "jwks_uri": KEYS}),
            Some("/backchannel_authentication_request_signing_alg"),
        ),
        (
            "requests under no key",
            Ciba,
            json!({"backchannel_authentication_request_signing_alg": "ES256"}),
            Some("/backchannel_authentication_request_signing_alg"),
        ),
        ("user code", Ciba, json!({"backchannel_user_code_parameter": true}), None),
        ("mutual-TLS aliases", FapiAliases, json!({"use_mtls_endpoint_aliases": true}), None),
        (
            "aliases that are no boolean",
            FapiAliases,
            json!({"use_mtls_endpoint_aliases": "no"}),
            Some("/use_mtls_endpoint_aliases"),
        ),
        ("response modes", FapiResponseModes, json!({"response_modes": ["query.jwt", "form_post.jwt"]}), None),
        ("one response mode", FapiResponseModes, json!({"response_modes": "query"}), Some("/response_modes")),
    ]
}

fn federation_and_other_rows() -> Vec<Row> {
    use Extension::*;
    vec![
        (
            "federation",
            Federation,
            json!({"client_registration_types": ["automatic"], "signed_jwks_uri": KEYS, "organization_name": "Example", "organization_name#de": "Beispiel", "keywords": ["two words"], "information_uri": "https://a.example/", "organization_uri": "https://b.example/", "description": "An application."}),
            None,
        ),
        (
            "keys in the clear",
            Federation,
            json!({"signed_jwks_uri": "http://app.example.com/jwks"}),
            Some("/signed_jwks_uri"),
        ),
        (
            "a script behind a link",
            Federation,
            json!({"organization_uri#en": "javascript:alert(1)"}),
            Some("/organization_uri#en"),
        ),
        (
            "presentations",
            OpenId4Vp,
            json!({"vp_formats_supported": {"dc+sd-jwt": {"alg": ["ES256"]}}, "encrypted_response_enc_values_supported": ["A128GCM"], "response_types": ["code", "vp_token"]}),
            None,
        ),
        (
            "format without object",
            OpenId4Vp,
            json!({"vp_formats_supported": {"mso_mdoc": []}}),
            Some("/vp_formats_supported"),
        ),
        (
            "unknown encryption",
            OpenId4Vp,
            json!({"encrypted_response_enc_values_supported": ["A128GCM", "ROT13"]}),
            Some("/encrypted_response_enc_values_supported/1"),
        ),
        (
            "credential offers",
            CredentialOffer,
            json!({"credential_offer_endpoint": "openid-credential-offer://"}),
            None,
        ),
        (
            "credential offers to a script",
            CredentialOffer,
            json!({"credential_offer_endpoint": "javascript:a"}),
            Some("/credential_offer_endpoint"),
        ),
        (
            "subject syntaxes",
            SelfIssued,
            json!({"subject_syntax_types_supported": ["urn:ietf:params:oauth:jwk-thumbprint", "did:key"]}),
            None,
        ),
        (
            "subject syntax with a space",
            SelfIssued,
            json!({"subject_syntax_types_supported": ["did key"]}),
            Some("/subject_syntax_types_supported/0"),
        ),
        ("commands", ProviderCommands, json!({"command_endpoint": "https://app.example.com/commands"}), None),
        (
            "commands with fragment",
            ProviderCommands,
            json!({"command_endpoint": "https://app.example.com/commands#a"}),
            Some("/command_endpoint"),
        ),
        (
            "commands into the network",
            ProviderCommands,
            json!({"command_endpoint": "https://10.0.0.1/"}),
            Some("/command_endpoint"),
        ),
        ("digest", IdentityAssurance, json!({"digest_algorithm": "sha-512"}), None),
        ("digest with a space", IdentityAssurance, json!({"digest_algorithm": "sha 512"}), Some("/digest_algorithm")),
        ("claims gathering", Uma, json!({"claims_redirect_uris": ["https://app.example.com/claims"]}), None),
        (
            "claims gathering with fragment",
            Uma,
            json!({"claims_redirect_uris": ["https://app.example.com/claims#"]}),
            Some("/claims_redirect_uris/0"),
        ),
        ("signed NFV tokens", Nfv, json!({"nfv_token_signed_response_alg": "ES256"}), None),
        (
            "half a pair of NFV",
            Nfv,
            json!({"nfv_token_encrypted_response_enc": "A256GCM"}),
            Some("/nfv_token_encrypted_response_enc"),
        ),
        ("token binding", TokenBinding, json!({"id_token_token_binding_cnf": "tbh"}), None),
        (
            "token binding with a line break",
            TokenBinding,
            json!({"id_token_token_binding_cnf": "t\nbh"}),
            Some("/id_token_token_binding_cnf"),
        ),
    ]
}

fn document(more: &Value) -> Value {
    let mut document = minimal();
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

/// The members of a document that another one holds with another value, or not at all.
fn missing<'a>(sent: &'a Map<String, Value>, document: &Value) -> Vec<&'a str> {
    let not_sent = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let differs = |(name, value): &(&String, &Value)| !not_sent(value) && document.get(name.as_str()) != Some(*value);
    sent.iter().filter(differs).map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn every_extension_takes_what_its_standard_says_and_nothing_else() {
    for extension in Extension::ALL {
        let server = Server::start(Access::Open, |builder| builder.with_extensions(*extension)).await;
        for (name, of, more, refused) in rows().iter().filter(|row| row.1 == *extension) {
            let reply = server.post(&document(more)).await;
            match refused {
                None => {
                    assert_eq!(reply.status, 201, "{of}, {name}: {}", reply.text());
                    let missing = missing(more.as_object().unwrap(), &reply.json());
                    assert!(missing.is_empty(), "{of}, {name}: {missing:?} in {}", reply.text());
                    assert_put_back(&server, name, &Registered::of(&reply)).await;
                }
                Some(pointer) => {
                    assert_eq!(reply.status, 400, "{of}, {name}: {}", reply.text());
                    assert_eq!(reply.error().as_deref(), Some("invalid_client_metadata"), "{of}, {name}");
                    assert_eq!(reply.json()["violations"][0]["pointer"], *pointer, "{of}, {name}");
                }
            }
        }
    }
    let without: Vec<_> =
        Extension::ALL.iter().filter(|extension| !rows().iter().any(|row| row.1 == **extension)).collect();
    assert_eq!(without, [&Extension::RpMetadataChoices], "extensions without a row");
}

/// An update with the server's own reply changes nothing.
async fn assert_put_back(server: &Server, name: &str, client: &Registered) {
    let reply = server.put(client, &client.own()).await;
    assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    assert_eq!(reply.json(), client.document, "{name}");
}

#[tokio::test]
async fn members_of_an_extension_that_is_off_are_ignored_whatever_they_hold() {
    let server = Server::open().await;
    let known = ["grant_types", "response_types", "token_endpoint_auth_method", "jwks_uri"];
    for (name, extension, more, _) in rows() {
        let mut unknown = more.as_object().unwrap().clone();
        unknown.retain(|member, _| !known.contains(&member.as_str()));
        let reply = server.post(&document(&Value::Object(unknown.clone()))).await;
        assert_eq!(reply.status, 201, "{extension}, {name}: {}", reply.text());
        let returned: Vec<_> = unknown.keys().filter(|member| reply.json().get(member.as_str()).is_some()).collect();
        assert!(returned.is_empty(), "{extension}, {name}: {returned:?}");
    }
}

#[tokio::test]
async fn authorization_details_are_those_that_are_offered() {
    let configure = |builder: RegistryBuilder| {
        builder.with_extensions(Extension::Rar).with_authorization_details_types(["payment", "account"])
    };
    let server = Server::start(Access::Open, configure).await;
    let reply = server.post(&document(&json!({"authorization_details_types": ["account"]}))).await;
    assert_eq!(reply.json()["authorization_details_types"], json!(["account"]));
    let reply = server.post(&document(&json!({"authorization_details_types": ["account", "medical"]}))).await;
    assert_eq!(reply.json()["violations"][0]["pointer"], "/authorization_details_types/1");
}

/// What a client supports, and the member and the value that are registered, or [`REFUSED`] and the place.
type Choice = (&'static str, Value, &'static str, &'static str);

const REFUSED: &str = "refused at";

fn signing_choices() -> Vec<Choice> {
    vec![
        (
            "first supported",
            json!({"id_token_signing_alg_values_supported": ["HS256", "ES256", "RS256"]}),
            "id_token_signed_response_alg",
            "ES256",
        ),
        (
            "named and listed",
            json!({"id_token_signing_alg_values_supported": ["ES256", "RS256"], "id_token_signed_response_alg": "RS256"}),
            "id_token_signed_response_alg",
            "RS256",
        ),
        (
            "named, not supported",
            json!({"id_token_signing_alg_values_supported": ["HS256", "ES256"], "id_token_signed_response_alg": "HS256"}),
            "id_token_signed_response_alg",
            "ES256",
        ),
        (
            "named, not listed",
            json!({"id_token_signing_alg_values_supported": ["ES256"], "id_token_signed_response_alg": "RS256"}),
            REFUSED,
            "/id_token_signed_response_alg",
        ),
        (
            "none supported",
            json!({"id_token_signing_alg_values_supported": ["HS256", "none"]}),
            REFUSED,
            "/id_token_signing_alg_values_supported",
        ),
    ]
}

fn method_choices() -> Vec<Choice> {
    vec![
        (
            "method",
            json!({"token_endpoint_auth_methods_supported": ["tls_client_auth", "client_secret_post"]}),
            "token_endpoint_auth_method",
            "client_secret_post",
        ),
        (
            "method that the client has no keys for",
            json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"]}),
            "token_endpoint_auth_method",
            "client_secret_basic",
        ),
        (
            "method that the client has keys for",
            json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "none"], "jwks_uri": KEYS}),
            "token_endpoint_auth_method",
            "private_key_jwt",
        ),
        (
            "only one method, and no keys for it",
            json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}),
            REFUSED,
            "/token_endpoint_auth_method",
        ),
        (
            "assertion algorithm that the client has a key for",
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43)}]},
                "token_endpoint_auth_signing_alg_values_supported": ["RS256", "EdDSA"],
            }),
            "token_endpoint_auth_signing_alg",
            "EdDSA",
        ),
        (
            "too many values",
            json!({"subject_types_supported": vec!["public"; 33]}),
            REFUSED,
            "/subject_types_supported",
        ),
        (
            "no method",
            json!({"token_endpoint_auth_methods_supported": ["tls_client_auth"]}),
            REFUSED,
            "/token_endpoint_auth_methods_supported",
        ),
        (
            "assertions",
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": KEYS, "token_endpoint_auth_signing_alg_values_supported": ["HS256", "PS256"]}),
            "token_endpoint_auth_signing_alg",
            "PS256",
        ),
    ]
}

fn other_choices() -> Vec<Choice> {
    vec![
        ("subject", json!({"subject_types_supported": ["pairwise", "public"]}), "subject_type", "public"),
        ("no subject", json!({"subject_types_supported": ["pairwise"]}), REFUSED, "/subject_types_supported"),
        (
            "key management",
            json!({"jwks_uri": KEYS, "userinfo_encryption_alg_values_supported": ["RSA1_5", "ECDH-ES"]}),
            "userinfo_encrypted_response_alg",
            "ECDH-ES",
        ),
        (
            "its encryption",
            json!({"jwks_uri": KEYS, "userinfo_encryption_alg_values_supported": ["ECDH-ES"], "userinfo_encryption_enc_values_supported": ["X", "A256GCM"]}),
            "userinfo_encrypted_response_enc",
            "A256GCM",
        ),
        (
            "its default",
            json!({"jwks_uri": KEYS, "userinfo_encryption_alg_values_supported": ["ECDH-ES"]}),
            "userinfo_encrypted_response_enc",
            "A128CBC-HS256",
        ),
        (
            "nothing to encrypt",
            json!({"userinfo_encryption_enc_values_supported": ["A256GCM"]}),
            "userinfo_encrypted_response_enc",
            "",
        ),
        (
            "another extension",
            json!({"authorization_signing_alg_values_supported": ["ES384"]}),
            "authorization_signed_response_alg",
            "ES384",
        ),
        (
            "an extension that is off",
            json!({"introspection_signing_alg_values_supported": ["none"]}),
            "introspection_signed_response_alg",
            "",
        ),
    ]
}

#[tokio::test]
async fn choices_are_settled_into_one_value_and_never_returned() {
    let on = [Extension::RpMetadataChoices, Extension::Jarm, Extension::Ciba];
    let configure = |builder: RegistryBuilder| builder.with_extensions(tower_dcr::metadata::Extensions::from_iter(on));
    let server = Server::start(Access::Open, configure).await;
    let rows = [signing_choices(), method_choices(), other_choices()].concat();
    for (name, more, member, expected) in rows {
        let reply = server.post(&document(&more)).await;
        if member == REFUSED {
            assert_eq!(reply.status, 400, "{name}: {}", reply.text());
            assert_eq!(reply.json()["violations"][0]["pointer"], expected, "{name}");
            continue;
        }
        assert_eq!(reply.status, 201, "{name}: {}", reply.text());
        assert_eq!(reply.json()[member].as_str().unwrap_or_default(), expected, "{name}");
        assert!(!reply.text().contains("_supported"), "{name}: {}", reply.text());
        assert_put_back(&server, name, &Registered::of(&reply)).await;
    }
}

#[tokio::test]
async fn algorithms_under_the_secret_bring_a_secret_where_they_are_offered() {
    let configure = |builder: RegistryBuilder| {
        builder
            .with_auth_methods([
                TokenEndpointAuthMethod::None,
                TokenEndpointAuthMethod::ClientSecretJwt,
                TokenEndpointAuthMethod::PrivateKeyJwt,
            ])
            .with_signing_algorithms([SigningAlgorithm::Rs256, SigningAlgorithm::Hs512])
            .with_key_management_algorithms([KeyManagementAlgorithm::Dir])
    };
    let server = Server::start(Access::Open, configure).await;
    let method =
        |method: &str| json!({"token_endpoint_auth_method": method, "jwks_uri": "https://app.example.com/jwks"});
    let rows = [
        ("keys only", "private_key_jwt", json!({}), Some(false)),
        ("keys and HMAC", "private_key_jwt", json!({"id_token_signed_response_alg": "HS512"}), Some(true)),
        ("keys and direct encryption", "private_key_jwt", json!({"request_object_encryption_alg": "dir"}), Some(true)),
        ("public", "none", json!({}), Some(false)),
        ("public and direct encryption", "none", json!({"id_token_encrypted_response_alg": "dir"}), Some(true)),
        (
            "assertion under the secret",
            "client_secret_jwt",
            json!({"token_endpoint_auth_signing_alg": "HS256"}),
            Some(true),
        ),
        (
            "assertion under a key it has not",
            "client_secret_jwt",
            json!({"token_endpoint_auth_signing_alg": "RS256"}),
            None,
        ),
        (
            "assertion under a secret it has not",
            "private_key_jwt",
            json!({"token_endpoint_auth_signing_alg": "HS256"}),
            None,
        ),
        ("HMAC that is not offered", "private_key_jwt", json!({"id_token_signed_response_alg": "HS256"}), None),
        ("method that is not offered", "client_secret_basic", json!({}), None),
    ];
    for (name, chosen, more, secret) in rows {
        let mut sent = document(&method(chosen));
        sent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = server.post(&sent).await;
        assert_eq!(reply.status, if secret.is_some() { 201 } else { 400 }, "{name}: {}", reply.text());
        assert_eq!(reply.json().get("client_secret").is_some(), secret == Some(true), "{name}");
    }
}
