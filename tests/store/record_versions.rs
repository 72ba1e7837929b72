//! Records of every released version are read, and what is no record is refused.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tower_dcr::access::Constraints;
use tower_dcr::credential::{Digest, SecretStorage};
use tower_dcr::metadata::{ClientMetadata, GrantType, TokenEndpointAuthMethod};
use tower_dcr::store::record::{decode_client, decode_token, encode_client, encode_token};
use tower_dcr::store::{ClientStore as _, InsertConditions, MemoryStore, RegistrantKey};
use tower_dcr::{Access, Client, ClientStatus, RegistrationOrigin, Registry};

/// The records of `tests/data/records`, by name.
fn golden(kind: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/records");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let of_kind = files.filter(|path| path.file_name().unwrap().to_str().unwrap().contains(kind));
    of_kind.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap().trim_ascii().to_vec())).collect()
}

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn constraints() -> Constraints {
    Constraints::new()
        .with_redirect_hosts(["app.example.com"])
        .with_scopes(["read"])
        .with_grant_types([GrantType::AuthorizationCode, GrantType::Other("urn:example:own_grant".into())])
        .with_auth_methods([TokenEndpointAuthMethod::ClientSecretBasic, TokenEndpointAuthMethod::Other("own".into())])
        .with_software_id("software")
}

fn decoded(name: &str) -> Client {
    let all = golden("client");
    let (_, record) = all.iter().find(|(path, _)| path.ends_with(name)).unwrap_or_else(|| panic!("no {name}"));
    decode_client(record).unwrap()
}

#[test]
fn a_full_client_of_version_1_is_read() {
    let client = decoded("v1-client-full.json");
    assert_eq!(client.id().as_str(), "zq-1_FullClient");
    assert_eq!(client.revision(), 7);
    assert_eq!(client.issued_at(), at(1_764_000_000_123));
    assert_eq!(client.last_used(), Some(at(1_764_003_600_456)));
    assert_eq!(*client.origin(), RegistrationOrigin::InitialAccessToken("the token's name".into()));
    assert_eq!(client.owner(), Some("Team \u{3a9}"));
    assert_eq!(client.status(), ClientStatus::Active);
    assert_eq!(*client.constraints(), constraints());
    assert_eq!(client.secret_expires_at(), Some(at(1_796_000_000_789)));
    assert!(client.verify_secret("the secret", at(1_764_000_000_123)));
    assert!(!client.verify_secret("the secret", at(1_796_000_000_789)), "an expired secret stays expired");
    let expected = ClientMetadata::from_json(
        r#"{ "redirect_uris": ["HTTPS://App.EXAMPLE.com:443/./Cb/", "com.example.app:/"],
             "token_endpoint_auth_method": "client_secret_basic",
             "grant_types": ["authorization_code", "urn:example:own_grant"], "response_types": ["code"],
             "client_name": "App 🦀", "client_name#fr": "Éditeur", "default_max_age": 3600,
             "require_auth_time": false, "jwks": { "keys": [{ "kty": "oct", "own": null }] },
             "backchannel_logout_uri": "https://app.example.com/out" }"#
            .as_bytes(),
    );
    assert_eq!(*client.metadata(), expected.unwrap());
}

#[tokio::test]
async fn the_tokens_of_a_client_of_version_1_are_still_valid() {
    let (store, client) = (MemoryStore::new(), decoded("v1-client-full.json"));
    store.insert(&client, &InsertConditions::unconditional(client.issued_at())).await.unwrap();
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    let registry = builder.build(store).unwrap();
    for token in ["previous", "current"] {
        registry.delete(client.id(), "another").await.expect_err("another token");
        assert!(registry.read(client.id(), token).await.is_ok(), "{token}");
    }
}

/// Members that came later in version 1: the network, and tokens between the previous and the current one.
#[test]
fn members_that_came_later_are_read_and_may_be_missing() {
    let (later, full) = (decoded("v1-client-later.json"), decoded("v1-client-full.json"));
    let network = RegistrantKey::Network(0x0011_2233_4455_6677);
    assert!(later.registrant_keys().any(|key| key == network));
    let keys: Vec<_> = full.registrant_keys().collect();
    let expected =
        [RegistrantKey::InitialAccessToken("the token's name".into()), RegistrantKey::Owner("Team \u{3a9}".into())];
    assert_eq!(keys, expected);
    let between = Digest::of("dcr_iat_x");
    assert!(later.has_registration_token(&between) && !full.has_registration_token(&between));
}

#[test]
fn a_bare_client_of_version_1_is_read() {
    let client = decoded("v1-client-bare.json");
    assert_eq!((client.id().as_str(), client.revision(), client.origin()), ("bare", 1, &RegistrationOrigin::Open));
    assert_eq!((client.last_used(), client.owner(), client.has_secret()), (None, None, false));
    assert_eq!(client.status(), ClientStatus::Disabled);
    assert_eq!(*client.constraints(), Constraints::new());
    assert_eq!(*client.metadata(), ClientMetadata::new());
}

#[test]
fn tokens_of_version_1_are_read() {
    for (name, record) in golden("token") {
        let token = decode_token(&record).unwrap();
        let full = name.ends_with("v1-token-full.json");
        assert_eq!(token.id(), if full { "full" } else { "bare" }, "{name}");
        assert!(token.digest().matches(&Digest::of("dcr_iat_x")), "{name}");
        assert_eq!(token.uses_left(), full.then_some(4_294_967_295), "{name}");
        assert_eq!(token.expires_at(), full.then(|| at(1_796_000_000_789)), "{name}");
        assert_eq!(*token.constraints(), if full { constraints() } else { Constraints::new() }, "{name}");
        assert_eq!(token.owner(), full.then_some("Team \u{3a9}"), "{name}");
    }
}

#[test]
fn records_of_this_version_are_written_as_they_were_read() {
    let (clients, tokens) = (golden("v1-client"), golden("v1-token"));
    assert_eq!((clients.len(), tokens.len()), (3, 2));
    for (name, record) in clients {
        let again = encode_client(&decode_client(&record).unwrap());
        assert_eq!(String::from_utf8(again), String::from_utf8(record), "{name}");
    }
    for (name, record) in tokens {
        let again = encode_token(&decode_token(&record).unwrap());
        assert_eq!(String::from_utf8(again), String::from_utf8(record), "{name}");
    }
}

#[test]
fn what_is_no_record_is_refused() {
    let bare = String::from_utf8(golden("v1-client-bare").into_values().next().unwrap()).unwrap();
    assert!(decode_client(bare.as_bytes()).is_ok());
    let rows = [
        ("nothing", String::new()),
        ("another document", "{}".to_owned()),
        ("half of it", bare[..bare.len() / 2].to_owned()),
        ("version 0", bare.replace(r#""v":1"#, r#""v":0"#)),
        ("a newer version", bare.replace(r#""v":1"#, r#""v":2"#)),
        ("no version", bare.replace(r#""v":1,"#, "")),
        ("an identifier that is none", bare.replace(r#""bare""#, r#""b/a""#)),
        ("an unknown origin", bare.replace(r#""open""#, r#""elsewhere""#)),
        ("a member of another type", bare.replace(r#""redirect_uris":[]"#, r#""redirect_uris":7"#)),
    ];
    for (name, record) in rows {
        assert!(decode_client(record.as_bytes()).is_err(), "{name}");
        assert!(decode_token(record.as_bytes()).is_err(), "{name}");
    }
}
