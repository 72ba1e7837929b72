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
//! // Or one by one, which tells at once all that is broken.
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
//! - **A refusal is an answer.** Where several reasons refuse an insertion, any of them may be told; nothing is spent,
//!   nobody goes, and nobody else sees a place or a use gone meanwhile.
//! - **The name of a tenant is any text** and is compared byte by byte, as identifiers are.
//! - **A use is later or it is not.** Of two uses of a client the later one stays, in whatever order they arrive and
//!   whatever is updated meanwhile.

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

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One promise of a store, as a test.
pub struct Check<S> {
    name: &'static str,
    run: fn(Subject<S>) -> Running,
}

impl<S: ClientStore> Check<S> {
    /// What is promised, as the name of a test.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks a store that holds nothing yet and is used by nobody else. Needs a multi-thread Tokio runtime.
    ///
    /// # Panics
    ///
    /// When the store breaks the promise, with a message that starts with the verb.
    pub async fn run(&self, empty: S) {
        let store = Subject::new(empty);
        assert_eq!(store.count().await, 0, "the suite needs an empty store");
        (self.run)(store).await;
    }
}

impl<S> Clone for Check<S> {
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
pub async fn verify<S, F, Fut>(mut empty: F)
where
    S: ClientStore,
    F: FnMut() -> Fut,
    Fut: Future<Output = S>,
{
    for check in checks() {
        check.run(empty().await).await;
    }
}

macro_rules! checks {
    ($($module:ident { $($name:ident)+ })+) => {
        /// All checks, the simple ones before the races.
        #[must_use]
        pub fn checks<S: ClientStore>() -> Vec<Check<S>> {
            vec![$($(Check { name: stringify!($name), run: |store| Box::pin($module::$name(store)) },)+)+]
        }
    };
}

checks! {
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
        update_never_brings_a_client_back
        touch_keeps_the_latest_use
        touch_changes_nothing_else
        touch_of_nobody_is_false
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
        list_follows_what_becomes_of_a_client
        count_equals_the_list
        pages_are_complete_and_repeat_nobody
        pages_survive_clients_that_come_and_go
    }
    initial_access_tokens {
        tokens_are_found_also_spent_and_expired
        tokens_are_listed_in_order
        a_token_of_the_same_digest_is_replaced
        remove_token_is_true_once
    }
    insert_conditions {
        an_unusable_token_admits_nobody
        an_admission_spends_one_use
        an_uncounted_token_admits_any_number
        a_full_store_admits_nobody
        a_refused_insertion_costs_nothing
        a_removal_gives_a_use_back
        a_client_that_goes_gives_its_place_back
    }
    expire {
        expire_takes_the_unused_by_their_issue
        expire_takes_the_used_by_their_last_use
        expire_takes_only_whom_it_may
        expire_keeps_the_disabled
        expire_takes_those_issued_first
        expire_tells_whom_it_removed
    }
    claim_nonce {
        remember_is_true_once_until_its_time
        remembered_keys_are_compared_byte_by_byte
        expire_forgets_no_key_too_early
    }
    nonces {
        an_insertion_uses_its_keys_up
        a_refused_insertion_uses_no_key_up
        an_update_uses_its_keys_up
        a_removal_forgets_keys
        one_key_admits_one_of_many
    }
    eviction {
        the_first_idle_client_makes_room
        nobody_makes_room_for_itself_or_for_the_refused
        a_removal_brings_who_made_room_back
        a_lowered_limit_lets_one_come_for_one_who_goes
        as_many_make_room_as_come
        making_room_and_other_changes_exclude_each_other
        an_abandoned_insertion_makes_room_or_not
        an_abandoned_removal_brings_who_made_room_back
        a_young_client_is_evicted_by_its_registrant_alone
        what_a_registrant_has_follows_every_change
        registrants_evict_only_their_own_clients_at_once
    }
    unique_fingerprints {
        a_fingerprint_that_is_taken_is_refused
        an_update_to_a_fingerprint_that_is_taken_is_refused
        one_of_many_of_a_unique_fingerprint_wins
    }
    tenants {
        tenants_see_nothing_of_each_other
        tokens_and_places_belong_to_a_tenant
        a_tenant_expires_alone
        tenants_fill_up_side_by_side
    }
    races {
        one_use_admits_one_of_many
        many_insertions_stop_at_the_limit
        one_of_many_insertions_of_an_identifier_wins
        refused_insertions_are_in_nobodys_way
        spending_brings_no_revoked_token_back
        one_of_many_updates_of_a_revision_wins
        one_of_many_removals_is_true
        a_removal_outlasts_the_updates_around_it
        a_removal_at_a_revision_and_an_update_exclude_each_other
        updates_lose_no_use
        expire_spares_who_is_touched_in_time
        one_of_many_is_remembered
    }
    cancellation {
        an_abandoned_insertion_is_whole
        an_abandoned_update_is_whole
        an_abandoned_removal_is_whole
        an_abandoned_removal_gives_a_use_back_with_the_client
        an_abandoned_use_is_whole
        an_abandoned_expiry_is_whole
        an_abandoned_token_is_whole
        an_abandoned_key_is_remembered_or_not
    }
}
