//! The future of the layer's service.
//!
//! The future of the inner service is polled in place, so that a request which passes through costs no allocation. Only
//! the future of the endpoint is boxed.
//!
//! If a server drops this future, for example because the connection closed, a change that the store has acknowledged
//! stays, and its event is still recorded. A change that was not written has no effect.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::response::Reply;

pin_project! {
    /// Resolves to the response of the inner service, or to that of the registration endpoint.
    ///
    /// `F` is the future of the inner service; its error is passed on.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        kind: Kind<F>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F> {
        /// The inner service answers. Its error is the only error of this future.
        PassThrough { #[pin] future: F },
        /// The endpoint answers. Every refusal is a response, so this cannot fail.
        Register { future: Pin<Box<dyn Future<Output = Reply> + Send>> },
    }
}

impl<F> ResponseFuture<F> {
    /// Waits for the inner service.
    pub(crate) fn pass_through(future: F) -> Self {
        Self { kind: Kind::PassThrough { future } }
    }

    /// Waits for the registration endpoint.
    pub(crate) fn register(future: impl Future<Output = Reply> + Send + 'static) -> Self {
        // Boxed, because the future of the endpoint is large: without the box every request of the application would
        // pay for its size.
        Self { kind: Kind::Register { future: Box::pin(future) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::PassThrough { future } => {
                future.poll(context).map_ok(|response| response.map(ResponseBody::pass_through))
            }
            KindProjection::Register { future } => {
                future.as_mut().poll(context).map(|reply| Ok(reply.map(ResponseBody::register)))
            }
        }
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.kind {
            Kind::PassThrough { .. } => "ResponseFuture::PassThrough",
            Kind::Register { .. } => "ResponseFuture::Register",
        })
    }
}
