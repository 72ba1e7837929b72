//! gRPC behind the layer, and beside the endpoint.

use http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_dcr::Access;

use crate::greeter::{HelloReply, HelloRequest};
use crate::support::{listen, serve_tonic};

pub(crate) async fn connect(base_url: &str) -> Grpc<Channel> {
    let endpoint = Endpoint::from_shared(base_url.to_owned()).unwrap();
    Grpc::new(endpoint.connect().await.unwrap())
}

pub(crate) async fn say_hello(
    client: &mut Grpc<Channel>,
    method: &'static str,
    name: &str,
) -> Result<Response<HelloReply>, Status> {
    client.ready().await.unwrap();
    let request = Request::new(HelloRequest { name: name.to_owned() });
    let codec = ProstCodec::<HelloRequest, HelloReply>::default();
    client.unary(request, PathAndQuery::from_static(method), codec).await
}

#[tokio::test]
async fn a_unary_call_passes_with_its_status() {
    let (listener, address, registry) = listen(Access::Open).await;
    serve_tonic(listener, registry);
    let mut client = connect(&format!("http://{address}")).await;

    let reply = say_hello(&mut client, "/greeter.Greeter/SayHello", "world").await.unwrap();
    assert_eq!(reply.get_ref().message, "hello world");
    assert_eq!(reply.metadata().get("grpc-status").unwrap(), "0", "the trailers arrived");

    let rows = [
        ("an error of the method", "/greeter.Greeter/SayHello", Code::InvalidArgument),
        ("no such method", "/greeter.Greeter/SayGoodbye", Code::Unimplemented),
        ("no such service", "/greeter.Nobody/SayHello", Code::Unimplemented),
    ];
    for (name, method, code) in rows {
        assert_eq!(say_hello(&mut client, method, "").await.unwrap_err().code(), code, "{name}");
    }
}

#[tokio::test]
async fn a_stream_in_both_directions_passes_message_by_message() {
    let (listener, address, registry) = listen(Access::Open).await;
    serve_tonic(listener, registry);
    let mut client = connect(&format!("http://{address}")).await;
    client.ready().await.unwrap();

    let (sender, receiver) = mpsc::channel(1);
    let method = PathAndQuery::from_static("/greeter.Greeter/SayHellos");
    let codec = ProstCodec::<HelloRequest, HelloReply>::default();
    let response = client.streaming(Request::new(ReceiverStream::new(receiver)), method, codec).await.unwrap();
    let mut replies = response.into_inner();
    for name in ["one", "two", "three"] {
        sender.send(HelloRequest { name: name.to_owned() }).await.unwrap();
        assert_eq!(replies.message().await.unwrap().unwrap().message, format!("hello {name}"));
    }
    sender.send(HelloRequest::default()).await.unwrap();
    let status = replies.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "a name is required"));
}
