//! What is stored comes back unchanged, however unusual it is.
//!
//! Metadata is text that a stranger wrote: a store must keep astral characters, U+0000, long documents and texts that
//! look like statements of its database. Times keep their milliseconds, because revisions of clocks and cursors depend
//! on them.
//!
//! A store that writes the bytes of [`record`](crate::store::record) fulfils most of this at once. What it keeps in
//! columns beside the record, such as times and the owner, has to come back as well.

use std::time::{Duration, SystemTime};

use super::fixtures::{
    DAY, HOUR, assert_same, assert_same_token, client, constraints, metadata, now, renamed, secret, token,
};
use super::subject::Subject;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::Digest;
use crate::client::{Client, ClientStatus, RegistrationOrigin, RegistrationToken, Secret};
use crate::protocol::metadata::ClientMetadata;
use crate::store::{ClientQuery, ClientStore};

/// Members in several languages, keys, and text that careless escaping or a narrow column breaks.
///
/// Each member was chosen for one fault: URIs that a parser would normalize, names in scripts beyond the basic plane,
/// quotes and placeholders of several databases, numbers and texts that a loose reader confuses.
const UNUSUAL: &str = r#"{
    "redirect_uris": ["com.example.app:/", "http://127.0.0.1/cb?a=%2F%2f&b='%25'", "HTTPS://App.EXAMPLE.com:443/./Cb/"],
    "grant_types": ["authorization_code", "urn:example:own_grant"],
    "token_endpoint_auth_method": "private_key_jwt",
    "client_name": "Robert'); DROP TABLE clients;-- \"\\ % _ ? $1 :id {0} <b>",
    "client_name#fr": "Éditeur de schémas",
    "client_name#ja-Hani-JP": "クライアント名",
    "client_name#DE-de": "e\u0301 is not \u00e9",
    "client_name#x-emoji": "👩‍💻 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \ud83e\udd80",
    "logo_uri#pt-BR": "https://app.example.com/logo.png",
    "scope": "read urn:example:%_~!#[]",
    "contacts": ["a@example.com", "a@example.com", "null", "true", "0"],
    "default_max_age": 2147483647,
    "require_auth_time": false,
    "jwks": { "keys": [
        { "kty": "EC", "crv": "P-256", "kid": "ключ", "use": "sig",
          "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
          "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "exp": 4102444800, "x5c": [], "own": null }
    ] }
}"#;

/// A client that has every optional value.
///
/// The secret expires in a hundred years, beyond the range of 32 bits of seconds. The network uses the highest bit of
/// its number, which a signed column would turn negative.
fn secured(name: &str, origin: RegistrationOrigin) -> Client {
    let now = now();
    let earlier = ["oldest", "between"].map(Digest::of).into();
    Client {
        secret: Some(Secret { stored: secret("the secret"), expires_at: Some(now + 36_500 * DAY) }),
        token: Some(RegistrationToken { current: Digest::of("current"), earlier }),
        revision: 7,
        last_used: Some(now + HOUR),
        origin,
        owner: Some("Team Ω, 'north' ".into()),
        status: ClientStatus::Disabled,
        constraints: constraints(),
        fingerprint: Some(Digest::of("fingerprint")),
        network: Some(u64::MAX - 1),
        ..client(name, now)
    }
}

/// Through an insertion, and through an update that first removed all optional values.
///
/// The three steps find a store that writes a value only with an insertion, and one that keeps an old value when the
/// new one is missing. The list is compared too, since it may read other columns than a single read does.
async fn assert_comes_back<S: ClientStore>(store: &Subject<S>, client: &Client) {
    store.hold(std::slice::from_ref(client)).await;
    assert_same(store.get(&client.id).await.as_deref(), client, "insert: keeps every field");
    // The owner, the origin and the constraints stay: they never change in the life of a client.
    let bare = Client {
        metadata: ClientMetadata::new(),
        secret: None,
        token: None,
        status: ClientStatus::Active,
        fingerprint: None,
        revision: client.revision + 1,
        ..client.clone()
    };
    assert!(store.update(&bare).await, "update: the next revision is accepted");
    assert_same(store.get(&client.id).await.as_deref(), &bare, "update: keeps every field");
    let full = Client { revision: bare.revision + 1, ..client.clone() };
    assert!(store.update(&full).await, "update: the next revision is accepted");
    assert_same(store.get(&client.id).await.as_deref(), &full, "update: keeps every field");
    let listed = store.list(&ClientQuery::new()).await;
    let listed = listed.iter().find(|listed| listed.id == client.id);
    assert_same(listed.map(|listed| &**listed), &full, "list: shows every field");
}

/// Each value of a client, for each origin of a registration.
///
/// A value that a store loses is a right that a client loses, or gains: without its constraints a client could ask for
/// any scope.
///
/// The values are unusual on purpose: text with quotes and trailing spaces, the highest numbers, times in a hundred
/// years.
pub(super) async fn every_field_of_a_client_comes_back<S: ClientStore>(store: Subject<S>) {
    let origins = [
        ("open", RegistrationOrigin::Open),
        ("token", RegistrationOrigin::InitialAccessToken("the token's name".into())),
        ("gate", RegistrationOrigin::Gate),
        ("application", RegistrationOrigin::Application),
    ];
    for (name, origin) in origins {
        assert_comes_back(&store, &secured(name, origin)).await;
    }
    let lasting = secured("lasting", RegistrationOrigin::Open);
    let secret = Some(Secret { stored: secret("another secret"), expires_at: None });
    let token = Some(RegistrationToken::only(Digest::of("only")));
    assert_comes_back(&store, &Client { secret, token, ..lasting }).await;
    assert_comes_back(&store, &client("bare", now())).await;
    for status in [ClientStatus::Pending, ClientStatus::Active, ClientStatus::Disabled] {
        assert_comes_back(&store, &Client { status, ..client(status.as_str(), now()) }).await;
    }
}

