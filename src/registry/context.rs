//! Handles that act in a request or for a person.
//!
//! The context of a handle is part of every event that it records, so that an operator finds the request in other logs
//! and sees who acted.
//!
//! A handle is passed through a request instead of a task-local value, so an event has the right context also if the
//! work moves to another task.

use std::sync::Arc;

use super::Registry;
use crate::error::shortened;
use crate::hooks::audit::{Context, is_request_id};

/// The longest name of an actor that is recorded, in bytes.
const MAX_ACTOR: usize = 256;

impl Registry {
    /// A handle whose events on the audit trail contain this request identifier. An identifier that is not 1 to 128
    /// visible ASCII characters is ignored.
    #[must_use]
    pub fn within_request(&self, id: &str) -> Self {
        // Ignored and not refused: an operation must not fail because of a header that only correlates logs.
        let request_id = is_request_id(id).then(|| id.into());
        self.in_context(Context { request_id, ..self.context().clone() })
    }

    /// A handle whose events on the audit trail name the person for whom the application acts, such as the
    /// administrator who is signed in. A name of more than 256 bytes is cut.
    #[must_use]
    pub fn with_actor(&self, actor: impl Into<Arc<str>>) -> Self {
        let actor = actor.into();
        let actor = if actor.len() > MAX_ACTOR { shortened(actor.to_string(), MAX_ACTOR).into() } else { actor };
        self.in_context(Context { actor: Some(actor), ..self.context().clone() })
    }
}
