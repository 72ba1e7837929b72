//! The ready-made policies about hosts, for every operation.

use serde_json::{Value, json};
use tower_dcr::Access;
use tower_dcr::metadata::Extensions;
use tower_dcr::policy::{RedirectHosts, SameHost};

use crate::policy::{assert_refused_everywhere, dry, reviewed};
use crate::server::{Registered, Server, minimal, minimal_and};

const METADATA: (u16, &str) = (400, "invalid_client_metadata");
const REDIRECT: (u16, &str) = (400, "invalid_redirect_uri");

#[tokio::test]
async fn redirects_lead_to_listed_places_only() {
    let hosts = RedirectHosts::new(["app.example.com/cb", "*.partner.example", "[2001:db8::1]:8443"]).unwrap();
    let server = reviewed(hosts).await;
    let refused = [
        ("another host", "https://evil.example/cb"),
        ("longer name", "https://app.example.com.evil.example/cb"),
        ("another port", "https://app.example.com:8443/cb"),
        ("another path", "https://app.example.com/cbx"),
        ("encoded slash", "https://app.example.com/cb/..%2f..%2fevil"),
        ("wildcard itself", "https://partner.example/cb"),
        ("wildcard without a dot", "https://evilpartner.example/cb"),
        ("loopback", "http://127.0.0.1/cb"),
        ("private use", "com.example.app:/cb"),
    ];
    for (name, uri) in refused {
        let document = json!({ "redirect_uris": ["https://app.example.com/cb", uri] });
        let expected = [("/redirect_uris/1", "P1")];
        assert_refused_everywhere(name, &server, &minimal(), &document, REDIRECT, &expected).await;
        let document = minimal_and(json!({ "post_logout_redirect_uris": [uri] }));
        let expected = [("/post_logout_redirect_uris/0", "P1")];
        assert_refused_everywhere(name, &server, &minimal(), &document, METADATA, &expected).await;
    }
    let everywhere = json!({ "redirect_uris": ["https://a.example/", "https://b.example/"] });
    let expected = [("/redirect_uris/0", "P1"), ("/redirect_uris/1", "P1")];
    assert_refused_everywhere("two hosts", &server, &minimal(), &everywhere, REDIRECT, &expected).await;

    let listed = json!({ "redirect_uris": [
        "https://APP.example.com:443/cb/a?b=c", "https://eu.partner.example/", "https://[2001:db8::1]:8443/x",
    ] });
    let client = server.register(&listed).await;
    assert_eq!(client.document["redirect_uris"], listed["redirect_uris"], "byte for byte");
    assert_eq!(server.put(&client, &listed).await.status, 200);
}

/// Members beside `redirect_uris` whose URLs receive data of a user, once at a host of the client and once at
/// another one, and the place of the fault.
pub(crate) fn elsewhere(host: &str, other: &str) -> Vec<(&'static str, Value, Value)> {
    let (good, bad) = (format!("https://{host}/a?iss=b"), format!("https://{other}/a?iss=b"));
    let rows = [
        ("/post_logout_redirect_uris/0", "post_logout_redirect_uris"),
        ("/claims_redirect_uris/0", "claims_redirect_uris"),
        ("/credential_offer_endpoint", "credential_offer_endpoint"),
        ("/initiate_login_uri", "initiate_login_uri"),
        ("/backchannel_logout_uri", "backchannel_logout_uri"),
        ("/backchannel_client_notification_endpoint", "backchannel_client_notification_endpoint"),
        ("/command_endpoint", "command_endpoint"),
    ];
    let row = |(pointer, member): (&'static str, &str)| {
        let plain = member.contains("redirect") || member == "credential_offer_endpoint";
        let value = |uri: &str| {
            let uri = if plain { uri.split('?').next().unwrap() } else { uri };
            let value = if pointer.ends_with("/0") { json!([uri]) } else { json!(uri) };
            minimal_and(json!({ member: value }))
        };
        (pointer, value(&good), value(&bad))
    };
    rows.into_iter().map(row).collect()
}

#[tokio::test]
async fn all_urls_that_receive_user_data_have_listed_hosts() {
    let server = Server::start(Access::Open, |builder| {
        let hosts = RedirectHosts::new(["app.example.com"]).unwrap();
        builder.with_policy(hosts).with_dry_run(true).with_extensions(Extensions::ALL)
    });
    let server = server.await;
    for (pointer, good, bad) in elsewhere("app.example.com", "evil.example") {
        assert_refused_everywhere(pointer, &server, &good, &bad, METADATA, &[(pointer, "P1")]).await;
    }
    let read = json!({
        "jwks_uri": "https://keys.example/jwks", "logo_uri": "https://pages.example/", "request_uris": ["https://a.example/"],
    });
    server.register(&minimal_and(read)).await;
}

