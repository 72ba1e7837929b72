//! A request body that must arrive before a deadline.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_dcr::BoxError;

pin_project! {
    /// A body that fails when it has not arrived completely in time.
    ///
    /// tower-http's `TimeoutBody` restarts its clock with every frame, so a client that sends one byte at a time
    /// keeps its request open for hours. Here the clock starts once.
    pub(crate) struct DeadlineBody<B> {
        #[pin]
        body: B,
        #[pin]
        deadline: Sleep,
    }
}

impl<B> DeadlineBody<B> {
    pub(crate) fn new(body: B, limit: Duration) -> Self {
        Self { body, deadline: tokio::time::sleep(limit) }
    }
}

impl<B: Body<Error: Into<BoxError>>> Body for DeadlineBody<B> {
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if this.deadline.poll(context).is_ready() {
            return Poll::Ready(Some(Err("the request body did not arrive before its deadline".into())));
        }
        this.body.poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
