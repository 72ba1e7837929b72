//! What every store promises, as a suite that any [`ClientStore`] runs (feature `store-tests`).
//!
//! A store that passes can stand behind a [`Registry`](crate::Registry): its limits hold under races, its pages are
//! complete, it mixes up no client with another, and a call that is dropped halfway leaves nothing half done. The
//! suite ships with the crate so that a store of your own proves the same as those that come along. Its test is short:
//!
//! ```
//! use tower_dcr::store::{MemoryStore as MyStore, contract};
//!
//! // In a test of yours: #[tokio::test(flavor = "multi_thread")]
//! # let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
//! # runtime.block_on(async {
//! contract::verify(|| async { MyStore::new() }).await;
//! # });
//!
//! // Or one by one, which shows all broken promises at once.
//! # runtime.block_on(async {
//! for check in contract::checks() {
//!     let outcome = tokio::spawn(async move { check.run(MyStore::new()).await });
//!     assert!(outcome.await.is_ok(), "{}", check.name());
//! }
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What the signatures do not say
//!
//! - **Time is an argument.** Whether a token has expired, a client is idle or a key is still remembered follows from
//!   the time that the caller passes, never from a clock of the store. A database may use its own clock to clean up,
//!   provided that nothing goes too early.
//! - **Times keep their milliseconds.** A time of whole milliseconds comes back exactly; a finer one may come back up
//!   to a millisecond off. Order and pages follow the times as the store gives them back.
//! - **Text is exact.** Identifiers, owners and remembered keys are compared byte by byte: upper and lower case
//!   differ, so do trailing spaces and composed and decomposed characters. Identifiers sort by their bytes, whatever
//!   the collation of the database. A remembered key is any text, also a long one and one that contains U+0000; keep
//!   a digest of it if in doubt.
//! - **Numbers are as large as their types.** `usize::MAX` is a limit and `u64::MAX` a number of clients.
//! - **A refusal is an answer.** Where several reasons refuse an insertion, any of them may be returned; nothing is
//!   spent, no client is evicted, and no other caller misses a place or a use meanwhile.
//! - **The name of a tenant is any text** and is compared byte by byte, as identifiers are.
//! - **A use is later or it is not.** Of two uses of a client the later one stays, in whatever order they arrive and
//!   whatever is updated meanwhile.
//!
//! # What the checks are about
//!
//! The checks are in groups, in the order in which [`checks()`] returns them. A store that is new is best tested with
//! the groups one after the other, since the later ones use what the earlier ones prove.
//!
//! | group | what would happen without the promise |
//! | --- | --- |
//! | insert and remove | a second registration takes over the client of another party |
//! | update and touch | an update that was prepared earlier overwrites a later one |
//! | registration tokens | a token manages the client of another party, or still works after it was replaced |
//! | round trip | a client loses a restriction, or its redirect URI does not match any more |
//! | list | an export omits clients, or an owner sees the clients of another one |
//! | initial access tokens | a token that an operator revoked still registers clients |
//! | insert conditions | a token for one use registers several clients, or the limit is exceeded |
//! | expire | a client that is in use is deleted |
//! | claim nonce, nonces | a document that was intercepted is accepted a second time |
//! | eviction | an attacker removes the clients of others with requests that are refused |
//! | registrant eviction | one party removes the clients that others have just registered |
//! | unique fingerprints | one software is registered twice |
//! | tenants | a customer sees or changes the clients of another one |
//! | races | each of the above, but only under load |
//! | cancellation | each of the above, but only when a connection is closed |
//!
//! # How to read a failure
//!
//! A check panics with a message such as `insert: spends one use`: first the verb that broke its promise, then the
//! promise. The source of each check says which faulty implementation it finds and, where it is not obvious, the usual
//! cure. No message contains a secret.
//!
//! A check of a race or of a dropped call may pass by chance with a store that is at fault. Run the suite on several
//! threads and more than once before you rely on a new store, and keep it in the tests of every change.
//!
//! # What the suite needs
//!
//! - An empty store for each check. For a database, that is a schema, a file or a prefix of its own, which the test
//!   removes afterwards. The suite itself deletes nothing that it leaves behind at the end.
//! - A multi-thread Tokio runtime, because callers on one thread do not race.
//! - A pool that hands out connections fairly: up to 64 callers wait for one at the same moment.
//! - The real clock. Times that the checks pass lie around the present, so that a database may clean up by its clock.

