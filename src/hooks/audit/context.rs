//! In which request, and for whom, the registry acts: what connects the audit trail with other logs.
//!
//! A request identifier comes from a header that a caller may set. It is limited to visible ASCII, so that it cannot
//! add lines or terminal sequences to a log.

use std::sync::Arc;

/// The context of an operation, which every event of it contains.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    /// Checked by `is_request_id`.
    pub(crate) request_id: Option<Arc<str>>,
    /// The person for whom the application acts, at most 256 bytes.
    pub(crate) actor: Option<Arc<str>>,
}

/// The longest request identifier that is recorded, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// Whether a text can go to the audit trail as a request identifier: 1 to 128 visible ASCII characters.
pub(crate) fn is_request_id(text: &str) -> bool {
    (1..=MAX_REQUEST_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}
