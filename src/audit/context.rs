//! In which request, and for whom, the registry acts: what turns two logs into one story.

use std::sync::Arc;

use http::{HeaderMap, HeaderName};

use crate::config::RegistryBuilder;
use crate::error::shortened;
use crate::registry::Registry;

/// The longest request identifier that is believed.
const MOST: usize = 128;
/// The longest name of an actor, in bytes.
const MAX_ACTOR: usize = 256;

/// What an event says beside what happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    pub(crate) request_id: Option<Arc<str>>,
    pub(crate) actor: Option<Arc<str>>,
}

/// The identifier that a request carries: one header of visible ASCII. Whatever else a caller sends there does not
/// reach the audit trail.
fn request_id(headers: &HeaderMap, name: Option<&HeaderName>) -> Option<Arc<str>> {
    let mut values = headers.get_all(name?).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().filter(|value| is_request_id(value)).map(Into::into)
}

fn is_request_id(text: &str) -> bool {
    (1..=MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl RegistryBuilder {
    /// The header whose value correlates the events of the audit trail with other logs; `None` for no such header.
    /// Default: `x-request-id`. It counts when there is one value of 1 to 128 visible ASCII characters. Callers can set
    /// it, so let a layer or a proxy in front overwrite what they send.
    pub fn with_request_id_header(mut self, name: Option<HeaderName>) -> Self {
        self.request_id_header = name;
        self
    }
}

impl Registry {
    /// The handle for a request with these headers.
    pub(crate) fn asked_by(self, headers: &HeaderMap) -> Self {
        match request_id(headers, self.config().request_id_header.as_ref()) {
            Some(id) => self.in_context(Context { request_id: Some(id), ..self.context().clone() }),
            None => self,
        }
    }

    /// A handle whose events of the audit trail carry this request identifier. One that is not 1 to 128 visible ASCII
    /// characters is left out.
    #[must_use]
    pub fn within_request(&self, id: &str) -> Self {
        let request_id = is_request_id(id).then(|| id.into());
        self.in_context(Context { request_id, ..self.context().clone() })
    }

    /// A handle whose events of the audit trail name somebody for whom the application acts, such as the administrator
    /// who is signed in. Of a name of more than 256 bytes the beginning is kept.
    #[must_use]
    pub fn acting_for(&self, actor: impl Into<Arc<str>>) -> Self {
        let actor = actor.into();
        let actor = if actor.len() > MAX_ACTOR { shortened(actor.to_string(), MAX_ACTOR).into() } else { actor };
        self.in_context(Context { actor: Some(actor), ..self.context().clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_short_visible_identifier_is_believed() {
        let (most, longer) = ("a".repeat(MOST), "a".repeat(MOST + 1));
        let rows: &[(&[&str], Option<&str>)] = &[
            (&["01J9Z-abc/{}\""], Some("01J9Z-abc/{}\"")),
            (&[&most], Some(&most)),
            (&[&longer], None),
            (&[""], None),
            (&["a b"], None),
            (&["a\tb"], None),
            (&["a", "a"], None),
            (&[], None),
        ];
        let name = HeaderName::from_static("x-request-id");
        for (values, expected) in rows {
            let mut headers = HeaderMap::new();
            for value in *values {
                headers.append(&name, value.parse().unwrap());
            }
            assert_eq!(request_id(&headers, Some(&name)).as_deref(), *expected, "{values:?}");
            assert_eq!(request_id(&headers, None), None, "{values:?}: switched off");
        }
        let mut headers = HeaderMap::new();
        headers.append(&name, http::HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(request_id(&headers, Some(&name)), None, "not ASCII");
    }
}
