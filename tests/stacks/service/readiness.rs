//! The service by itself: readiness, errors, and what it does not ask of the inner service.

use std::cell::Cell;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_dcr::{Access, RegistrationLayer, Registry};
use tower_test::mock;

use crate::support;

type Requested = Request<Full<Bytes>>;
type Responded = Response<Full<Bytes>>;

fn registry() -> Registry {
    support::registry("https://id.example.com", Access::Open)
}

fn request(method: Method, uri: &str) -> Requested {
    let metadata = r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#;
    let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, "application/json");
    request.body(Full::from(metadata)).unwrap()
}

#[tokio::test]
async fn the_layer_is_ready_when_the_inner_service_is() {
    let (mut service, mut handle) = mock::spawn_layer::<Requested, Responded, _>(RegistrationLayer::new(registry()));
    handle.allow(0);
    assert!(service.poll_ready::<Requested>().is_pending());
    handle.allow(1);
    assert!(service.is_woken(), "the inner service wakes the task that waits for the layer");
    assert!(matches!(service.poll_ready::<Requested>(), Poll::Ready(Ok(()))));

    let response = service.call(request(Method::GET, "/"));
    let (_, reply) = handle.next_request().await.unwrap();
    assert!(service.poll_ready::<Requested>().is_pending(), "the one place is taken");
    reply.send_response(Response::default());
    response.await.unwrap();

    handle.send_error("out of order");
    let Poll::Ready(Err(error)) = service.poll_ready::<Requested>() else { panic!("not an error") };
    assert_eq!(error.to_string(), "out of order");
}

#[tokio::test]
async fn only_what_passes_through_reaches_the_inner_service() {
    let rows = [
        (Method::POST, "/oidc/register", Some(StatusCode::CREATED)),
        (Method::POST, "/oidc/register/", Some(StatusCode::CREATED)),
        (Method::PATCH, "/oidc/register", Some(StatusCode::METHOD_NOT_ALLOWED)),
        (Method::OPTIONS, "/oidc/register/abc", Some(StatusCode::NO_CONTENT)),
        (Method::GET, "/oidc/register/abc", Some(StatusCode::UNAUTHORIZED)),
        (Method::GET, "/oidc/register?client_id=abc", Some(StatusCode::UNAUTHORIZED)),
        (Method::POST, "/oidc/registerfoo", None),
        (Method::POST, "/oidc/register//", None),
        (Method::GET, "/oidc/register/a/b", None),
        (Method::POST, "/OIDC/REGISTER", None),
        (Method::GET, "/", None),
    ];
    for (method, uri, ours) in rows {
        let name = format!("{method} {uri}");
        let (mut service, mut handle) =
            mock::spawn_layer::<Requested, Responded, _>(RegistrationLayer::new(registry()));
        assert!(service.poll_ready::<Requested>().is_ready(), "{name}");
        let response = service.call(request(method.clone(), uri));
        match ours {
            Some(status) => {
                assert_eq!(response.await.unwrap().status(), status, "{name}");
                assert!(handle.next_request().now_or_never().is_none(), "{name}: the inner service was called");
            }
            None => {
                let (passed, reply) = handle.next_request().await.unwrap();
                assert_eq!((passed.method(), passed.uri().to_string().as_str()), (&method, uri), "{name}");
                reply.send_response(Response::builder().status(StatusCode::IM_A_TEAPOT).body(Full::default()).unwrap());
                assert_eq!(response.await.unwrap().status(), StatusCode::IM_A_TEAPOT, "{name}");
            }
        }
    }
}

#[derive(Debug, PartialEq)]
struct Refused(u32);

#[tokio::test]
async fn an_error_of_the_inner_service_stays_what_it_is() {
    // Not `Error`, not `Into<BoxError>`, no trait at all.
    let inner = service_fn(async |_: Requested| Err::<Responded, _>(Refused(7)));
    let service = RegistrationLayer::new(registry()).layer(inner);
    assert_eq!(service.oneshot(request(Method::GET, "/")).await.unwrap_err(), Refused(7));

    let (service, mut handle) = mock::pair::<Requested, Responded>();
    let service = RegistrationLayer::new(registry()).layer(service);
    let failed = tokio::spawn(service.oneshot(request(Method::GET, "/")));
    handle.next_request().await.unwrap().1.send_error("lost");
    assert_eq!(failed.await.unwrap().unwrap_err().to_string(), "lost");
}

