//! A check of the application that runs before a registration is read.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::{Decision, RequestHead};

/// Decides who may register.
///
/// The body of the request is not read yet, so a refused caller costs no memory for it. A gate for [`Access`] names the
/// caller as a [`Registrant`]; several gates can stand before it
/// ([`with_registration_gate`](crate::RegistryBuilder::with_registration_gate)).
///
/// [`Access`]: super::Access
/// [`Registrant`]: super::Registrant
pub trait Gate: Send + Sync + 'static {
    /// Decides by method, URI, headers and extensions of a request.
    ///
    /// A gate that cannot decide answers with [`Decision::Unavailable`]: the caller gets 503 and may try again.
    fn authorize(&self, request: &RequestHead<'_>) -> impl Future<Output = Decision> + Send;
}

/// A [`Gate`] of the application without its type, so that [`Access`](super::Access) has no type parameter. Clones share
/// the gate.
#[derive(Clone)]
pub struct CustomGate(Arc<dyn ErasedGate>);

impl CustomGate {
    pub(crate) fn new(gate: impl Gate) -> Self {
        Self(Arc::new(gate))
    }

    /// The decision of the gate.
    pub(crate) async fn authorize(&self, request: &RequestHead<'_>) -> Decision {
        self.0.authorize(request).await
    }
}

impl fmt::Debug for CustomGate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The gate of an application may hold credentials, so its own `Debug` is not used.
        formatter.write_str("CustomGate(..)")
    }
}

/// [`Gate`] with a boxed future, because a trait object cannot return an opaque one.
trait ErasedGate: Send + Sync {
    fn authorize<'a>(&'a self, request: &'a RequestHead<'_>) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>>;
}

impl<G: Gate> ErasedGate for G {
    fn authorize<'a>(&'a self, request: &'a RequestHead<'_>) -> Pin<Box<dyn Future<Output = Decision> + Send + 'a>> {
        Box::pin(Gate::authorize(self, request))
    }
}
