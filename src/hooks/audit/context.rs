//! In which request, and for whom, the registry acts: what connects the audit trail with other logs.

use std::sync::Arc;

/// What an event says beside what happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    pub(crate) request_id: Option<Arc<str>>,
    pub(crate) actor: Option<Arc<str>>,
}

/// The longest request identifier that is recorded, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// Whether a text can go to the audit trail as a request identifier: 1 to 128 visible ASCII characters.
pub(crate) fn is_request_id(text: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
