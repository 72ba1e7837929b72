//! A gRPC service written by hand, so that this example needs neither `protoc` nor a build script:
//!
//! ```proto
//! package greeter;
//! message HelloRequest { string name = 1; }
//! message HelloReply { string message = 1; }
//! service Greeter {
//!   rpc SayHello(HelloRequest) returns (HelloReply);
//!   rpc SayHellos(stream HelloRequest) returns (stream HelloReply);
//! }
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{Service, service_fn};

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HelloRequest {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct HelloReply {
    #[prost(string, tag = "1")]
    pub(crate) message: String,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "greeter.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::default());
            Ok(match request.uri().path() {
                "/greeter.Greeter/SayHello" => grpc.unary(service_fn(say_hello), request).await,
                "/greeter.Greeter/SayHellos" => grpc.streaming(service_fn(say_hellos), request).await,
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

async fn say_hello(request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
    greet(&request.into_inner()).map(Response::new)
}

/// Answers each request when it comes.
async fn say_hellos(
    request: Request<Streaming<HelloRequest>>,
) -> Result<Response<impl Stream<Item = Result<HelloReply, Status>>>, Status> {
    Ok(Response::new(request.into_inner().map(|request| greet(&request?))))
}

fn greet(request: &HelloRequest) -> Result<HelloReply, Status> {
    match request.name.as_str() {
        "" => Err(Status::invalid_argument("a name is required")),
        name => Ok(HelloReply { message: format!("hello {name}") }),
    }
}
