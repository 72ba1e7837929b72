//! Documents and keys of other parties: the guarded fetcher against a real TLS server, software statements and
//! assertions under real keys, and the gates.

mod assertions;
mod document_server;
mod endpoint;
mod fetch;
mod gates;
mod scripted_names;
mod signer;
mod statements;
