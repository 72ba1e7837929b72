//! Properties of every document and every URI, tested with generated ones.

use std::sync::LazyLock;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use tower_dcr::metadata::{ClientMetadata, GrantType};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, Registry};

use crate::clauses::rfc7591::generous;
use crate::corpus::data;
use crate::server::{Registered, Server, send};

/// URIs of which about half are accepted.
const URIS: &str = concat!(
    "((https|http|HTTPS)://|(cursor|a\\.b|com\\.example\\.app):(//?)?)",
    "(localhost|127\\.0\\.0\\.1|\\[::1\\]|\\[[0-9a-f:.]{2,12}\\]|xn--bcher-kva\\.example|[a-zA-Z0-9.-]{1,9}|[0-9.x]{1,9})",
    "(:[0-9]{0,5})?([/?]([a-zA-Z0-9._~!$&'()+,;=:@/?-]|%2[0-9a-fA-F]){0,16})?",
);

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn registry() -> Registry {
    Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new()).unwrap()
}

/// A member that is there or not.
fn maybe(
    member: &'static str,
    value: impl Strategy<Value = Value> + 'static,
) -> impl Strategy<Value = Map<String, Value>> {
    proptest::option::of(value)
        .prop_map(move |value| value.map(|value| (member.to_owned(), value)).into_iter().collect())
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    select(words).prop_map(Value::from)
}

fn some(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    subsequence(words, 0..=words.len()).prop_shuffle().prop_map(Value::from)
}

fn text() -> impl Strategy<Value = Value> {
    let odd = select(vec![
        "e\u{301}",
        "\u{1f469}\u{200d}\u{1f4bb}",
        "\u{5dc}\u{5e7}",
        "<b>&\"'\\/",
        "a\u{a0}b",
        "null",
        "#fr",
    ]);
    prop_oneof!["[a-zA-Z0-9]([ -~]{0,12}[a-zA-Z0-9])?", odd.prop_map(str::to_owned)].prop_map(Value::from)
}

fn page() -> impl Strategy<Value = Value> {
    "https://(app|App)\\.example\\.(com|org)(:[1-9][0-9]{1,3})?/[a-zA-Z0-9._~-]{0,6}(\\?[a-b]=[a-z0-9]{0,3})?"
        .prop_map(Value::from)
}

fn pages() -> impl Strategy<Value = Value> {
    proptest::collection::vec(page(), 0..3).prop_map(Value::from)
}

fn redirect_uris() -> impl Strategy<Value = Value> {
    let uri = prop_oneof![
        4 => "https://app\\.example\\.com/[a-z0-9/]{0,6}(\\?[xy]=[a-z]{0,2})?",
        2 => "http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[1-9][0-9]{3})?/[a-z]{0,4}",
        2 => "(cursor|com\\.example\\.app):(/|//)[a-z]{1,4}",
        1 => URIS,
    ];
    proptest::collection::vec(uri, 0..4).prop_map(Value::from)
}

fn keys() -> impl Strategy<Value = Value> {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let key =
        move |curve: &str, purpose: &str| json!({ "kty": "OKP", "crv": curve, "x": x, "use": purpose, "ext": true });
    let (sig, enc) = (key("Ed25519", "sig"), key("X25519", "enc"));
    select(vec![
        json!({ "keys": [sig, enc] }),
        json!({ "keys": [sig], "more": {} }),
        json!({ "keys": [enc, { "kty": "AKP" }] }),
    ])
}

