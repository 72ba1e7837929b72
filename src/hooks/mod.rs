//! What an operator plugs in: who may register, what else is decided, who keeps the audit trail, how long clients are
//! kept and what ends with them.
//!
//! Each hook is a small trait that an application implements, erased once, so that no public type carries its type.

pub mod access;
pub mod audit;
pub mod management;
pub mod policy;
pub mod retention;
pub(crate) mod revocation;
