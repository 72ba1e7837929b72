//! A broken rule before it is known where in the document the value stands.

/// A rule that a value breaks: its stable identifier and an explanation that never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: &'static str,
    pub(crate) detail: &'static str,
}

impl Fault {
    pub(crate) const fn new(rule: &'static str, detail: &'static str) -> Self {
        Self { rule, detail }
    }
}