/// Members of RFC 7591 and OpenID Connect, each there or not, most with a value that is accepted.
fn documents() -> impl Strategy<Value = Value> {
    const SIGNING: &[&str] = &["RS256", "PS512", "ES256", "EdDSA", "Ed25519"];
    const MANAGEMENT: &[&str] = &["RSA-OAEP", "ECDH-ES", "ECDH-ES+A256KW"];
    const CONTENT: &[&str] = &["A128GCM", "A128CBC-HS256"];
    let about = (
        maybe("client_name", text()),
        maybe("client_name#fr", text()),
        maybe("client_name#ja-Hani-JP", text()),
        maybe("logo_uri", page()),
        maybe("logo_uri#DE", page()),
        maybe("tos_uri", page()),
        maybe("contacts", proptest::collection::vec(text(), 0..3).prop_map(Value::from)),
        maybe("scope", "[a-c!:/.]{1,4}( [a-c]{1,3}){0,2}".prop_map(Value::from)),
        maybe("software_id", text()),
        maybe("software_version", text()),
    );
    let flows = (
        redirect_uris().prop_map(|uris| Map::from_iter([("redirect_uris".to_owned(), uris)])),
        maybe(
            "grant_types",
            some(&["authorization_code", "refresh_token", "client_credentials", "implicit", "password", GRANT]),
        ),
        maybe("response_types", some(&["code", "token", "id_token", "token id_token", "id_token code", "x"])),
        maybe(
            "token_endpoint_auth_method",
            word(&["none", "client_secret_basic", "client_secret_post", "private_key_jwt"]),
        ),
        maybe("token_endpoint_auth_signing_alg", word(SIGNING)),
        maybe("application_type", word(&["web", "native"])),
        maybe("subject_type", word(&["public"])),
        maybe("jwks", keys()),
        maybe("jwks_uri", page()),
        maybe("post_logout_redirect_uris", pages()),
    );
    let openid = (
        maybe("id_token_signed_response_alg", word(SIGNING)),
        maybe("id_token_encrypted_response_alg", word(MANAGEMENT)),
        maybe("id_token_encrypted_response_enc", word(CONTENT)),
        maybe("request_object_encryption_alg", word(MANAGEMENT)),
        maybe("userinfo_signed_response_alg", word(SIGNING)),
        maybe("default_max_age", (0..100_000).prop_map(Value::from)),
        maybe("require_auth_time", any::<bool>().prop_map(Value::from)),
        maybe("default_acr_values", proptest::collection::vec(text(), 0..3).prop_map(Value::from)),
        maybe("request_uris", pages()),
        maybe("unknown", any::<i32>().prop_map(Value::from)),
    );
    (about, flows, openid).prop_map(|(about, flows, openid)| {
        let (a, f, o) = (about, flows, openid);
        let members =
            [a.0, a.1, a.2, a.3, a.4, a.5, a.6, a.7, a.8, a.9, f.0, f.1, f.2, f.3, f.4, f.5, f.6, f.7, f.8, f.9];
        let more = [o.0, o.1, o.2, o.3, o.4, o.5, o.6, o.7, o.8, o.9];
        Value::Object(members.into_iter().chain(more).flatten().collect())
    })
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the server made of a document is what it would make of its own answer, whether it is sent as an update or by a
/// new client: every default, every narrowed value passes the rules that it came from.
#[test]
fn the_servers_own_document_is_a_document_that_changes_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(generous());
    let accepted = std::cell::Cell::new(0);
    let tested = runner(600).run(&documents(), |document| {
        let reply = runtime.block_on(server.post(&document));
        if reply.status == 201 {
            accepted.set(accepted.get() + 1);
            runtime.block_on(assert_stable(&server, &Registered::of(&reply)));
        }
        Ok(())
    });
    tested.unwrap();
    assert!(accepted.get() > 50, "only {} documents were accepted", accepted.get());
}

async fn assert_stable(server: &Server, client: &Registered) {
    let put = server.put(client, &client.own()).await;
    assert_eq!((put.status, put.json()), (200, client.document.clone()), "update");
    assert_eq!(server.get(client).await.json(), client.document, "read");
    let again = server.register(&client.own()).await;
    for (member, value) in client.document.as_object().unwrap() {
        let own = [
            "client_id",
            "client_secret",
            "client_id_issued_at",
            "registration_access_token",
            "registration_client_uri",
        ];
        assert!(own.contains(&&**member) || again.document[member] == *value, "{member} of a new client: {value}");
    }
}

/// The bodies of real clients and of the corpus.
static BODIES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let payloads = data::payloads();
    let bodies = payloads.iter().filter_map(|payload| payload.request.body.as_ref());
    let bodies = bodies.map(|body| body.to_string().into_bytes());
    let rows = data::documents();
    bodies.chain(rows.iter().map(data::DocumentRow::octets)).filter(|body| body.len() < 10_000).collect()
});

/// Bytes of any kind; real bodies with bytes changed, cut, doubled, or mixed with another body.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || select(BODIES.as_slice());
    let changed =
        (bytes(), proptest::collection::vec((any::<Index>(), any::<u8>()), 1..6)).prop_map(|(mut body, changes)| {
            for (place, byte) in changes {
                let place = place.index(body.len().max(1));
                body.get_mut(place).into_iter().for_each(|old| *old = byte);
            }
            body
        });
    let cut = (bytes(), any::<Index>(), any::<Index>()).prop_map(|(body, from, to)| {
        let (from, to) = (from.index(body.len() + 1), to.index(body.len() + 1));
        [&body[..from.min(to)], &body[from.max(to)..]].concat()
    });
    let mixed = (bytes(), bytes(), any::<Index>()).prop_map(|(one, other, place)| {
        let place = place.index(one.len() + 1);
        [&one[..place], &other, &one[place..]].concat()
    });
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..300), changed, cut, mixed, bytes()]
}

