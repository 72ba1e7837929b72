//! Requests to a service without a socket.

use std::fmt;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Body;
use tokio::task::JoinSet;
use tower::{Service, ServiceExt as _};

use super::reply::Reply;

/// Sends a request in a task of its own, as a server handles each request, so that concurrent requests run in parallel.
/// If the future is dropped, the task is aborted: the client closed its connection.
pub(crate) async fn call<S, B>(service: S, request: Request<Full<Bytes>>) -> Reply
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Send + 'static,
    S::Future: Send,
    S::Error: fmt::Debug + Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: fmt::Debug + Send,
{
    let mut task = JoinSet::new();
    task.spawn(async move { Reply::read(service.oneshot(request).await.expect("a response")).await });
    task.join_next().await.expect("one task").expect("the service does not panic")
}