#[tokio::test]
async fn redirections_of_extensions_lead_to_listed_places_too() {
    let server = Server::start(Access::Open, |builder| {
        let hosts = RedirectHosts::new(["app.example.com"]).unwrap();
        builder.with_policy(hosts).with_dry_run(true).with_extensions(Extensions::ALL)
    });
    let server = server.await;
    let rows = [
        (
            "/claims_redirect_uris/1",
            json!({ "claims_redirect_uris": ["https://app.example.com/a", "https://evil.example/"] }),
        ),
        ("/credential_offer_endpoint", json!({ "credential_offer_endpoint": "https://evil.example/" })),
    ];
    for (pointer, members) in rows {
        let document = minimal_and(members);
        assert_refused_everywhere(pointer, &server, &minimal(), &document, METADATA, &[(pointer, "P1")]).await;
    }
}

#[tokio::test]
async fn applications_on_the_device_are_listed_by_kind() {
    let hosts = RedirectHosts::new(["app.example.com"]).unwrap().with_loopback(true).with_schemes(["cursor"]);
    let server = reviewed(hosts).await;
    let native = json!({ "redirect_uris": ["http://localhost:3000/cb", "http://[::1]/cb", "Cursor://anysphere/cb"] });
    let client = server.register(&native).await;
    assert_eq!(server.put(&client, &native).await.status, 200);
    let document = json!({ "redirect_uris": ["cursor2://anysphere/cb"] });
    let expected = [("/redirect_uris/0", "P1")];
    assert_refused_everywhere("another scheme", &server, &native, &document, REDIRECT, &expected).await;
}

#[tokio::test]
async fn pages_about_the_client_share_a_host_with_it() {
    let server = reviewed(SameHost::refusing()).await;
    type Row = (&'static str, Value, &'static [(&'static str, &'static str)]);
    let rows: [Row; 6] = [
        ("E-048 logo", json!({ "logo_uri": "https://bank.example/l.png" }), &[("/logo_uri", "P2")]),
        ("client", json!({ "client_uri": "https://bank.example/" }), &[("/client_uri", "P2")]),
        (
            "in one language",
            json!({ "tos_uri": "https://app.example.com/", "tos_uri#fr": "https://bank.example/" }),
            &[("/tos_uri#fr", "P2")],
        ),
        (
            "two members",
            json!({ "policy_uri": "https://bank.example/", "logo_uri#de": "https://bank.example/" }),
            &[("/logo_uri#de", "P2"), ("/policy_uri", "P2")],
        ),
        ("longer name", json!({ "logo_uri": "https://app.example.com.bank.example/" }), &[("/logo_uri", "P2")]),
        ("loopback", json!({ "logo_uri": "http://localhost/l.png" }), &[("/logo_uri", "P2")]),
    ];
    for (name, members, expected) in rows {
        let document = minimal_and(members);
        assert_refused_everywhere(name, &server, &minimal(), &document, METADATA, expected).await;
    }
    let own = minimal_and(json!({
        "client_uri": "https://APP.example.com:8443/about", "logo_uri": "https://app.example.com/l.png",
        "tos_uri#fr": "https://app.example.com/cgu",
    }));
    let client = server.register(&own).await;
    let updated = Registered::of(&server.put(&client, &own).await);
    for (member, value) in own.as_object().unwrap() {
        assert_eq!(&updated.document[member], value, "{member}");
    }
}

#[tokio::test]
async fn pages_that_nothing_vouches_for_are_left_out() {
    let pages = json!({ "client_uri": "https://app.example.com/", "logo_uri": "https://bank.example/l.png" });
    let with = |redirect_uris: Value| {
        let mut document = pages.clone();
        document["redirect_uris"] = redirect_uris;
        document
    };
    let strict = reviewed(SameHost::refusing()).await;
    let lenient = reviewed(SameHost::removing()).await;
    let loopback = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "logo_uri": "http://127.0.0.1:9/l.png" });
    let rows = [
        ("loopback", &strict, with(json!(["http://127.0.0.1/cb"])), &[][..]),
        ("private use", &strict, with(json!(["app.example.com:/cb"])), &[]),
        ("its own loopback", &strict, loopback, &["logo_uri"]),
        ("web, lenient", &lenient, with(json!(["https://app.example.com/cb"])), &["client_uri"]),
    ];
    for (name, server, document, kept) in rows {
        let client = server.register(&document).await;
        let updated = Registered::of(&server.put(&client, &document).await);
        let checked = dry(server, &document).await.json()["metadata"].clone();
        for member in ["client_uri", "logo_uri"] {
            for shown in [&client.document, &updated.document, &checked] {
                assert_eq!(shown.get(member).is_some(), kept.contains(&member), "{name}: {member} in {shown}");
            }
        }
    }
}