/// JSON of any shape, with names that mean something.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        select(vec![
            "redirect_uris",
            "jwks",
            "keys",
            "kty",
            "x",
            "scope",
            "client_name#fr",
            "grant_types",
            "client_id",
            ""
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        URIS.prop_map(Value::from),
    ];
    leaf.prop_recursive(20, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            proptest::collection::vec((name.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn reading_and_registering_whatever_arrives_never_panics() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = registry();
    let bodies = prop_oneof![4 => damaged(), 1 => any_json().prop_map(|json| json.to_string().into_bytes())];
    let read = std::cell::Cell::new(0);
    let tested = runner(4000).run(&bodies, |body| {
        if let Ok(metadata) = ClientMetadata::from_json(&body) {
            read.set(read.get() + 1);
            let again = ClientMetadata::from_json(metadata.to_json().as_bytes());
            assert_eq!(again.unwrap(), metadata, "what is written reads the same");
            drop(runtime.block_on(registry.register(metadata)));
        }
        Ok(())
    });
    tested.unwrap();
    assert!(read.get() > 400, "only {} bodies could be read", read.get());
}

/// A redirection URI with small changes that parsers are known to disagree about.
fn uris() -> impl Strategy<Value = String> {
    let known: Vec<_> = data::redirect_uris().into_iter().map(|row| row.uri).collect();
    let odd = select(vec![
        "\\", "/", "@", ":", "#", "?", "%", "%2f", "[", "]", "\t", ".", "..", "//", ";", "\u{e9}", "0x", "*", " ",
    ]);
    let changed = (select(known), any::<Index>(), odd).prop_map(|(uri, place, odd)| {
        let places: Vec<_> = uri.char_indices().map(|(place, _)| place).chain([uri.len()]).collect();
        let place = places[place.index(places.len())];
        format!("{}{odd}{}", &uri[..place], &uri[place..])
    });
    prop_oneof![URIS, changed]
}

/// A parser of RFC 3986 and one of the WHATWG, as browsers have it, read the same server out of what is accepted, so a
/// code cannot be sent to another server than this one checked.
#[test]
fn an_accepted_redirection_uri_names_the_same_server_to_every_parser() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = registry();
    let accepted = std::cell::Cell::new(0);
    let tested = runner(6000).run(&uris(), |uri| {
        let mut metadata = ClientMetadata::new();
        metadata.redirect_uris = vec![uri.clone()];
        if runtime.block_on(registry.register(metadata)).is_ok() {
            accepted.set(accepted.get() + 1);
            assert_same_server(&uri);
        }
        Ok(())
    });
    tested.unwrap();
    assert!(accepted.get() > 1000, "only {} URIs were accepted", accepted.get());
}

fn assert_same_server(uri: &str) {
    let rfc = fluent_uri::Uri::parse(uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
    let whatwg = match url::Url::parse(uri) {
        Ok(whatwg) => whatwg,
        // Real Punycode of a name that IDNA does not know (R17 does not require that): a browser then opens no page.
        Err(url::ParseError::IdnaError) if uri.to_ascii_lowercase().contains("xn--") => return,
        Err(error) => panic!("{uri}: {error}"),
    };
    assert!(rfc.scheme().as_str().eq_ignore_ascii_case(whatwg.scheme()), "{uri}: scheme");
    let authority = rfc.authority().filter(|authority| !authority.host().is_empty());
    let host = authority.map(|authority| canonical(authority.host()));
    assert_eq!(host, whatwg.host_str().filter(|host| !host.is_empty()).map(canonical), "{uri}: host");
    let default = match whatwg.scheme() {
        "https" => Some(443),
        "http" => Some(80),
        _ => None,
    };
    let port = authority.and_then(|authority| authority.port()).map(|port| port.as_str().parse().unwrap());
    assert_eq!(port.or(default), whatwg.port_or_known_default(), "{uri}: port");
    assert_eq!((whatwg.username(), whatwg.password(), whatwg.fragment()), ("", None, None), "{uri}");
}

/// A host in one spelling, because a parser of the WHATWG rewrites letters and addresses.
fn canonical(host: &str) -> String {
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let address = literal.and_then(|literal| literal.parse::<std::net::Ipv6Addr>().ok());
    address.map_or_else(|| host.to_ascii_lowercase(), |address| address.to_string())
}

#[test]
fn every_grant_that_can_be_offered_alone_has_a_client_that_is_accepted() {
    use GrantType::{AuthorizationCode, ClientCredentials, DeviceCode, Implicit, JwtBearer};
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for grant in [AuthorizationCode, ClientCredentials, DeviceCode, Implicit, JwtBearer] {
        let offered = grant.clone();
        let server = runtime.block_on(Server::start(Access::Open, |builder| builder.with_grant_types([offered])));
        let response = if grant == Implicit { json!(["token"]) } else { json!([]) };
        let document = json!({ "redirect_uris": ["https://app.example.com/cb"], "grant_types": [grant.as_str()], "response_types": response });
        let reply = runtime.block_on(send(server.posting(document.to_string())));
        assert_eq!(reply.status, 201, "{}: {}", grant.as_str(), reply.text());
        runtime.block_on(assert_stable(&server, &Registered::of(&reply)));
    }
}
