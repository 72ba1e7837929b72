//! A broken rule, before the place of the value in the document is known.
//!
//! The rules judge single values: a URI, a text, a key. They do not know in which member the value stands. The caller adds
//! the JSON pointer and the error code, and the two become a [`Violation`](super::Violation).

/// A rule that a value breaks: its stable identifier and an explanation that never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The identifier of the rule in `docs/policy.md`, such as `R7`, or the name of a switch.
    pub(crate) rule: &'static str,
    /// What is wrong and what is allowed instead: ASCII, lower case, no period. A constant, so that no value of a client
    /// can reach a reply or a log line.
    pub(crate) detail: &'static str,
}

impl Fault {
    /// A fault of this rule with this explanation.
    pub(crate) const fn new(rule: &'static str, detail: &'static str) -> Self {
        Self { rule, detail }
    }
}
