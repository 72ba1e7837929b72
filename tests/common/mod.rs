//! What the integration tests share: a clock, requests to a service without a socket, and replies.

pub(crate) mod clock;
pub(crate) mod oneshot;
pub(crate) mod reply;

use serde_json::{Value, json};

/// A document that is accepted, of a client with a secret.
pub(crate) fn minimal() -> Value {
    json!({ "redirect_uris": ["https://app.example.com/cb"] })
}

/// A document with these members on top of [`minimal`].
pub(crate) fn minimal_and(members: Value) -> Value {
    let mut document = minimal();
    let Value::Object(members) = members else { panic!("an object is expected") };
    document.as_object_mut().unwrap().extend(members);
    document
}
