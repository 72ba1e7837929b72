use super::*;
use crate::metadata::GrantType;
use crate::store::MemoryStore;

#[test]
fn what_cannot_work_is_refused_at_start_up() {
    type Change = fn(RegistryBuilder) -> RegistryBuilder;
    let rows: &[(&str, Change, ConfigError)] = &[
        ("path without a slash", |builder| builder.with_path("register"), ConfigError::Path),
        ("path with a slash at its end", |builder| builder.with_path("/register/"), ConfigError::Path),
        ("path with a parameter", |builder| builder.with_path("/{tenant}/register"), ConfigError::Path),
        ("alias without a slash", |builder| builder.with_alias("register"), ConfigError::Path),
        ("path that climbs", |builder| builder.with_path("/a/../register"), ConfigError::Path),
        ("no body", |builder| builder.with_body_limit(0), ConfigError::BodyLimit),
        ("huge body", |builder| builder.with_body_limit(1 << 21), ConfigError::BodyLimit),
        ("tenant without a name", |builder| builder.with_tenant(""), ConfigError::Tenant),
        ("separator in a tenant's name", |builder| builder.with_tenant("a:b"), ConfigError::Tenant),
        ("quote in the realm", |builder| builder.with_realm("a\"b"), ConfigError::Realm),
        ("short token", |builder| builder.with_initial_access_token("secret"), ConfigError::InitialAccessToken),
        ("no token", |builder| builder.with_initial_access_token("a b c d e f g h i"), ConfigError::InitialAccessToken),
        (
            "momentary secrets",
            |builder| builder.with_client_secret_lifetime(Duration::ZERO),
            ConfigError::SecretLifetime,
        ),
        (
            "refresh tokens of nothing",
            |builder| builder.with_grant_types([GrantType::RefreshToken]),
            ConfigError::GrantTypes,
        ),
        ("a grant type without a name", |builder| builder.with_grant_types(["".into()]), ConfigError::GrantTypes),
        ("keys from nowhere", |builder| builder.with_jwks_uri_checked(true), ConfigError::Documents),
    ];
    for (name, change, expected) in rows {
        let builder = change(Registry::builder("https://id.example.com", Access::Open));
        assert_eq!(builder.build(MemoryStore::new()).unwrap_err(), *expected, "{name}");
    }
}

#[test]
fn the_base_url_is_https_or_this_machine() {
    let rows = [
        ("https://id.example.com", true),
        ("https://id.example.com/", true),
        ("https://id.example.com/realm/a", true),
        ("http://127.0.0.1:8080", true),
        ("http://localhost:8080", true),
        ("http://id.example.com", false),
        ("https://id.example.com/?a=b", false),
        ("https://id.example.com/#a", false),
        ("id.example.com", false),
        ("com.example.app:/", false),
        ("", false),
    ];
    for (url, works) in rows {
        let built = Registry::builder(url, Access::Open).build(MemoryStore::new());
        assert_eq!(built.is_ok(), works, "{url}");
    }
}
