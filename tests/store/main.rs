//! The contract suite: the stores of the crate pass it, and broken ones do not.
#![cfg(all(feature = "store-tests", feature = "memory"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod bed;
mod broken;
#[cfg(feature = "cache")]
mod cached;
#[allow(dead_code, reason = "its main function runs the suite")]
#[path = "../../examples/custom_store.rs"]
mod custom_store;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod damaged;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod durable;
#[cfg(feature = "sqlite")]
mod files;
mod records;
#[cfg(feature = "redis")]
#[path = "../support/redis_server.rs"]
mod redis_server;
mod rotation;
#[cfg(feature = "redis")]
mod servers;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod silence;
#[cfg(any(feature = "postgres", feature = "redis"))]
#[path = "../support/silent_link.rs"]
mod silent_link;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;

use tower_dcr::store::{MemoryStore, contract};

/// Calls a macro with what is given and the names of all checks.
macro_rules! with_all_checks {
    ($then:ident! { $($given:tt)* }) => { $then! { $($given)*;
        an_inserted_client_is_found
        insert_never_replaces_a_client
        identifiers_are_compared_byte_by_byte
        remove_is_true_once
        a_removal_is_for_one_revision
        count_follows_insertions_and_removals
        update_replaces_the_revision_before
        update_conflicts_with_any_other_revision
        update_keeps_what_touch_recorded
        update_never_brings_a_client_back
        touch_keeps_the_latest_use
        touch_changes_nothing_else
        touch_of_nobody_is_false
        a_registration_token_finds_its_client_alone
        a_registration_token_follows_every_change
        every_field_of_a_client_comes_back
        every_field_of_a_token_comes_back
        unusual_metadata_come_back_unchanged
        a_document_near_64_kib_comes_back
        times_keep_their_milliseconds
        disabled_and_expired_clients_are_kept
        list_is_ordered_by_issue_and_identifier
        list_keeps_to_its_limit
        list_selects_one_owner
        list_selects_by_every_filter
        list_follows_what_becomes_of_a_client
        count_equals_the_list
        pages_are_complete_and_repeat_nobody
        pages_survive_clients_that_come_and_go
        tokens_are_found_also_spent_and_expired
        tokens_are_listed_in_order
        a_token_of_the_same_digest_is_replaced
        remove_token_is_true_once
        an_unusable_token_admits_nobody
        an_admission_spends_one_use
        an_uncounted_token_admits_any_number
        a_full_store_admits_nobody
        a_refused_insertion_costs_nothing
        a_removal_gives_a_use_back
        a_client_that_goes_gives_its_place_back
        expire_takes_the_unused_by_their_issue
        expire_takes_the_used_by_their_last_use
        expire_takes_only_whom_it_may
        expire_keeps_the_disabled
        expire_takes_those_issued_first
        expire_tells_whom_it_removed
        remember_is_true_once_until_its_time
        remembered_keys_are_compared_byte_by_byte
        expire_forgets_no_key_too_early
        an_insertion_uses_its_keys_up
        a_refused_insertion_uses_no_key_up
        an_update_uses_its_keys_up
        a_removal_forgets_keys
        one_key_admits_one_of_many
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
        a_fingerprint_that_is_taken_is_refused
        an_update_to_a_fingerprint_that_is_taken_is_refused
        one_of_many_of_a_unique_fingerprint_wins
        tenants_see_nothing_of_each_other
        tokens_and_places_belong_to_a_tenant
        a_tenant_expires_alone
        tenants_fill_up_side_by_side
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
        an_abandoned_insertion_is_whole
        an_abandoned_update_is_whole
        an_abandoned_removal_is_whole
        an_abandoned_removal_gives_a_use_back_with_the_client
        an_abandoned_use_is_whole
        an_abandoned_expiry_is_whole
        an_abandoned_token_is_whole
        an_abandoned_key_is_remembered_or_not
     } };
}

/// The whole suite as tests, in a module of this name, over the stores of this bed.
macro_rules! passes {
    ($module:ident over $bed:ty, $times:literal; $($name:ident)+) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::bed::check::<$bed>(stringify!($name), $times).await;
            })+
        }
    };
}

macro_rules! every_check_is_named {
    (; $($name:ident)+) => {
        #[test]
        fn every_check_of_the_suite_is_a_test_here() {
            let names: Vec<_> = contract::checks::<MemoryStore>().iter().map(|check| check.name()).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
        }
    };
}

with_all_checks! { every_check_is_named! {} }

// A store that is fast runs each check several times, since a race may go well by chance.
with_all_checks! { passes! { memory over crate::bed::Memory, 8 } }
with_all_checks! { passes! { a_store_of_your_own over crate::bed::Custom, 2 } }
#[cfg(feature = "cache")]
with_all_checks! { passes! { cache_over_memory over crate::bed::Cached<crate::bed::Memory>, 4 } }
#[cfg(feature = "redis")]
with_all_checks! { passes! { redis over crate::bed::Redis, 1 } }
#[cfg(all(feature = "cache", feature = "redis"))]
with_all_checks! { passes! { cache_over_redis over crate::bed::Cached<crate::bed::Redis>, 1 } }
#[cfg(feature = "sqlite")]
with_all_checks! { passes! { sqlite over crate::sql::Sqlite, 1 } }
#[cfg(feature = "postgres")]
with_all_checks! { passes! { postgres over crate::sql::Postgres, 1 } }
#[cfg(feature = "postgres")]
with_all_checks! { passes! { postgres_without_a_session over crate::sql::Pooled, 1 } }
#[cfg(feature = "postgres")]
with_all_checks! { passes! { postgres_with_repeatable_reads over crate::sql::Repeating, 1 } }
#[cfg(all(feature = "cache", feature = "sqlite"))]
with_all_checks! { passes! { cache_over_sqlite over crate::bed::Cached<crate::sql::Sqlite>, 1 } }
#[cfg(all(feature = "cache", feature = "postgres"))]
with_all_checks! { passes! { cache_over_postgres over crate::bed::Cached<crate::sql::Postgres>, 1 } }

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_suite_runs_in_one_call_that_may_move_between_threads() {
    tokio::spawn(contract::verify(|| async { MemoryStore::new() })).await.expect("the store keeps its promises");
}

#[tokio::test(flavor = "multi_thread")]
#[should_panic(expected = "the suite needs an empty store")]
async fn a_store_that_is_used_twice_is_refused() {
    let store = MemoryStore::new();
    contract::verify(|| async { store.clone() }).await;
}

#[tokio::test]
#[should_panic(expected = "the suite needs a multi-thread runtime")]
async fn a_runtime_on_which_nothing_races_is_refused() {
    contract::verify(|| async { MemoryStore::new() }).await;
}