/// Panics when it is called before it said that it is ready, as tower allows; a clone is never ready.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Requested> for Strict {
    type Response = Responded;
    type Error = Refused;
    type Future = Ready<Result<Responded, Refused>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Requested) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called before it was ready");
        ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn a_service_that_insists_on_being_ready_is_never_called_unready() {
    let service = RegistrationLayer::new(registry()).layer(Strict::default());
    service.clone().oneshot(request(Method::GET, "/")).await.unwrap();

    let mut service = service;
    let turns = ["/", "/", "/oidc/register", "/", "/oidc/register", "/oidc/register", "/"];
    for (turn, uri) in turns.into_iter().enumerate() {
        let response = service.ready().await.unwrap().call(request(Method::POST, uri)).await.unwrap();
        let expected = if uri == "/" { StatusCode::OK } else { StatusCode::CREATED };
        assert_eq!(response.status(), expected, "turn {turn}: {uri}");
        // A clone in between must not pass for a service that is ready.
        service.clone().oneshot(request(Method::POST, uri)).await.unwrap();
    }
}

#[tokio::test]
async fn a_registration_does_not_keep_the_place_that_readiness_took() {
    let inner = ConcurrencyLimitLayer::new(1).layer(Strict::default());
    let mut service = RegistrationLayer::new(registry()).layer(inner);
    for turn in 0..3 {
        for uri in ["/oidc/register", "/"] {
            let ready = service.ready().now_or_never().unwrap_or_else(|| panic!("turn {turn}: {uri}: no place left"));
            ready.unwrap().call(request(Method::POST, uri)).await.unwrap();
        }
    }
}

/// Borrows from the stack, is neither `Clone` nor `Send`, and so are its future and its body.
struct Borrowing<'a> {
    calls: &'a Cell<u32>,
    text: &'a str,
    local: Rc<()>,
}

struct BorrowedBody<'a> {
    text: Full<Bytes>,
    _borrowed: PhantomData<(&'a str, Rc<()>)>,
}

impl http_body::Body for BorrowedBody<'_> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        pin!(&mut self.text).poll_frame(context)
    }
}

impl<'a> Service<Requested> for Borrowing<'a> {
    type Response = Response<BorrowedBody<'a>>;
    type Error = &'a str;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, &'a str>> + 'a>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), &'a str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _request: Requested) -> Self::Future {
        let (calls, text, local) = (self.calls, self.text, Rc::clone(&self.local));
        Box::pin(async move {
            calls.set(calls.get() + 1);
            drop(local);
            let text = Full::from(text.to_owned());
            Ok(Response::new(BorrowedBody { text, _borrowed: PhantomData }))
        })
    }
}

#[tokio::test]
async fn a_service_that_borrows_and_is_neither_clone_nor_send_has_its_place_behind_the_layer() {
    let text = String::from("hello");
    let calls = Cell::new(0);
    let inner = Borrowing { calls: &calls, text: &text, local: Rc::new(()) };
    let mut service = RegistrationLayer::new(registry()).layer(inner);

    let response = service.ready().await.unwrap().call(request(Method::GET, "/")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    let response = service.ready().await.unwrap().call(request(Method::POST, "/oidc/register")).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(calls.get(), 1);
}

#[test]
fn the_future_and_the_endpoint_need_no_runtime() {
    let mut service = RegistrationLayer::new(registry()).layer(Strict::default());
    let context = &mut Context::from_waker(Waker::noop());
    for (uri, status) in [("/", StatusCode::OK), ("/oidc/register", StatusCode::CREATED)] {
        assert!(service.poll_ready(context).is_ready(), "{uri}");
        let response = pin!(service.call(request(Method::POST, uri)));
        let Poll::Ready(Ok(response)) = response.poll(context) else { panic!("{uri}: not done at once") };
        assert_eq!(response.status(), status, "{uri}");
    }
}
