//! The body of the layer's responses.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Empty, Full};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of the inner service, frame by frame as it comes, or the one JSON text of the registration endpoint.
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
        PassThrough { #[pin] body: B },
        Register { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn pass_through(body: B) -> Self {
        Self { kind: Kind::PassThrough { body } }
    }

    pub(crate) fn register(body: Full<Bytes>) -> Self {
        Self { kind: Kind::Register { body } }
    }
}

/// Layers around this one may need an empty body.
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
