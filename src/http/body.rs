//! The body of the layer's responses.
//!
//! The layer must not change what the application sends, so every method of [`Body`] is forwarded, `size_hint` and
//! `is_end_stream` included: a server derives `Content-Length` from them.
//!
//! It is a struct around a private enum, so that a new kind of reply is no breaking change. Trailers of the
//! application pass through as well, which gRPC needs.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of the inner service, passed through frame by frame, or the JSON text of the registration endpoint.
    ///
    /// `B` is the body of the inner service. Data is [`Bytes`]; errors are those of `B`, since the endpoint's own body
    /// cannot fail.
    #[derive(Debug)]
    pub struct ResponseBody<B = Empty<Bytes>> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        /// The body of the application. It stays pinned in place and is not boxed.
        PassThrough { #[pin] body: B },
        /// The reply of the endpoint, in one frame.
        Register { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    /// The body of the inner service.
    pub(crate) fn pass_through(body: B) -> Self {
        Self { kind: Kind::PassThrough { body } }
    }

    /// The body of the registration endpoint.
    pub(crate) fn register(body: Full<Bytes>) -> Self {
        Self { kind: Kind::Register { body } }
    }
}

/// An empty body. tower-http's layers, such as a timeout, need one for their own responses.
impl<B: Default> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::pass_through(B::default())
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.project().kind.project() {
            KindProjection::PassThrough { body } => body.poll_frame(context),
            // The body of the endpoint is in memory and cannot fail; the empty match proves it to the compiler.
            KindProjection::Register { body } => body.poll_frame(context).map_err(|never: Infallible| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::PassThrough { body } => body.is_end_stream(),
            Kind::Register { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::PassThrough { body } => body.size_hint(),
            Kind::Register { body } => body.size_hint(),
        }
    }
}
