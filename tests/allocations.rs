//! What passes through costs no memory: the layer allocates nothing of its own.
#![cfg(feature = "memory")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::alloc::System;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use alloc_tracker::{Allocator, Session};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer as _, Service, service_fn};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry, Tenants};

#[global_allocator]
static ALLOCATOR: Allocator<System> = Allocator::system();

fn application(_request: Request<Full<Bytes>>) -> Ready<Result<Response<Full<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Full::new(Bytes::from_static(b"hello")))))
}

/// How often memory is allocated from readiness to the last frame of the response.
fn allocations<S, B>(mut service: S, uri: &'static str) -> u64
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes, Error = Infallible>,
{
    let request =
        Request::get(uri).header("host", "B.example:8443").header("x-name", "value").body(Full::from("body")).unwrap();
    let context = &mut Context::from_waker(Waker::noop());
    let session = Session::new();
    let operation = session.operation("one request");
    let span = operation.measure_thread();
    assert!(service.poll_ready(context).is_ready());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(context) else { unreachable!() };
    let mut body = pin!(response.into_body());
    while let Poll::Ready(Some(Ok(_))) = body.as_mut().poll_frame(context) {}
    drop(span);
    session.to_report().operations().map(|(_, operation)| operation.total_allocations_count()).sum()
}

fn registry(tenant: &str, path: &str) -> Registry {
    let builder = Registry::builder(format!("https://{tenant}.example"), Access::Open).with_path(path);
    builder.with_tenant(tenant).build(MemoryStore::new()).unwrap()
}

/// The layer for one registry, and for several that are distinguished by host, by path and by a function.
fn layers() -> [(&'static str, RegistrationLayer); 4] {
    let hosts = ["a", "b", "c"].map(|tenant| registry(tenant, "/oidc/register"));
    let paths = ["a", "b", "c"].map(|tenant| registry(tenant, &format!("/{tenant}/oidc/register")));
    let [resolved, ..] = hosts.clone();
    [
        ("one", RegistrationLayer::new(registry("a", "/oidc/register"))),
        ("by host", RegistrationLayer::for_tenants(Tenants::by_host(hosts).unwrap())),
        ("by path", RegistrationLayer::for_tenants(Tenants::by_path(paths).unwrap())),
        ("by function", RegistrationLayer::for_tenants(Tenants::from_fn(move |_| Some(resolved.clone())))),
    ]
}

#[test]
fn passing_through_allocates_nothing() {
    let rows = [
        ("a path that is not ours", "/hello"),
        ("a path that begins like ours", "/oidc/registerfoo"),
        ("a query that names ours", "/hello?next=/oidc/register"),
        ("a path below ours", "/oidc/register/a/b"),
        ("a path below a tenant's", "/b/oidc/register/a/b"),
        ("the root", "/"),
        ("a target with another host", "ftp://b@c.example/oidc/registerfoo"),
    ];
    for (name, uri) in rows {
        let bare = allocations(service_fn(application), uri);
        assert_eq!(bare, 0, "{name}: the application alone");
        for (kind, layer) in layers() {
            assert_eq!(
                allocations(layer.layer(service_fn(application)), uri),
                bare,
                "{name}: behind the layer, {kind}"
            );
        }
    }
    for ((kind, layer), uri) in
        layers().into_iter().zip(["/oidc/register", "/oidc/register", "/b/oidc/register", "/oidc/register"])
    {
        assert_ne!(allocations(layer.layer(service_fn(application)), uri), 0, "{kind}: the counter works");
    }
}
