#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::Version;
use http::header::HOST;

use super::*;
use crate::Access;
use crate::store::MemoryStore;

fn registry(tenant: &str, base_url: &str, path: &str) -> Registry {
    let builder = Registry::builder(base_url, Access::Open).with_path(path).with_tenant(tenant);
    builder.build(MemoryStore::new()).unwrap()
}

/// As [`registry`], with the alias `/alias`.
fn aliased(tenant: &str, base_url: &str, path: &str) -> Registry {
    let builder = Registry::builder(base_url, Access::Open).with_path(path).with_alias("/alias").with_tenant(tenant);
    builder.build(MemoryStore::new()).unwrap()
}

fn found(tenants: &Tenants, uri: &str, hosts: &[&str]) -> Option<String> {
    found_over(Version::HTTP_11, tenants, uri, hosts)
}

/// The name of the tenant, or `400`.
fn found_over(version: Version, tenants: &Tenants, uri: &str, hosts: &[&str]) -> Option<String> {
    let request = Request::post(uri).version(version);
    let request = hosts.iter().fold(request, |request, host| request.header(HOST, *host));
    Some(match tenants.find(&request.body(()).unwrap())? {
        Ok((registry, _)) => registry.settings().runtime.tenant().to_owned(),
        Err(error) => error.status().to_string(),
    })
}

#[test]
fn every_host_has_one_tenant() {
    let tenants = [
        registry("a", "https://a.example", "/oidc/register"),
        registry("b", "https://B.example:8443/realm", "/register"),
        aliased("local", "http://[::1]:8080", "/oidc/register"),
    ];
    let tenants = Tenants::by_host(tenants).unwrap();
    let rows: &[(&str, &[&str], Option<&str>)] = &[
        ("/oidc/register", &["a.example"], Some("a")),
        ("/oidc/register/x", &["A.EXAMPLE:443"], Some("a")),
        ("/oidc/register", &["a.example."], Some("a")),
        ("/oidc/register", &["a.example.:80"], Some("a")),
        ("/register", &["b.example"], Some("b")),
        ("/realm/register", &["b.example"], Some("b")),
        ("/oidc/register", &["[::1]:9090"], Some("local")),
        ("/oidc/register", &["[::1]"], Some("local")),
        ("https://a.example/oidc/register", &["b.example"], Some("a")),
        ("HTTPS://a.example/oidc/register", &[], Some("a")),
        ("https://c.example/oidc/register", &["a.example"], None),
        ("/oidc/register", &["b.example"], None),
        ("/oidc/register", &["c.example"], None),
        ("/oidc/register", &["x.a.example"], None),
        ("/oidc/register", &[""], None),
        ("/oidc/register", &[], None),
        ("/alias/x", &["[::1]"], Some("local")),
        ("/hello", &["a.example"], None),
    ];
    for (uri, hosts, expected) in rows {
        assert_eq!(found(&tenants, uri, hosts).as_deref(), *expected, "{uri} {hosts:?}");
    }
}

#[test]
fn a_host_that_has_two_readings_is_refused_on_our_paths_alone() {
    let tenants = ["a", "b"].map(|name| registry(name, &format!("https://{name}.example"), "/oidc/register"));
    let tenants = Tenants::by_host(tenants).unwrap();
    let (old, new) = (Version::HTTP_11, Version::HTTP_2);
    let rows: &[(Version, &str, &[&str], Option<&str>)] = &[
        (old, "/oidc/register", &["a.example", "b.example"], Some("400")),
        (old, "/oidc/register", &["a.example", "a.example"], Some("400")),
        (old, "https://a.example/oidc/register", &["a.example", "a.example"], Some("400")),
        (old, "/oidc/register", &["a.example, b.example"], Some("400")),
        (old, "/oidc/register", &["a.example,b.example"], Some("400")),
        (old, "/oidc/register", &["user@a.example"], Some("400")),
        (old, "/oidc/register", &["a.example@b.example"], Some("400")),
        (old, "/oidc/register", &["a.example/"], Some("400")),
        (old, "/oidc/register", &["a.example#b.example"], Some("400")),
        (old, "/oidc/register", &["a.example\\b.example"], Some("400")),
        (old, "/oidc/register", &["a.example b.example"], Some("400")),
        (old, "/oidc/register", &["a.example:x"], Some("400")),
        (old, "/oidc/register", &["[a.example]:x"], Some("400")),
        (old, "/oidc/register", &["http://a.example"], Some("400")),
        (old, "http://a.example/oidc/register", &["b@a.example"], Some("400")),
        (old, "http://b@a.example/oidc/register", &["a.example"], Some("400")),
        (old, "http://b:c@a.example/oidc/register", &[], Some("400")),
        (old, "ftp://a.example/oidc/register", &["a.example"], Some("400")),
        (old, "ws://a.example/oidc/register", &[], Some("400")),
        (new, "https://a.example/oidc/register", &[], Some("a")),
        (new, "https://a.example/oidc/register", &["A.example"], Some("a")),
        (new, "https://a.example/oidc/register", &["a.example:443"], Some("a")),
        (new, "https://a.example/oidc/register", &["b.example"], Some("400")),
        (new, "https://a.example/oidc/register", &["c.example"], Some("400")),
        (new, "https://c.example/oidc/register", &["a.example"], Some("400")),
        (new, "https://a.example/oidc/register", &["a.example", "a.example"], Some("400")),
        (new, "ftp://a.example/oidc/register", &[], Some("400")),
        (new, "https://b@a.example/oidc/register", &[], Some("400")),
        (new, "/oidc/register", &["a.example"], Some("a")),
        (Version::HTTP_3, "https://a.example/oidc/register", &["b.example"], Some("400")),
        (old, "/oidc/registerfoo", &["a.example", "b.example"], None),
        (old, "/oidc/register/a/b", &["a.example", "b.example"], None),
        (old, "ftp://a.example/hello", &["b.example"], None),
        (new, "https://a.example/hello", &["b.example"], None),
    ];
    for (version, uri, hosts, expected) in rows {
        let found = found_over(*version, &tenants, uri, hosts);
        assert_eq!(found.as_deref(), *expected, "{version:?} {uri} {hosts:?}");
    }
}