/// Each value of an initial access token.
///
/// Without its limit a token would register any number of clients, and without its constraints these could have any
/// redirect URI.
pub(super) async fn every_field_of_a_token_comes_back<S: ClientStore>(store: Subject<S>) {
    let bare = token("bare", None, now());
    let full = InitialAccessTokenRecord {
        expires_at: Some(now() + 36_500 * DAY),
        uses_left: Some(u32::MAX),
        owner: Some("Team Ω, 'north' ".into()),
        constraints: constraints(),
        ..token("full", None, now())
    };
    for token in [&bare, &full] {
        store.insert_token(token).await;
        assert_same_token(store.get_token(&token.digest).await.as_ref(), token, "insert_token: keeps every field");
    }
}

/// Metadata with text that careless escaping, encodings or columns damage.
///
/// [RFC 7591 §2.2](https://www.rfc-editor.org/rfc/rfc7591#section-2.2) lets names be in any language, and unknown
/// members are any JSON.
///
/// A value that comes back changed is shown to the client as its registration, which the client then compares or sends
/// back. A redirect URI that was normalized does not match the one of the authorization request any more, since URIs
/// are compared as text ([RFC 9700 §2.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1)).
pub(super) async fn unusual_metadata_come_back_unchanged<S: ClientStore>(store: Subject<S>) {
    let unusual = Client { metadata: metadata(UNUSUAL), ..client("unusual", now()) };
    assert_comes_back(&store, &unusual).await;
}

/// A document of the largest size that an endpoint usually accepts; some columns end at 64 KiB.
///
/// A store that cuts the record would lose the end of the JSON, and the client could not be read at all.
pub(super) async fn a_document_near_64_kib_comes_back<S: ClientStore>(store: Subject<S>) {
    let mut large = client("large", now());
    let uri = |number: usize| format!("https://app.example.com/{number:02}/{}", "a".repeat(2048 - 27));
    large.metadata.redirect_uris = (0..30).map(uri).collect();
    large.metadata.client_name = "𝔘".repeat(256).into();
    let size = large.metadata.to_json().len();
    // The size is checked, so a change of the fixture cannot make this check an easy one.
    assert!((60_000..65_536).contains(&size), "the document of this check has {size} bytes");
    assert_comes_back(&store, &large).await;
}

/// Times of whole milliseconds come back exactly, also before 1970 and far in the future.
///
/// Pages are cut at a time and an identifier. If a time came back rounded, the next page would repeat or omit clients.
pub(super) async fn times_keep_their_milliseconds<S: ClientStore>(store: Subject<S>) {
    let exact = Client { last_used: Some(now() + Duration::from_millis(1)), ..client("exact", now()) };
    assert_comes_back(&store, &exact).await;
    let fine = client("fine", now() + Duration::from_nanos(123_456_789));
    store.hold(std::slice::from_ref(&fine)).await;
    let Some(found) = store.get(&fine.id).await else { panic!("get: what was inserted") };
    let apart = |one: SystemTime, other| one.duration_since(other).unwrap_or_else(|error| error.duration());
    let off = apart(found.issued_at, fine.issued_at);
    assert!(off < Duration::from_millis(1), "insert: keeps times to the millisecond, but this one is {off:?} off");
    assert!(store.update(&renamed(&found, "Fine")).await, "update: the next revision is accepted");
    // Written back as it was read: rounding must happen once, or the client would move in the order of the list.
    let again = store.get(&fine.id).await.map(|client| client.issued_at);
    assert_eq!(again, Some(found.issued_at), "update: a time does not drift when it is written back");
}

/// A store hides no client because of its status or an expired secret; that decision is the registry's.
///
/// The registry distinguishes a disabled client from an unknown one in its reply and on the audit trail.
///
/// They are also found by a list, used and removed like any other client, which an operator needs to clean up.
pub(super) async fn disabled_and_expired_clients_are_kept<S: ClientStore>(store: Subject<S>) {
    let expired = Some(Secret { stored: secret("expired"), expires_at: Some(now() - DAY) });
    for status in [ClientStatus::Pending, ClientStatus::Active, ClientStatus::Disabled] {
        let client = Client { status, secret: expired.clone(), ..secured(status.as_str(), RegistrationOrigin::Open) };
        assert_comes_back(&store, &client).await;
        let query = ClientQuery::new().with_status(status);
        let listed = store.list(&query).await;
        assert_eq!(listed.len(), 1, "list: {status} clients are there, their secrets expired or not");
        assert!(store.touch(&client.id, now()).await, "touch: true for a client that is there, {status} or not");
        assert!(store.remove(&client.id).await, "remove: true for a client that is there, {status} or not");
    }
}