mod cancellation;
mod claim_nonce;
mod eviction;
mod expire;
mod fixtures;
mod initial_access_tokens;
mod insert_and_remove;
mod insert_conditions;
mod list;
mod nonces;
mod races;
mod registrant_eviction;
mod registration_tokens;
mod round_trip;
mod subject;
mod tenants;
mod unique_fingerprints;
mod update_and_touch;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use self::subject::Subject;
use super::ClientStore;

/// The future of a check. It is boxed, because each check has a future of another type.
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise of a store, as a test.
///
/// It holds a name and a function pointer, so it is cheap to copy and can be sent to the task or thread that runs it.
pub struct Check<S> {
    name: &'static str,
    run: fn(Subject<S>) -> Running,
}

impl<S: ClientStore> Check<S> {
    /// What is promised, as the name of a test.
    ///
    /// It is unique within the suite and is a valid Rust identifier, so it can be the name of a test function.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks a store that is empty and is used by no other caller. Needs a multi-thread Tokio runtime.
    ///
    /// # Panics
    ///
    /// When the store breaks the promise, with a message that starts with the verb.
    pub async fn run(&self, empty: S) {
        let store = Subject::new(empty);
        // A store with clients would make limits and counts fail with messages that do not show this cause.
        assert_eq!(store.count().await, 0, "the suite needs an empty store");
        (self.run)(store).await;
    }
}

impl<S> Clone for Check<S> {
    // By hand: a derived implementation would demand that the store itself can be cloned.
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Check<S> {}

impl<S> fmt::Debug for Check<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Check").field(&self.name).finish()
    }
}

/// Runs all [`checks`], each with an empty store of its own. Needs a multi-thread Tokio runtime.
///
/// # Panics
///
/// When the store breaks a promise, with a message that starts with the verb.
///
/// Stops at the first broken promise. To see all of them, run the checks one by one, each in a task or a test of its
/// own.
pub async fn verify<S, F, Fut>(mut empty: F)
where
    S: ClientStore,
    F: FnMut() -> Fut,
    Fut: Future<Output = S>,
{
    // One after the other, so that no check disturbs the timing of another one.
    for check in checks() {
        check.run(empty().await).await;
    }
}

