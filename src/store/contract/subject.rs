//! The store under test, and the ways to put it under load.
//!
//! [`Subject`] has the verbs of a store without their errors: a check is about answers, and a backend that fails ends
//! it with the name of the verb. [`race`] starts callers at the same moment, [`abandon`] drops a call halfway.
//!
//! No check has a fixed sleep or a time limit of its own. A test that runs the suite on a remote database may add a
//! limit around [`Check::run`](super::Check::run).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::SystemTime;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinSet, yield_now};

use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest};
use crate::error::{StoreError, StoreErrorKind};
use crate::store::{
    ClientQuery, ClientStore, IdleCutoffs, InsertConditions, InsertOutcome, RemoveConditions, UpdateConditions,
};

/// How many callers race for one thing.
///
/// Far more than the threads of a usual machine and the connections of a usual pool, so that callers also wait for
/// each other inside the store.
pub(super) const CALLERS: usize = 64;
/// After how many polls a future is dropped at the latest.
///
/// Enough to reach every step of a call that takes several: each statement of a database needs a few polls.
pub(super) const POLLS: usize = 16;
/// How often a race is run, since one that goes well proves little.
///
/// Eight keep the suite short on a database, where each call of a race is a request of its own.
pub(super) const ROUNDS: usize = 8;

/// The store under test. Its verbs are those of the store; a failing backend ends the check.
pub(super) struct Subject<S>(Arc<S>);

impl<S> Clone for Subject<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The answer of a verb; a failing backend ends the check.
///
/// A check must not continue after an error: it would report a broken promise where the backend was unavailable.
#[track_caller]
fn answer<T>(verb: &str, answer: Result<T, StoreError>) -> T {
    // The error is shown in its debug form, since its cause is what the author of a store needs.
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("{verb}: must not fail, but {error:?}"),
    }
}

impl<S: ClientStore> Subject<S> {
    /// Wraps the store, so that many callers share it without a bound on `Clone`.
    pub(super) fn new(store: S) -> Self {
        Self(Arc::new(store))
    }

    /// The part of the store for a tenant, under test in the same way.
    pub(super) fn for_tenant(&self, tenant: &str) -> Self {
        Self::new(self.0.for_tenant(tenant))
    }

    /// An insertion without conditions.
    pub(super) async fn insert(&self, client: &Client) -> InsertOutcome {
        self.insert_with(client, &InsertConditions::unconditional(client.issued_at)).await
    }

    /// Inserts the clients that the rest of a check starts from.
    ///
    /// The clients are inserted one after the other and without conditions, so a failure here is a fault of the plain
    /// insertion and not of the promise under test.
    pub(super) async fn hold(&self, clients: &[Client]) {
        for client in clients {
            assert_eq!(self.insert(client).await, InsertOutcome::Inserted, "insert: a new client is Inserted");
        }
    }

    /// An insertion under conditions.
    pub(super) async fn insert_with(&self, client: &Client, conditions: &InsertConditions) -> InsertOutcome {
        answer("insert", self.0.insert(client, conditions).await)
    }

    /// The client as [`ClientStore::get`] finds it; a store with a cache may answer with a copy of it.
    pub(super) async fn get(&self, id: &ClientId) -> Option<Arc<Client>> {
        answer("get", self.0.get(id).await)
    }

    /// The client as it is now, never a copy.
    pub(super) async fn get_current(&self, id: &ClientId) -> Option<Arc<Client>> {
        answer("get_current", self.0.get_current(id).await)
    }

    /// The client, if the digest is that of a valid registration access token of it.
    pub(super) async fn get_by_registration_token(&self, id: &ClientId, token: &Digest) -> Option<Arc<Client>> {
        answer("get_by_registration_token", self.0.get_by_registration_token(id, token).await)
    }

    /// True for an update that took place, false for a conflict.
    pub(super) async fn update(&self, client: &Client) -> bool {
        match self.update_with(client, &UpdateConditions::unconditional(client.issued_at)).await {
            // Named, because it is a fault of another kind than the conflict that the checks of races expect.
            Err(StoreErrorKind::Replayed) => panic!("update: without a key none is Replayed"),
            updated => updated.is_ok(),
        }
    }

    /// An update under conditions, or why it did not take place.
    pub(super) async fn update_with(
        &self,
        client: &Client,
        conditions: &UpdateConditions,
    ) -> Result<(), StoreErrorKind> {
        match self.0.update(client, conditions).await {
            // Conflicts and replays are answers. Only an unavailable backend ends the check.
            Err(error) if error.kind() != StoreErrorKind::Unavailable => Err(error.kind()),
            updated => {
                answer("update", updated);
                Ok(())
            }
        }
    }

    /// A removal at any revision.
    pub(super) async fn remove(&self, id: &ClientId) -> bool {
        answer("remove", self.0.remove(id, &RemoveConditions::unconditional()).await)
    }

    /// A removal under conditions; `None` for a conflict.
    pub(super) async fn remove_with(&self, id: &ClientId, conditions: &RemoveConditions) -> Option<bool> {
        match self.0.remove(id, conditions).await {
            Err(error) if error.kind() == StoreErrorKind::Conflict => None,
            removed => Some(answer("remove", removed)),
        }
    }

