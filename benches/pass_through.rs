//! Measures what the layer costs a request that is not for the endpoint: the bare service, a layer that only compares
//! the path, and `RegistrationLayer`.
//!
//! `cargo bench --all-features --bench pass_through` prints a table. If valgrind is installed, it counts
//! instructions: the bench starts itself under valgrind twice, with different numbers of requests, and the difference
//! is the cost of the additional requests. So the start of the process is not part of the result.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a bench fails by panicking")]

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Either, Empty, Full};
use pin_project_lite::pin_project;
use tower::{Layer as _, Service, service_fn};
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, RegistrationLayer, Registry, Tenants};

/// Requests between two readings of the clock.
const BATCH: u32 = 10_000;
const BATCHES: u32 = 400;

const PATH: &str = "/api/v1/things/42";

/// An application that replies at once, so that the cost of the layer is visible.
fn application(_request: Request<Empty<Bytes>>) -> Ready<Result<Response<Empty<Bytes>>, Infallible>> {
    ready(Ok(Response::new(Empty::new())))
}

/// The minimum that a layer must do to answer one path itself: the reference for `RegistrationLayer`.
#[derive(Debug, Clone)]
struct Plain<S> {
    inner: S,
    path: &'static str,
}

pin_project! {
    #[project = PlainProjection]
    enum PlainFuture<F> {
        PassThrough { #[pin] future: F },
        Own,
    }
}

impl<S, B> Service<Request<B>> for Plain<S>
where
    S: Service<Request<B>, Response = Response<Empty<Bytes>>, Error = Infallible>,
{
    type Response = Response<Either<Empty<Bytes>, Full<Bytes>>>;
    type Error = Infallible;
    type Future = PlainFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match request.uri().path() == self.path {
            true => PlainFuture::Own,
            false => PlainFuture::PassThrough { future: self.inner.call(request) },
        }
    }
}

impl<F: Future<Output = Result<Response<Empty<Bytes>>, Infallible>>> Future for PlainFuture<F> {
    type Output = Result<Response<Either<Empty<Bytes>, Full<Bytes>>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            PlainProjection::PassThrough { future } => {
                future.poll(context).map_ok(|response| response.map(Either::Left))
            }
            PlainProjection::Own => Poll::Ready(Ok(Response::new(Either::Right(Full::from("ours"))))),
        }
    }
}

/// One request, from readiness to the end of the body.
fn request<S, B>(service: &mut S)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = http::Uri::from_static(PATH);
    let context = &mut Context::from_waker(Waker::noop());
    assert!(service.poll_ready(context).is_ready());
    // `black_box` keeps the compiler from computing the constant reply at compile time.
    let Poll::Ready(Ok(response)) = pin!(service.call(black_box(request))).poll(context) else { unreachable!() };
    assert!(pin!(black_box(response).into_body()).poll_frame(context).is_ready());
}

/// The time of this number of requests, one after the other.
fn repeat<S, B>(mut service: S, times: u32) -> Duration
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let started = Instant::now();
    for _ in 0..times {
        request(&mut service);
    }
    started.elapsed()
}

fn registry() -> Registry {
    Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new()).unwrap()
}

/// A thousand tenants with a host and a path of their own.
fn tenants() -> impl Iterator<Item = Registry> {
    (0..1000).map(|number| {
        let builder = Registry::builder(format!("https://tenant-{number}.example"), Access::Open);
        let builder = builder.with_path(format!("/tenant-{number}/register")).with_tenant(format!("tenant-{number}"));
        builder.build(MemoryStore::new()).unwrap()
    })
}

fn layered(layer: RegistrationLayer, times: u32) -> Duration {
    repeat(layer.layer(service_fn(application)), times)
}

/// A name, and what runs this number of requests.
type Case = (&'static str, fn(u32) -> Duration);

const CASES: &[Case] = &[
    ("bare service", |times| repeat(service_fn(application), times)),
    ("path-comparing layer", |times| repeat(Plain { inner: service_fn(application), path: "/oidc/register" }, times)),
    ("RegistrationLayer", |times| layered(RegistrationLayer::new(registry()), times)),
    ("1000 tenants by path", |times| {
        layered(RegistrationLayer::for_tenants(Tenants::by_path(tenants()).unwrap()), times)
    }),
];

/// Instructions for one request; `None` if valgrind is not installed.
fn instructions(case: usize) -> Option<u64> {
    let count = |times: u32| -> Option<u64> {
        let bench = std::env::current_exe().ok()?;
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(bench);
        let output = valgrind.args(["--repeat", &case.to_string(), &times.to_string()]).output().ok()?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, collected) = report.split_once("Collected : ")?;
        collected.split_whitespace().next()?.parse().ok()
    };
    Some((count(3000)? - count(1000)?) / 2000)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, flag, case, times] = &*arguments
        && flag == "--repeat"
    {
        black_box(CASES[case.parse::<usize>().unwrap()].1(times.parse().unwrap()));
        return;
    }
    // The cases alternate, so that other load on the machine affects all of them. The fastest batch is reported,
    // because it was disturbed least.
    let mut fastest = vec![Duration::MAX; CASES.len()];
    for _ in 0..BATCHES {
        for ((_, run), fastest) in CASES.iter().zip(&mut fastest) {
            *fastest = run(BATCH).min(*fastest);
        }
    }
    println!("{:<24} {:>12} {:>14}", "one request", "ns", "instructions");
    for (index, ((name, _), fastest)) in CASES.iter().zip(&fastest).enumerate() {
        let nanoseconds = fastest.as_nanos() as f64 / f64::from(BATCH);
        let counted = instructions(index).map_or_else(|| "no valgrind".to_owned(), |count| count.to_string());
        println!("{name:<24} {nanoseconds:>12.1} {counted:>14}");
    }
}