/// Calls a macro with the names of all checks, in the order of [`contract::checks`](crate::store::contract::checks) and
/// grouped by the part of the contract that they belong to. What stands in the braces is passed on in front of them.
///
/// This is the one list of the checks: the suite itself is made from it, and a test crate makes one test for each check
/// from it, so that a store that breaks several promises shows all of them at once.
///
/// ```
/// macro_rules! print_names {
///     ($prefix:literal $($group:ident { $($check:ident)+ })+) => {
///         [$($(concat!($prefix, stringify!($check)),)+)+]
///     };
/// }
/// let names = tower_dcr::for_each_store_check! { print_names! { "sqlite::" } };
/// assert!(names.contains(&"sqlite::an_inserted_client_is_found"));
/// ```
#[macro_export]
macro_rules! for_each_store_check {
    ($then:ident! { $($given:tt)* }) => {
        $then! { $($given)*
            insert_and_remove {
                an_inserted_client_is_found
                insert_never_replaces_a_client
                identifiers_are_compared_byte_by_byte
                remove_is_true_once
                a_removal_is_for_one_revision
                count_follows_insertions_and_removals
            }
            update_and_touch {
                update_replaces_the_revision_before
                update_conflicts_with_any_other_revision
                update_keeps_what_touch_recorded
                update_never_restores_a_removed_client
                touch_keeps_the_latest_use
                touch_changes_nothing_else
                touch_of_an_unknown_client_is_false
            }
            registration_tokens {
                a_registration_token_finds_its_client_alone
                a_registration_token_follows_every_change
            }
            round_trip {
                every_field_of_a_client_comes_back
                every_field_of_a_token_comes_back
                unusual_metadata_come_back_unchanged
                a_document_near_64_kib_comes_back
                times_keep_their_milliseconds
                disabled_and_expired_clients_are_kept
            }
            list {
                list_is_ordered_by_issue_and_identifier
                list_keeps_to_its_limit
                list_selects_one_owner
                list_selects_by_every_filter
                list_follows_changes_of_a_client
                count_equals_the_list
                pages_are_complete_and_repeat_no_client
                pages_stay_complete_under_concurrent_changes
            }
            initial_access_tokens {
                spent_and_expired_tokens_are_found
                tokens_are_listed_in_order
                a_token_of_the_same_digest_is_replaced
                remove_token_is_true_once
            }
            insert_conditions {
                an_unusable_token_is_refused
                an_insertion_spends_one_use
                a_token_without_a_use_limit_is_never_spent
                a_full_store_refuses_every_insertion
                a_refused_insertion_spends_no_use
                a_removal_refunds_one_use
                a_removal_and_an_expiry_free_capacity
            }
            expire {
                expire_removes_unused_clients_by_time_of_issue
                expire_removes_used_clients_by_last_use
                expire_removes_only_the_named_clients
                expire_keeps_disabled_clients
                expire_removes_the_oldest_clients_first
                expire_returns_the_removed_clients
            }
            claim_nonce {
                a_nonce_is_claimed_once_until_it_expires
                nonces_are_compared_byte_by_byte
                expire_keeps_unexpired_nonces
            }
            nonces {
                an_insertion_claims_its_nonces
                a_refused_insertion_claims_no_nonce
                an_update_claims_its_nonces
                a_removal_releases_nonces
                a_nonce_is_accepted_from_one_of_many
            }
            eviction {
                the_first_idle_client_is_evicted
                no_client_is_evicted_for_itself_or_for_a_refused_client
                a_removal_restores_the_evicted_client
                above_a_lowered_limit_an_insertion_evicts_one_client
                as_many_clients_are_evicted_as_inserted
                evictions_and_other_changes_exclude_each_other
                a_cancelled_insertion_evicts_only_with_its_client
                a_cancelled_removal_restores_the_evicted_client
            }
            registrant_eviction {
                a_young_client_is_evicted_by_its_registrant_alone
                registrant_keys_follow_every_change
                registrants_evict_only_their_own_clients_at_once
            }
            unique_fingerprints {
                a_fingerprint_that_is_taken_is_refused
                an_update_to_a_fingerprint_that_is_taken_is_refused
                one_of_many_of_a_unique_fingerprint_wins
            }
            tenants {
                tenants_are_isolated
                tokens_and_limits_belong_to_a_tenant
                a_tenant_expires_alone
                tenants_reach_their_limits_independently
            }
            races {
                one_use_is_spent_by_one_of_many
                many_insertions_stop_at_the_limit
                one_of_many_insertions_of_an_identifier_wins
                refused_insertions_block_no_other_insertion
                spending_restores_no_removed_token
                one_of_many_updates_of_a_revision_wins
                one_of_many_removals_is_true
                a_removal_survives_concurrent_updates
                a_removal_at_a_revision_and_an_update_exclude_each_other
                updates_lose_no_use
                expire_spares_clients_that_are_used_in_time
                one_of_many_claims_of_a_nonce_wins
            }
            cancellation {
                a_cancelled_insertion_is_atomic
                a_cancelled_update_is_atomic
                a_cancelled_removal_is_atomic
                a_cancelled_removal_refunds_its_token_with_the_client
                a_cancelled_touch_is_atomic
                a_cancelled_expiry_is_atomic
                a_cancelled_token_insertion_is_atomic
                a_cancelled_claim_is_atomic
            }
        }
    };
}

// The list of names is turned into values here, so a check that is not in the list is an unused function and a
// warning.
macro_rules! checks {
    ($($group:ident { $($name:ident)+ })+) => {
        /// All checks: first those of single calls, then those in which many callers race, then those in which a caller
        /// drops its call.
        #[must_use]
        pub fn checks<S: ClientStore>() -> Vec<Check<S>> {
            vec![$($(Check { name: stringify!($name), run: |store| Box::pin($group::$name(store)) },)+)+]
        }
    };
}

for_each_store_check! { checks! {} }
