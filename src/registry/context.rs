//! Handles that act in a request or for a person: what they do is recorded with that name.

use std::sync::Arc;

use super::Registry;
use crate::error::shortened;
use crate::hooks::audit::{Context, is_request_id};

/// The longest name of an actor that is recorded, in bytes.
const MAX_ACTOR: usize = 256;

impl Registry {
    /// A handle whose events of the audit trail carry this request identifier. One that is not 1 to 128 visible ASCII
    /// characters is left out.
    #[must_use]
    pub fn within_request(&self, id: &str) -> Self {
        let request_id = is_request_id(id).then(|| id.into());
        self.in_context(Context { request_id, ..self.context().clone() })
    }

    /// A handle whose events of the audit trail name the person for whom the application acts, such as the administrator
    /// who is signed in. Of a name of more than 256 bytes the beginning is kept.
    #[must_use]
    pub fn with_actor(&self, actor: impl Into<Arc<str>>) -> Self {
        let actor = actor.into();
        let actor = if actor.len() > MAX_ACTOR { shortened(actor.to_string(), MAX_ACTOR).into() } else { actor };
        self.in_context(Context { actor: Some(actor), ..self.context().clone() })
    }
}
