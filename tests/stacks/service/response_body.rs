//! The body that comes out is the body that went in, poll by poll.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_dcr::{Access, RegistrationLayer, ResponseBody};

use crate::support;

#[derive(Debug, Clone, PartialEq)]
struct Broken(u32);

type AnyBody = UnsyncBoxBody<Bytes, Broken>;

/// What a poll gives.
#[derive(Debug, Clone)]
enum Step {
    Pending,
    Data(&'static str),
    Trailers(&'static [(&'static str, &'static str)]),
    Error(u32),
}

/// A body that follows a script. Its size hint and its end flag are set by the test, and may be wrong.
#[derive(Debug)]
struct Script {
    steps: VecDeque<Step>,
    hint: fn(usize) -> (u64, Option<u64>),
    ends: fn(usize) -> bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(match self.steps.pop_front() {
            Some(Step::Pending) => {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Data(text)) => Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))),
            Some(Step::Trailers(trailers)) => Some(Ok(Frame::trailers(header_map(trailers)))),
            Some(Step::Error(number)) => Some(Err(Broken(number))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        (self.ends)(self.steps.len())
    }

    fn size_hint(&self) -> SizeHint {
        let (lower, upper) = (self.hint)(self.steps.len());
        let mut hint = SizeHint::new();
        hint.set_lower(lower);
        if let Some(upper) = upper {
            hint.set_upper(upper);
        }
        hint
    }
}

fn header_map(rows: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in rows {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

/// What a body says of itself before a poll, and what the poll gives.
#[derive(Debug, PartialEq)]
struct Seen {
    ends: bool,
    lower: u64,
    upper: Option<u64>,
    frame: Poll<Option<Result<Result<Bytes, HeaderMap>, Broken>>>,
}

fn watch<B: Body<Data = Bytes, Error = Broken>>(body: B) -> Vec<Seen> {
    let mut body = pin!(body);
    let mut seen = Vec::new();
    loop {
        let (ends, hint) = (body.is_end_stream(), body.size_hint());
        let frame = body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()));
        let frame = frame.map_ok(|frame| frame.into_data().map_err(|frame| frame.into_trailers().unwrap()));
        let over = matches!(frame, Poll::Ready(None));
        seen.push(Seen { ends, lower: hint.lower(), upper: hint.upper(), frame });
        if over {
            return seen;
        }
    }
}

/// The body behind the layer, for a request that passes through.
async fn behind_the_layer(body: AnyBody) -> ResponseBody<AnyBody> {
    let mut body = Some(body);
    let inner = service_fn(move |_: Request<Empty<Bytes>>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(body.take().unwrap())))
    });
    let registry = support::registry("https://id.example.com", Access::Open);
    RegistrationLayer::new(registry).layer(inner).oneshot(Request::default()).await.unwrap().into_body()
}

fn script(steps: &[Step], hint: fn(usize) -> (u64, Option<u64>), ends: fn(usize) -> bool) -> AnyBody {
    Script { steps: steps.iter().cloned().collect(), hint, ends }.boxed_unsync()
}

#[tokio::test]
async fn frames_trailers_errors_and_hints_are_those_of_the_inner_body() {
    use Step::{Data, Error, Pending, Trailers};
    type Make = fn() -> AnyBody;
    let rows: &[(&str, Make)] = &[
        ("empty", || Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync()),
        ("full", || Full::from("hello").map_err(|never: Infallible| match never {}).boxed_unsync()),
        ("full and then trailers", || {
            let body = Full::from("hello").map_err(|never: Infallible| match never {});
            body.with_trailers(async { Some(Ok(header_map(&[("grpc-status", "0")]))) }).boxed_unsync()
        }),
        ("frames and trailers with waits", || {
            let trailers = &[("grpc-status", "0"), ("x-twice", "a"), ("x-twice", "b")];
            let steps = [Pending, Data("a"), Pending, Pending, Data(""), Data("bc"), Pending, Trailers(trailers)];
            script(&steps, |_| (0, None), |left| left == 0)
        }),
        ("trailers alone", || script(&[Trailers(&[("grpc-status", "12")])], |_| (0, Some(0)), |left| left == 0)),
        ("data after trailers", || {
            script(&[Trailers(&[("a", "b")]), Data("late")], |left| (left as u64, None), |left| left == 0)
        }),
        ("an error in the middle", || {
            let steps = [Data("a"), Error(1), Pending, Error(2), Data("b")];
            script(&steps, |left| (left as u64, Some(9)), |left| left == 0)
        }),
        ("hints that change with every frame", || {
            let steps = [Data("abc"), Data("de"), Data("f")];
            script(&steps, |left| (left as u64 * 2, Some(left as u64 * 3)), |left| left == 0)
        }),
        ("an end that is claimed early", || script(&[Data("a"), Data("b")], |_| (7, Some(7)), |left| left < 2)),
        ("an end that is never claimed", || script(&[Data("a")], |_| (u64::MAX, Some(u64::MAX)), |_| false)),
    ];
    for (name, body) in rows {
        assert_eq!(watch(behind_the_layer(body()).await), watch(body()), "{name}");
    }
}

#[tokio::test]
async fn an_answer_of_the_endpoint_is_one_frame_of_known_length() {
    let metadata = r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#;
    let rows = [
        ("registered", Method::POST, "/oidc/register", false),
        ("refused", Method::PATCH, "/oidc/register", false),
        ("nothing to say", Method::OPTIONS, "/oidc/register", true),
        ("asked for the head alone", Method::HEAD, "/oidc/register/abc", true),
    ];
    for (name, method, uri, empty) in rows {
        let inner = service_fn(async |_: Request<Full<Bytes>>| Ok::<_, Infallible>(Response::new(AnyBody::default())));
        let registry = support::registry("https://id.example.com", Access::Open);
        let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::from(metadata)).unwrap();
        let body = RegistrationLayer::new(registry).layer(inner).oneshot(request).await.unwrap().into_body();

        let length = body.size_hint().exact().unwrap_or_else(|| panic!("{name}: no length"));
        let seen = watch(body);
        let text = match &seen[0].frame {
            Poll::Ready(Some(Ok(Ok(data)))) => data.clone(),
            Poll::Ready(None) => Bytes::new(),
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(text.len() as u64, length, "{name}");
        assert_eq!((text.is_empty(), seen[0].ends), (empty, empty), "{name}");
        let last = Seen { ends: true, lower: 0, upper: Some(0), frame: Poll::Ready(None) };
        assert_eq!(seen.last(), Some(&last), "{name}");
    }
}

#[test]
fn a_default_body_is_the_default_of_the_inner_body() {
    let bare = Full::<Bytes>::default().map_err(|never: Infallible| -> Broken { match never {} });
    let ours = ResponseBody::<Full<Bytes>>::default().map_err(|never: Infallible| -> Broken { match never {} });
    assert_eq!(watch(ours), watch(bare));
}
