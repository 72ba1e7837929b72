//! The store behind a pointer, so that no public type carries the type of the store.
//!
//! [`ClientStore`] has `async fn`, which a trait object cannot have. This private trait has the same verbs with boxed
//! futures. It is implemented once for all stores, so implementors write plain `async fn`, and the one allocation for
//! each call, small beside a request to a database, is made here. It is also where each call is measured.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use super::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions,
};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::StoreError;
#[cfg(feature = "metrics")]
use crate::metrics::timed;

/// The boxed future of a verb.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Writes the trait and its implementation from one list of verbs, so that the two cannot differ.
macro_rules! erase {
    ($($verb:ident($($name:ident: $type:ty),*) -> $answer:ty;)+) => {
        pub(crate) trait ErasedStore: Send + Sync {
            $(fn $verb<'a>(&'a self, $($name: $type),*) -> Answer<'a, $answer>;)+
        }

        impl<S: ClientStore> ErasedStore for S {
            $(fn $verb<'a>(&'a self, $($name: $type),*) -> Answer<'a, $answer> {
                Box::pin(timed(stringify!($verb), ClientStore::$verb(self, $($name),*)))
            })+
        }
    };
}

/// Without the feature `metrics` nothing is measured.
#[cfg(not(feature = "metrics"))]
fn timed<F>(_verb: &'static str, call: F) -> F {
    call
}

erase! {
    insert(client: &'a Client, conditions: &'a InsertConditions) -> InsertOutcome;
    get(id: &'a ClientId) -> Option<Arc<Client>>;
    get_current(id: &'a ClientId) -> Option<Arc<Client>>;
    get_by_registration_token(id: &'a ClientId, token: &'a Digest) -> Option<Arc<Client>>;
    update(client: &'a Client, conditions: &'a UpdateConditions) -> ();
    remove(id: &'a ClientId, conditions: &'a RemoveConditions) -> bool;
    touch(id: &'a ClientId, at: SystemTime) -> bool;
    list(query: &'a ClientQuery) -> Vec<Arc<Client>>;
    count(query: &'a ClientQuery) -> u64;
    expire(cutoffs: &'a IdleCutoffs, limit: usize) -> Vec<Arc<Client>>;
    insert_token(token: &'a InitialAccessTokenRecord) -> ();
    get_token(digest: &'a Digest) -> Option<InitialAccessTokenRecord>;
    list_tokens() -> Vec<InitialAccessTokenRecord>;
    remove_token(id: &'a str) -> bool;
    claim_nonce(key: &'a str, until: SystemTime, now: SystemTime) -> bool;
    close() -> ();
}
