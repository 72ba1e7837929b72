//! What `build` refuses, and the messages of its errors. Each group of settings tests its own values.

use std::time::Duration;

use super::*;
use crate::error::ConfigErrorKind;
use crate::protocol::Switch;
use crate::protocol::metadata::GrantType;
use crate::store::MemoryStore;

#[test]
fn build_checks_every_group_of_settings() {
    type Change = fn(RegistryBuilder) -> RegistryBuilder;
    let rows: &[(&str, Change, ConfigErrorKind)] = &[
        ("group of the endpoint", |builder| builder.with_path("register"), ConfigErrorKind::Path),
        ("group of access", |builder| builder.with_initial_access_token("secret"), ConfigErrorKind::InitialAccessToken),
        (
            "group of management",
            |builder| builder.with_management(false).with_registration_token_rotation(true),
            ConfigErrorKind::Management,
        ),
        ("group of registration", |builder| builder.with_unique_software([""]), ConfigErrorKind::UniqueSoftware),
        (
            "group of lifecycle",
            |builder| builder.with_client_secret_lifetime(Duration::ZERO),
            ConfigErrorKind::SecretLifetime,
        ),
        ("group of trust", |builder| builder.with_jwks_uri_checked(true), ConfigErrorKind::Documents),
        ("group of the runtime", |builder| builder.with_tenant(""), ConfigErrorKind::Tenant),
        (
            "refresh tokens alone",
            |builder| builder.with_grant_types([GrantType::RefreshToken]),
            ConfigErrorKind::GrantTypes,
        ),
        ("a grant type without a name", |builder| builder.with_grant_types(["".into()]), ConfigErrorKind::GrantTypes),
    ];
    for (name, change, expected) in rows {
        let builder = change(Registry::builder("https://id.example.com", Access::Open));
        assert_eq!(builder.build(MemoryStore::new()).unwrap_err().kind(), *expected, "{name}");
    }
}

/// Each message names what was found, so that it can be put right without a search.
#[test]
fn a_refused_configuration_is_named_and_a_secret_in_it_is_not() {
    type Change = fn(RegistryBuilder) -> RegistryBuilder;
    let rows: &[(&str, &str, Change, &str)] = &[
        ("base URL", "http://id.example.com", |builder| builder, "\"http://id.example.com\""),
        ("user and query", "https://u:s3cret@id.example.com/a?s3cret", |b| b, "\"https://…@id.example.com/a?…\""),
        ("path", OURS, |builder| builder.with_path("register"), "with_path, with_alias); found \"register\""),
        ("second alias", OURS, |builder| builder.with_alias("/a").with_alias("b\n"), r#"found "b\n""#),
        ("body limit", OURS, |builder| builder.with_body_limit(2_000_000), "found 2000000"),
        ("tenant", OURS, |builder| builder.with_tenant("a:b"), "found \"a:b\""),
        ("realm", OURS, |builder| builder.with_realm("caf\u{e9}"), "found \"caf\u{e9}\""),
        ("token", OURS, |b| b.with_initial_access_token("s3cret"), "found token number 1 with 6 characters"),
        ("lifetime", OURS, |b| b.with_client_secret_lifetime(Duration::from_millis(5)), "found 5ms"),
        ("grant types", OURS, |b| b.with_grant_types([GrantType::RefreshToken]), "found \"refresh_token\""),
        ("no grant type", OURS, |builder| builder.with_grant_types([]), "found \"\""),
        ("no method", OURS, |builder| builder.with_auth_methods([]), "found none"),
        (
            "method",
            OURS,
            |b| b.with_auth_methods(["tls_client_auth".into()]),
            "\"tls_client_auth\" without the extension mtls",
        ),
        ("algorithm", OURS, |builder| builder.with_signing_algorithms(["none".into()]), "found \"none\""),
        ("scope", OURS, |builder| builder.with_scopes(["a", "b c"]), "found \"b c\""),
        ("default scope", OURS, |builder| builder.with_scopes(["a"]).with_default_scope("a b"), "found \"a b\""),
        ("long", OURS, |builder| builder.with_path("x".repeat(70_000)), "xxx\""),
    ];
    for (name, base_url, change, piece) in rows {
        let error = change(Registry::builder(*base_url, Access::Open)).build(MemoryStore::new()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(piece), "{name}: {message}");
        assert!(!message.contains("s3cret") && message.len() < 500, "{name}: {message}");
    }
}

const OURS: &str = "https://id.example.com";

#[test]
fn a_name_that_is_not_known_is_repeated_beside_those_that_are() {
    let rows = [
        ("profile", "oath".parse::<crate::Profile>().map(drop).map_err(|error| error.to_string()), "oauth, oidc, mcp"),
        ("switch", "oath".parse::<Switch>().map(drop).map_err(|error| error.to_string()), ", any-origin"),
        (
            "extension",
            "oath".parse::<crate::protocol::metadata::Extension>().map(drop).map_err(|e| e.to_string()),
            "mtls, ",
        ),
    ];
    for (kind, parsed, piece) in rows {
        let message = parsed.unwrap_err();
        assert!(message.starts_with("\"oath\" is not the name of a") && message.contains(kind), "{message}");
        assert!(message.contains(piece), "{message}");
    }
}
