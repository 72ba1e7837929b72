//! Where a request enters: the layer, the service that it makes, and the endpoint.
//!
//! This is the only room that knows Tower and the bodies of HTTP. `layer`, `service`, `future` and `body` are what every
//! Tower middleware has, under the names that tower-http uses. `service` compares the path of a request. It passes the
//! request to the inner service, or to `endpoint`, which calls the registry and turns the outcome into a response.
//!
//! A change of the wire format belongs here, a change of what is registered belongs to `registry`. Both layers and
//! services return the errors of the application unchanged and have no error of their own.
//!
//! | file | part |
//! | --- | --- |
//! | `layer`, `service`, `future`, `body` | the middleware |
//! | `endpoint_service` | the endpoint without an application behind it |
//! | `cors` | for pages of other origins |
//! | `tenants` | for several issuers |
//! | `route`, `endpoint`, `request_body`, `request_id`, `response` | from the path to the reply |
//! | `client_authentication` | for the token endpoint of the host |

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
