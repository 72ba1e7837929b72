//! The check that finds each fault, and its message.

use tower_dcr::store::contract;

use super::{Broken, Fault, complaint};

macro_rules! caught {
    ($($fault:ident $(($part:literal))? in $name:ident by $check:ident, $says:literal;)+) => {
        /// The checks that find a fault, one entry for each fault.
        const CHECKS: &[&str] = &[$(stringify!($check)),+];

        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            let complaint = complaint(Fault::$fault $(($part))?, stringify!($check)).await.expect("the check finds the fault");
            assert!(complaint.contains($says), "the complaint is: {complaint}");
        })+
    };
}

caught! {
    InsertOverwrites in an_insertion_that_overwrites_is_caught
        by insert_never_replaces_a_client, "insert: a second client of an identifier Exists";
    LimitIsOneTooHigh in a_limit_that_is_one_too_high_is_caught
        by a_full_store_refuses_every_insertion, "insert: no place at all";
    LimitIsReadThenUsed in a_limit_that_is_no_guarantee_is_caught
        by many_insertions_stop_at_the_limit, "insert: fills ten places with ten of many";
    UseIsReadThenSpent in a_use_that_is_spent_twice_is_caught
        by one_use_is_spent_by_one_of_many, "insert: one use of a token admits one of many";
    UseIsSpentForRefusals in a_use_that_is_spent_for_nothing_is_caught
        by a_refused_insertion_spends_no_use, "insert: spends no use when it is refused";
    UseIsSpentBeforeTheClientIsIn in a_use_that_is_lost_when_the_caller_hangs_up_is_caught
        by a_cancelled_insertion_is_atomic, "insert: dropped halfway, it spends a use only with the client";
    KeyIsIgnored in a_key_that_is_accepted_twice_is_caught
        by an_insertion_claims_its_nonces, "insert: a key that was used is Replayed";
    KeyIsReadThenUsed in a_key_that_admits_many_is_caught
        by a_nonce_is_accepted_from_one_of_many, "insert, update: a nonce is accepted from one of many";
    KeyIsUsedForRefusals in a_key_that_is_used_for_nothing_is_caught
        by a_refused_insertion_claims_no_nonce, "insert: refused with a new key";
    UpdateIgnoresKeys in an_update_that_ignores_keys_is_caught
        by an_update_claims_its_nonces, "update: a key that was used is Replayed";
    UpdateUsesKeysForConflicts in an_update_that_uses_keys_for_nothing_is_caught
        by an_update_claims_its_nonces, "update: a conflict claims no nonce";
    UpdateReleasesNoNonce in an_update_that_forgets_no_key_is_caught
        by an_update_claims_its_nonces, "update: a released nonce is valid again";
    RemoveReleasesNoNonce in a_removal_that_forgets_no_key_is_caught
        by a_removal_releases_nonces, "remove: released nonces are valid again";
    RemoveRestoresNoClient in a_removal_that_restores_no_client_is_caught
        by a_removal_restores_the_evicted_client, "remove: restores the evicted client";
    EvictsTheLatest in an_eviction_of_the_latest_is_caught
        by the_first_idle_client_is_evicted, "insert: evicts the first client that is idle";
    EvictsTheUsed in an_eviction_of_the_used_is_caught
        by the_first_idle_client_is_evicted, "insert: ";
    EvictsBeforeTheChecks in an_eviction_for_a_refused_client_is_caught
        by no_client_is_evicted_for_itself_or_for_a_refused_client, "insert: evicts no client for a refused one";
    EvictsInSteps in too_many_evictions_are_caught
        by as_many_clients_are_evicted_as_inserted, "insert: evicts as many clients as there are uses or idle clients";
    EvictsWithoutReport in an_eviction_without_report_is_caught
        by the_first_idle_client_is_evicted, "insert: evicts the first client that is idle";
    EvictionIgnoresTheRegistrant in an_eviction_by_any_registrant_is_caught
        by a_young_client_is_evicted_by_its_registrant_alone, "insert: evicts no young client for another token";
    EvictionIgnoresTheRegistrant in simultaneous_evictions_by_any_registrant_are_caught
        by registrants_evict_only_their_own_clients_at_once, "insert: a registrant evicts";
    EvictsInSteps in evictions_of_one_registrant_in_steps_are_caught
        by registrants_evict_only_their_own_clients_at_once, "insert: a registrant evicts its own clients, each once";
    RecordForgets("/client/network") in a_record_without_the_network_is_caught
        by registrant_keys_follow_every_change, "update: keeps the registrant of a client that is pending";
    UniquenessIsIgnored in a_fingerprint_that_many_may_have_is_caught
        by a_fingerprint_that_is_taken_is_refused, "insert: a fingerprint that is taken is refused";
    UpdateIgnoresUniqueness in an_update_to_any_fingerprint_is_caught
        by an_update_to_a_fingerprint_that_is_taken_is_refused, "update: a fingerprint that is taken is refused";
    UniquenessIsReadThenWritten in a_fingerprint_that_is_looked_at_too_early_is_caught
        by one_of_many_of_a_unique_fingerprint_wins, "insert, update: one of many has a unique fingerprint";
    GetIgnoresCase in a_get_that_ignores_case_is_caught
        by identifiers_are_compared_byte_by_byte, "get: identifiers that differ in a byte differ";
    UpdateDoesNotCompare in an_update_without_comparison_is_caught
        by update_conflicts_with_any_other_revision, "update: must conflict when the revision is one back";
    UpdateComparesThenWrites in an_update_that_compares_too_early_is_caught
        by one_of_many_updates_of_a_revision_wins, "update: one of many of a revision";
    UpdateLosesTheUse in an_update_that_loses_a_use_is_caught
        by update_keeps_what_touch_recorded, "update: keeps what touch recorded meanwhile";
    UpdateBringsBack in an_update_that_brings_a_client_back_is_caught
        by update_never_restores_a_removed_client, "update: must conflict when there is no such client";
    RemoveIsAlwaysTrue in a_removal_that_is_always_true_is_caught
        by remove_is_true_once, "remove: false for a removed client";
    RemoveLooksThenRemoves in a_removal_that_returns_true_to_many_is_caught
        by one_of_many_removals_is_true, "remove: true for one of many";
    RemoveIgnoresTheRevision in a_removal_of_any_revision_is_caught
        by a_removal_is_for_one_revision, "remove: must conflict at another revision";
    RemoveComparesThenRemoves in a_removal_that_compares_too_early_is_caught
        by a_removal_at_a_revision_and_an_update_exclude_each_other, "remove, update: of all at one revision one wins";
    RemoveRefundsNothing in a_use_that_is_not_given_back_is_caught
        by a_removal_refunds_one_use, "remove: refunds the use";
    RemoveRefundsForNoClient in a_refund_without_a_removed_client_is_caught
        by a_removal_refunds_one_use, "remove: refunds the use only once";
    RemoveRefundsInSteps in a_use_that_is_not_given_back_when_the_caller_hangs_up_is_caught
        by a_cancelled_removal_is_atomic, "remove: dropped halfway, it refunds the use with the client";
    TouchIsAlwaysTrue in a_use_of_an_unknown_client_is_caught
        by touch_of_an_unknown_client_is_false, "touch: false for a removed client";
    ListIsUnordered in a_list_without_order_is_caught
        by list_is_ordered_by_issue_and_identifier, "list: ordered by time of issue";
    ListStartsOver in pages_that_start_over_are_caught
        by pages_are_complete_and_repeat_no_client, "list: pages come to an end";
    ListIgnoresTheOwner in a_list_of_every_owner_is_caught
        by list_selects_one_owner, "list: the clients of exactly the owner";
    ListIgnoresTheStatus in a_list_of_every_status_is_caught
        by list_selects_by_every_filter, "list: exactly the clients by this filter: pending";
    ListIgnoresTheIssue in a_list_of_every_issue_is_caught
        by list_selects_by_every_filter, "list: exactly the clients by this filter: issued from";
    ListIgnoresTheLastUse in a_list_of_every_use_is_caught
        by list_selects_by_every_filter, "list: exactly the clients by this filter: used from";
    ListIgnoresTheFirstUse in a_list_of_the_used_is_caught
        by list_selects_by_every_filter, "list: exactly the clients by this filter: never used";
    ListIgnoresTheFingerprint in a_list_of_every_fingerprint_is_caught
        by list_selects_by_every_filter, "list: exactly the clients by this filter: the fingerprint";
    ListIgnoresTheCutoffs in a_list_of_the_busy_is_caught
        by list_selects_by_every_filter, "list: exactly the clients by this filter: unused and idle";
    CountIgnoresTheQuery in a_count_of_every_owner_is_caught
        by count_equals_the_list, "count: equals the list by this filter: the owner";
    CountStartsLate in a_count_of_a_page_is_caught
        by count_equals_the_list, "count: ignores pages";
    CountIsStale in a_stale_count_is_caught
        by count_follows_insertions_and_removals, "count: every inserted client";
    ExpireTakesAnyClient in an_expiry_of_others_is_caught
        by expire_removes_only_the_named_clients, "expire: removes no client of an empty list of identifiers";
    ExpireTakesTheDisabled in an_expiry_of_the_disabled_is_caught
        by expire_keeps_disabled_clients, "expire: a disabled client is never idle";
    ExpireReturnsNothing in an_expiry_without_report_is_caught
        by expire_returns_the_removed_clients, "expire: returns the removed clients";
    SpentTokensAreHidden in a_store_that_hides_spent_tokens_is_caught
        by spent_and_expired_tokens_are_found, "get_token: also spent and expired";
    ClaimIsAlwaysTrue in a_claim_that_is_always_true_is_caught
        by a_nonce_is_claimed_once_until_it_expires, "claim_nonce: false until the time is over";
    ClaimNeverExpires in a_claim_that_never_expires_is_caught
        by a_nonce_is_claimed_once_until_it_expires, "claim_nonce: true again at that time";
    TenantsAreOne in tenants_that_are_one_are_caught
        by tenants_are_isolated, "for_tenant: no client is in";
    PlacesAreNumbered in tenants_that_share_a_limit_are_caught
        by tokens_and_limits_belong_to_a_tenant, "for_tenant: a limit of its own";
    RecordForgets("/client/owner") in a_record_without_the_owner_is_caught
        by every_field_of_a_client_comes_back, "insert: keeps every field: the owner";
    RecordForgets("/token/expires_at") in a_token_without_its_end_is_caught
        by every_field_of_a_token_comes_back, "insert_token: keeps every field: the end";
    RecordsAreShort in a_column_that_is_too_short_is_caught
        by a_document_near_64_kib_comes_back, "insert: must not fail";
    TextIsAscii in text_that_is_ascii_is_caught
        by unusual_metadata_come_back_unchanged, "insert: keeps every field: the metadata";
    TimesAreSeconds in times_that_are_seconds_are_caught
        by times_keep_their_milliseconds, "insert: keeps every field: the ";
    InsertIsNotCommitted in an_insertion_that_is_not_committed_is_caught
        by an_inserted_client_is_found, "get: what was inserted";
    InsertLooksThenOverwrites in an_insertion_that_looks_too_early_is_caught
        by one_of_many_insertions_of_an_identifier_wins, "insert: one of many of an identifier, not";
    UseIsHeldForTheRefused in a_use_that_is_held_for_the_refused_is_caught
        by refused_insertions_block_no_other_insertion, "insert: a refused insertion blocks no other insertion (got TokenRefused)";
    UseBringsTheTokenBack in a_use_that_brings_its_token_back_is_caught
        by spending_restores_no_removed_token, "insert: spending restores no removed token";
    TokenIsIgnored in a_token_that_is_ignored_is_caught
        by an_insertion_spends_one_use, "insert: spends one use";
    TokenExpiresByTheClock in a_token_that_expires_by_another_clock_is_caught
        by an_unusable_token_is_refused, "insert: a token that is expired by the time of the insertion is refused";
    NoCountIsNoUse in a_count_that_is_missed_is_caught
        by a_token_without_a_use_limit_is_never_spent, "insert: a token without a count is accepted again and again";
    EvictsAtTheLimitOnly in an_eviction_at_the_limit_only_is_caught
        by above_a_lowered_limit_an_insertion_evicts_one_client, "insert: above the limit an insertion evicts one client";
    ChoosesThenEvicts in an_eviction_that_reads_too_early_is_caught
        by evictions_and_other_changes_exclude_each_other, "insert: evicts no client that was used or removed before";
    EvictsBeforeTheChecks in an_eviction_for_a_cancelled_insertion_is_caught
        by a_cancelled_insertion_evicts_only_with_its_client, "insert: dropped halfway, evicts no client without the new one";
    RemoveRestoresInSteps in a_client_that_does_not_come_back_when_the_caller_hangs_up_is_caught
        by a_cancelled_removal_restores_the_evicted_client, "remove: dropped halfway, removes one client and restores one";
    GetHidesTheDisabled in a_get_that_hides_the_disabled_is_caught
        by disabled_and_expired_clients_are_kept, "insert: keeps every field: disabled is not there";
    RegistrationTokenIsIgnored in a_registration_token_that_is_ignored_is_caught
        by a_registration_token_finds_its_client_alone, "get_by_registration_token: by a token of the client alone";
    RegistrationTokenFollowsNoChange in a_registration_token_that_follows_no_change_is_caught
        by a_registration_token_follows_every_change, "get_by_registration_token: as it is now";
    UpdateKeeps("/metadata") in an_update_of_half_a_client_is_caught
        by update_replaces_the_revision_before, "update: replaces the whole client: the metadata";
    UpdateKeeps("/client/fingerprint") in an_update_that_forgets_an_index_is_caught
        by list_follows_changes_of_a_client, "list: follows updates and uses: the fingerprint before";
    UpdateWritesInSteps in an_update_that_ends_when_the_caller_hangs_up_is_caught
        by a_cancelled_update_is_atomic, "update: dropped halfway, the client is the old or the new one";
    RemoveRefundsInSteps in a_use_that_is_lost_with_its_client_is_caught
        by a_cancelled_removal_refunds_its_token_with_the_client, "remove: dropped halfway, it refunds the use exactly once";
    PlacesAreNumbered in places_that_are_never_free_again_are_caught
        by a_removal_and_an_expiry_free_capacity, "remove: frees capacity";
    TouchKeepsTheLastCall in a_use_that_is_earlier_is_caught
        by touch_keeps_the_latest_use, "touch: keeps the latest use";
    TouchRaisesTheRevision in a_use_that_is_an_update_is_caught
        by touch_changes_nothing_else, "touch: records the use and nothing else: the revision";
    TouchGivesUp in a_use_that_gives_way_to_an_update_is_caught
        by updates_lose_no_use, "update, touch: no use is lost between them";
    TouchBringsBack in a_use_that_brings_a_client_back_is_caught
        by a_removal_survives_concurrent_updates, "update, touch: never restore a removed client";
    TouchWritesInSteps in a_use_that_takes_the_client_along_is_caught
        by a_cancelled_touch_is_atomic, "touch: dropped halfway, the use is known or it is not";
    ListIsCapped in a_list_with_a_limit_of_its_own_is_caught
        by list_keeps_to_its_limit, "list: at most 101 of 101 clients";
    ListNeedsTheLastOne in pages_that_need_the_last_client_are_caught
        by pages_stay_complete_under_concurrent_changes, "list: pages keep the order";
    ExpireTakesTheLatest in an_expiry_of_the_latest_is_caught
        by expire_removes_the_oldest_clients_first, "expire: in the order of the list";
    ExpireIncludesTheCutoffs in an_expiry_one_moment_too_early_is_caught
        by expire_removes_unused_clients_by_time_of_issue, "expire: who was never used and was issued before the time";
    ExpireIncludesTheCutoffs in an_expiry_of_the_used_one_moment_too_early_is_caught
        by expire_removes_used_clients_by_last_use, "expire: who was last used before the time";
    ExpireForgetsEveryKey in an_expiry_of_every_key_is_caught
        by expire_keeps_unexpired_nonces, "expire: keeps nonces before its time is over";
    ExpireIgnoresTheTenant in an_expiry_of_every_tenant_is_caught
        by a_tenant_expires_alone, "expire: no client of another tenant";
    ExpireLooksThenRemoves in an_expiry_of_who_was_idle_is_caught
        by expire_spares_clients_that_are_used_in_time, "expire: spares a client that was used in time";
    ExpireMarksThenRemoves in an_expiry_that_marks_the_client_first_is_caught
        by a_cancelled_expiry_is_atomic, "expire: dropped halfway, a client is unchanged or removed: the status";
    TokensAreUnordered in tokens_without_order_are_caught
        by tokens_are_listed_in_order, "list_tokens: ordered by time of issue";
    TokensAreNeverReplaced in a_token_that_stays_is_caught
        by a_token_of_the_same_digest_is_replaced, "insert_token: replaces the token of the same digest: the identifier";
    TokensAreWrittenInSteps in a_token_without_its_count_is_caught
        by a_cancelled_token_insertion_is_atomic, "insert_token: dropped halfway, the token is whole or not there: the uses";
    RemoveTokenIsAlwaysTrue in a_token_that_is_always_removed_is_caught
        by remove_token_is_true_once, "remove_token: false for a token that never was";
    ClaimIgnoresCase in keys_without_case_are_caught
        by nonces_are_compared_byte_by_byte, "claim_nonce: \"JTI\" is another key";
    ClaimReadsThenWrites in a_claim_that_reads_too_early_is_caught
        by one_of_many_claims_of_a_nonce_wins, "claim_nonce: true for one of many";
    ClaimWritesTheTimeLater in a_key_that_stays_when_the_caller_hangs_up_is_caught
        by a_cancelled_claim_is_atomic, "claim_nonce: dropped halfway, it keeps the time";
    PlacesAreNumbered in tenants_that_fill_one_another_up_are_caught
        by tenants_reach_their_limits_independently, "insert: each tenant has a limit of ten clients";
}

#[test]
fn every_check_finds_a_fault() {
    for check in contract::checks::<Broken>() {
        assert!(CHECKS.contains(&check.name()), "nothing proves that {} finds a fault", check.name());
    }
}
