//! What an operator plugs in: access control, policy, the audit trail, permissions of management, retention and
//! revocation.
//!
//! Each hook is a small trait that an application implements. Its type is erased where it is handed in, so that no public
//! type of this crate has a parameter for it.

pub mod access;
pub mod audit;
pub mod management;
pub mod policy;
pub mod retention;
pub(crate) mod revocation;
