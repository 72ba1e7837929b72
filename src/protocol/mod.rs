//! The standards, without input or output: the document, its members, the rules, and what a server supports.
//!
//! The `json` reader parses a document strictly. It becomes [`metadata`], a struct with one field for each member. The
//! `rules` check it and fill in defaults; the result is what is registered. `uri` has the rules for URIs, `signature` the
//! algorithms that this build can verify, and `supported` what the operator states about the server.
//!
//! Nothing here reads a clock, a store or the network, so every decision of this room can be repeated from its arguments.

pub(crate) mod constraints;
pub(crate) mod json;
pub mod metadata;
pub mod profile;
pub(crate) mod rules;
pub(crate) mod signature;
pub(crate) mod supported;
pub(crate) mod switches;
pub(crate) mod uri;

pub use constraints::Constraints;
pub use profile::Profile;
pub(crate) use supported::Supported;
pub(crate) use switches::Switches;
pub use switches::{Switch, UnknownSwitch};
