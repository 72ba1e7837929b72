//! The store behind a pointer, so that no public type carries the type of the store.
//!
//! [`ClientStore`] has `async fn`, which a trait object cannot have. This private trait has the same verbs with boxed
//! futures. It is implemented once for all stores, so implementors write plain `async fn`, and the one allocation for
//! each call, small beside a request to a database, is made here. It is also where each call is measured.
//!
//! Errors, arguments and results pass unchanged. The trait is not public: an application that needs a pointer to a
//! store can make one of its own, and every store stays free to add methods beside the verbs.

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
///
/// The list names its arguments with the lifetime of the returned future, since a boxed future borrows them.
macro_rules! erase {
    ($($verb:ident($($name:ident: $type:ty),*) -> $answer:ty;)+) => {
        pub(crate) trait ErasedStore: Send + Sync {
            $(fn $verb<'a>(&'a self, $($name: $type),*) -> Answer<'a, $answer>;)+
        }

        impl<S: ClientStore> ErasedStore for S {
            $(fn $verb<'a>(&'a self, $($name: $type),*) -> Answer<'a, $answer> {
                // The name of the verb is the label of the measurement, and a label from the list cannot differ from
                // the verb called.
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

// In the order of `ClientStore`. `is_durable` and `for_tenant` are not here: the builder calls them while it still
// knows the type of the store.
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
