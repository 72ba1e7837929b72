//! Documents from data files, and generated ones: the corpus, the payloads of real clients, and properties.

pub(crate) mod data;
mod expectations;
pub(crate) mod payloads;
mod profile_payloads;
mod properties;
mod random_bodies;
pub(crate) mod response_constraints;
mod verdicts;
