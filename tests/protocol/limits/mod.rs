//! Limits: the number of clients, their retention, and the constraints of initial access tokens.

mod floods;
mod max_clients;
pub(crate) mod retention;
mod token_constraints;
