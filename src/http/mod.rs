//! Where a request enters: the layer, the service that it makes, and the endpoint behind them.
//!
//! This is the only room that knows Tower, bodies and statuses. `service` compares the path of a request and passes it
//! through, or hands it to `endpoint`, which asks the registry and turns the outcome into a response.

mod body;
mod client_authentication;
#[cfg(feature = "cors")]
mod cors;
mod endpoint;
mod endpoint_service;
mod future;
mod layer;
mod request_body;
mod request_id;
mod response;
mod route;
mod service;
pub mod tenants;

pub use body::ResponseBody;
pub use endpoint_service::EndpointService;
pub use future::ResponseFuture;
pub use layer::RegistrationLayer;
pub use service::RegistrationService;
