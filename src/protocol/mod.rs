//! The standards, without input or output: the document, its members, the rules, and what a server supports.
//!
//! A document is read by `json`, becomes [`metadata`], passes the `rules` and is what is registered. Everything that an
//! operator may state about the server is in `supported`.

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