#[test]
fn an_alias_is_found_whether_there_is_one_tenant_or_several() {
    let registry = |tenant: &str| {
        let builder = Registry::builder(format!("https://{tenant}.example"), Access::Open).with_tenant(tenant);
        builder.with_alias("/register").build(MemoryStore::new()).unwrap()
    };
    let several = Tenants::by_host([registry("a"), registry("b")]).unwrap();
    for tenants in [Tenants::from(registry("a")), several] {
        for uri in ["/register", "/register/x", "/oidc/register"] {
            assert_eq!(found(&tenants, uri, &["a.example"]).as_deref(), Some("a"), "{uri} of {tenants:?}");
        }
        assert_eq!(found(&tenants, "/reg", &["a.example"]), None, "{tenants:?}");
    }
}

#[test]
fn every_path_has_one_tenant() {
    let paths = [("b", "/b/register"), ("a", "/a/register"), ("deep", "/a/b/c")];
    let tenants = paths.map(|(name, path)| registry(name, "https://id.example.com", path));
    let aliased = aliased("aliased", "https://id.example.com", "/d/register");
    let tenants = Tenants::by_path(tenants.into_iter().chain([aliased])).unwrap();
    let rows = [
        ("/a/register", Some("a")),
        ("/a/register/", Some("a")),
        ("/a/register/x", Some("a")),
        ("/a/register/x/", Some("a")),
        ("/b/register/x", Some("b")),
        ("/a/b/c/d", Some("deep")),
        ("/a/register/x/y", None),
        ("/d/register", Some("aliased")),
        ("/alias", Some("aliased")),
        ("/alias/x", Some("aliased")),
        ("/alias/x/y", None),
        ("/a/registerfoo", None),
        ("/a/register//", None),
        ("/c/register", None),
        ("/a", None),
        ("/", None),
    ];
    for (path, expected) in rows {
        assert_eq!(found(&tenants, path, &[]).as_deref(), expected, "{path}");
    }
}

#[test]
fn tenants_that_cannot_be_distinguished_are_refused() {
    type Build = fn([Registry; 2]) -> Result<Tenants, ConfigError>;
    let (by_host, by_path): (Build, Build) = (Tenants::by_host, Tenants::by_path);
    let rows = [
        ("other hosts", by_host, ["a", "https://a.example", "/r"], ["b", "https://b.example", "/r"], true),
        ("other ports", by_host, ["a", "https://a.example:1", "/r"], ["b", "https://a.example:2", "/r"], false),
        ("same host", by_host, ["a", "https://a.example", "/r"], ["b", "https://A.example", "/q"], false),
        ("same name, by host", by_host, ["a", "https://a.example", "/r"], ["a", "https://b.example", "/r"], false),
        ("other paths", by_path, ["a", "https://a.example", "/r"], ["b", "https://a.example", "/q"], true),
        ("same path", by_path, ["a", "https://a.example", "/r"], ["b", "https://b.example", "/r"], false),
        ("same name, by path", by_path, ["a", "https://a.example", "/r"], ["a", "https://a.example", "/q"], false),
        ("path of a client", by_path, ["a", "https://a.example", "/r"], ["b", "https://a.example", "/r/q"], false),
    ];
    for (name, build, one, other, works) in rows {
        let tenants = [one, other].map(|[tenant, base_url, path]| registry(tenant, base_url, path));
        assert_eq!(build(tenants).is_ok(), works, "{name}");
    }
}