    /// Records a use at this time; false for a client that is not in the store.
    pub(super) async fn touch(&self, id: &ClientId, at: SystemTime) -> bool {
        answer("touch", self.0.touch(id, at).await)
    }

    /// One page of the clients that a query selects.
    pub(super) async fn list(&self, query: &ClientQuery) -> Vec<Arc<Client>> {
        answer("list", self.0.list(query).await)
    }

    /// How many clients there are.
    pub(super) async fn count(&self) -> u64 {
        self.count_of(&ClientQuery::new()).await
    }

    /// How many clients a query selects, over all pages.
    pub(super) async fn count_of(&self, query: &ClientQuery) -> u64 {
        answer("count", self.0.count(query).await)
    }

    /// Calls the verb until the limit is reached or no client is idle, since a store may remove fewer with one call.
    ///
    /// At least one client is removed with each call while any is idle, so the loop ends.
    pub(super) async fn expire(&self, cutoffs: &IdleCutoffs, limit: usize) -> Vec<Arc<Client>> {
        let mut expired = Vec::new();
        loop {
            // The rest of the limit is passed, so the sum of all calls must stay within it.
            let some = answer("expire", self.0.expire(cutoffs, limit - expired.len()).await);
            assert!(some.len() <= limit - expired.len(), "expire: removes no more than its limit");
            let is_over = some.is_empty();
            expired.extend(some);
            if is_over || expired.len() >= limit {
                return expired;
            }
        }
    }

    /// Stores an initial access token, or replaces the one with the same digest.
    pub(super) async fn insert_token(&self, token: &InitialAccessTokenRecord) {
        answer("insert_token", self.0.insert_token(token).await);
    }

    /// The initial access token with this digest, also a spent or expired one.
    pub(super) async fn get_token(&self, digest: &Digest) -> Option<InitialAccessTokenRecord> {
        answer("get_token", self.0.get_token(digest).await)
    }

    /// How many uses a token has left that must be there and have a number of uses.
    ///
    /// A check uses it only for tokens with a limit, so a missing number is a fault of the store.
    pub(super) async fn uses_left(&self, digest: &Digest) -> u32 {
        let token = self.get_token(digest).await;
        let Some(uses_left) = token.and_then(|token| token.uses_left) else {
            panic!("get_token: a token that was inserted and not removed is found, with its count of uses")
        };
        uses_left
    }

    /// All initial access tokens, in order.
    pub(super) async fn list_tokens(&self) -> Vec<InitialAccessTokenRecord> {
        answer("list_tokens", self.0.list_tokens().await)
    }

    /// Removes the token with this identifier; true for one caller.
    pub(super) async fn remove_token(&self, id: &str) -> bool {
        answer("remove_token", self.0.remove_token(id).await)
    }

    /// Claims a nonce until a time, by the time of the caller; false if it is claimed already.
    pub(super) async fn claim_nonce(&self, key: &str, until: SystemTime, now: SystemTime) -> bool {
        answer("remember", self.0.claim_nonce(key, until, now).await)
    }
}

/// Starts so many callers at the same moment on all threads, and collects their answers. The callers wait for one
/// another actively, so that the first call of each happens as close to the others as the machine allows.
///
/// The answers are in no particular order. A check that must know who gave an answer includes the number of the caller
/// in it.
pub(super) async fn race<T, Fut>(callers: usize, act: impl Fn(usize) -> Fut) -> Vec<T>
where
    T: Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    // On one thread the callers would run one after the other up to their first await, and most faults would not show.
    let flavor = Handle::current().runtime_flavor();
    assert_ne!(flavor, RuntimeFlavor::CurrentThread, "the suite needs a multi-thread runtime, else nothing races");
    let missing = Arc::new(AtomicUsize::new(callers));
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (missing, turn) = (Arc::clone(&missing), act(caller));
        tasks.spawn(async move {
            missing.fetch_sub(1, Ordering::AcqRel);
            // Yields and does not block, because there are more callers than threads and each must reach this line.
            while missing.load(Ordering::Acquire) > 0 {
                yield_now().await;
            }
            turn.await
        });
    }
    // A panic of a caller, which is a failed assertion, is passed on from here and fails the check.
    tasks.join_all().await
}

/// How many of the answers equal this one.
///
/// Used in place of a set, because the number of equal answers is what a race promises.
pub(super) fn times<T: PartialEq>(answers: &[T], wanted: &T) -> usize {
    answers.iter().filter(|answer| *answer == wanted).count()
}

/// Polls a future this many times, each time when it asked for it, and drops it there unless it is ready before.
///
/// This is what a server does with a request whose client closes the connection. The number of polls selects the step
/// at which the call is interrupted, so a check repeats it with each number from one to [`POLLS`].
pub(super) async fn abandon<T>(future: impl Future<Output = T>, mut polls: usize) {
    let mut future = pin!(future);
    poll_fn(|context| {
        polls = polls.saturating_sub(1);
        // The future registers the waker of this task. It is polled again only when it has progressed, as by a real
        // executor.
        match future.as_mut().poll(context) {
            Poll::Pending if polls > 0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}
