//! Stores with one fault each, as they are easily written, and the check that finds it.

mod steps;
mod store;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::Mutex;
use tower_dcr::store::{MemoryStore, contract};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    InsertOverwrites,
    LimitIsOneTooHigh,
    LimitIsReadThenUsed,
    UseIsReadThenSpent,
    UseIsSpentForRefusals,
    UseIsSpentBeforeTheClientIsIn,
    KeyIsIgnored,
    KeyIsReadThenUsed,
    KeyIsUsedForRefusals,
    UpdateIgnoresKeys,
    UpdateUsesKeysForConflicts,
    UpdateForgetsNothing,
    RemoveForgetsNothing,
    RemoveRestoresNobody,
    RoomIsMadeByTheLatest,
    RoomIsMadeByTheUsed,
    RoomIsMadeFirst,
    RoomIsMadeInSteps,
    RoomIsMadeInSilence,
    GetIgnoresCase,
    UpdateDoesNotCompare,
    UpdateComparesThenWrites,
    UpdateLosesTheUse,
    UpdateBringsBack,
    RemoveIsAlwaysTrue,
    RemoveLooksThenRemoves,
    RemoveIgnoresTheRevision,
    RemoveComparesThenRemoves,
    RemoveRefundsNothing,
    RemoveRefundsForNobody,
    RemoveRefundsInSteps,
    TouchIsAlwaysTrue,
    ListIsUnordered,
    ListStartsOver,
    ListIgnoresTheOwner,
    ListIgnoresTheStatus,
    ListIgnoresTheIssue,
    ListIgnoresTheLastUse,
    ListIgnoresTheFirstUse,
    ListIgnoresTheFingerprint,
    ListIgnoresTheCutoffs,
    CountIsStale,
    CountIgnoresTheQuery,
    CountStartsLate,
    ExpireTakesAnybody,
    ExpireTakesTheDisabled,
    ExpireTellsNothing,
    SpentTokensAreGone,
    RememberIsAlwaysTrue,
    RememberNeverForgets,
    TenantsAreOne,
    TenantsShareTheLimit,
}

/// A memory store with a fault.
#[derive(Clone)]
struct Broken {
    inner: MemoryStore,
    fault: Fault,
    /// Makes the steps of a faulty verb one, except for callers who hang up halfway.
    one_by_one: Arc<Mutex<()>>,
    /// How many clients came into all tenants.
    arrivals: Arc<AtomicU64>,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        Self { inner: MemoryStore::new(), fault, one_by_one: Arc::default(), arrivals: Arc::default() }
    }
}

/// What a check says about a store with this fault; nothing if it finds none.
async fn complaint(fault: Fault, name: &str) -> Option<String> {
    let check = contract::checks().into_iter().find(|check| check.name() == name);
    let Some(check) = check else { panic!("{name} is no check of the suite") };
    let outcome = tokio::spawn(async move { check.run(Broken::new(fault)).await }).await;
    let panic = outcome.err()?.into_panic();
    let text = panic.downcast_ref::<&str>().copied();
    Some(text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default().to_owned())
}

macro_rules! caught {
    ($($fault:ident in $name:ident by $check:ident, $says:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $name() {
            let complaint = complaint(Fault::$fault, stringify!($check)).await.expect("the check finds the fault");
            assert!(complaint.contains($says), "the complaint is: {complaint}");
        })+
    };
}

caught! {
    InsertOverwrites in an_insertion_that_overwrites_is_caught
        by insert_never_replaces_a_client, "insert: a second client of an identifier Exists";
    LimitIsOneTooHigh in a_limit_that_is_one_too_high_is_caught
        by a_full_store_admits_nobody, "insert: no place at all";
    LimitIsReadThenUsed in a_limit_that_is_no_guarantee_is_caught
        by many_insertions_stop_at_the_limit, "insert: fills ten places with ten of many";
    UseIsReadThenSpent in a_use_that_is_spent_twice_is_caught
        by one_use_admits_one_of_many, "insert: one use of a token admits one of many";
    UseIsSpentForRefusals in a_use_that_is_spent_for_nothing_is_caught
        by a_refused_insertion_costs_nothing, "insert: spends no use when it is refused";
    UseIsSpentBeforeTheClientIsIn in a_use_that_is_lost_when_the_caller_hangs_up_is_caught
        by an_abandoned_insertion_is_whole, "insert: dropped halfway, it spends a use only with the client";
    KeyIsIgnored in a_key_that_counts_twice_is_caught
        by an_insertion_uses_its_keys_up, "insert: a key that was used is Replayed";
    KeyIsReadThenUsed in a_key_that_admits_many_is_caught
        by one_key_admits_one_of_many, "insert, update: one key admits one of many";
    KeyIsUsedForRefusals in a_key_that_is_used_for_nothing_is_caught
        by a_refused_insertion_uses_no_key_up, "insert: refused with a new key";
    UpdateIgnoresKeys in an_update_that_ignores_keys_is_caught
        by an_update_uses_its_keys_up, "update: a key that was used is Replayed";
    UpdateUsesKeysForConflicts in an_update_that_uses_keys_for_nothing_is_caught
        by an_update_uses_its_keys_up, "update: a conflict uses no key up";
    UpdateForgetsNothing in an_update_that_forgets_no_key_is_caught
        by an_update_uses_its_keys_up, "update: a forgotten key counts again";
    RemoveForgetsNothing in a_removal_that_forgets_no_key_is_caught
        by a_removal_forgets_keys, "remove: keys that were forgotten count again";
    RemoveRestoresNobody in a_removal_that_brings_nobody_back_is_caught
        by a_removal_brings_who_made_room_back, "remove: brings the client back that made room";
    RoomIsMadeByTheLatest in room_made_by_the_latest_is_caught
        by the_first_idle_client_makes_room, "insert: the first client that is idle makes room";
    RoomIsMadeByTheUsed in room_made_by_the_used_is_caught
        by the_first_idle_client_makes_room, "insert: ";
    RoomIsMadeFirst in room_made_for_the_refused_is_caught
        by nobody_makes_room_for_itself_or_for_the_refused, "insert: nobody makes room for one who is refused";
    RoomIsMadeInSteps in room_made_too_often_is_caught
        by as_many_make_room_as_come, "insert: ";
    RoomIsMadeInSilence in room_made_in_silence_is_caught
        by the_first_idle_client_makes_room, "insert: the first client that is idle makes room";
    GetIgnoresCase in a_get_that_ignores_case_is_caught
        by identifiers_are_compared_byte_by_byte, "get: identifiers that differ in a byte differ";
    UpdateDoesNotCompare in an_update_without_comparison_is_caught
        by update_conflicts_with_any_other_revision, "update: must conflict when the revision is one back";
    UpdateComparesThenWrites in an_update_that_compares_too_early_is_caught
        by one_of_many_updates_of_a_revision_wins, "update: one of many of a revision";
    UpdateLosesTheUse in an_update_that_loses_a_use_is_caught
        by update_keeps_what_touch_recorded, "update: keeps what touch recorded meanwhile";
    UpdateBringsBack in an_update_that_brings_a_client_back_is_caught
        by update_never_brings_a_client_back, "update: must conflict when there is no such client";
    RemoveIsAlwaysTrue in a_removal_that_is_always_true_is_caught
        by remove_is_true_once, "remove: false for a client that is gone";
    RemoveLooksThenRemoves in a_removal_that_many_believe_in_is_caught
        by one_of_many_removals_is_true, "remove: true for one of many";
    RemoveIgnoresTheRevision in a_removal_of_any_revision_is_caught
        by a_removal_is_for_one_revision, "remove: must conflict at another revision";
    RemoveComparesThenRemoves in a_removal_that_compares_too_early_is_caught
        by a_removal_at_a_revision_and_an_update_exclude_each_other, "remove, update: of all at one revision one wins";
    RemoveRefundsNothing in a_use_that_is_not_given_back_is_caught
        by a_removal_gives_a_use_back, "remove: gives the use back";
    RemoveRefundsForNobody in a_use_that_is_given_back_for_nobody_is_caught
        by a_removal_gives_a_use_back, "remove: gives the use back only once";
    RemoveRefundsInSteps in a_use_that_is_not_given_back_when_the_caller_hangs_up_is_caught
        by an_abandoned_removal_is_whole, "remove: dropped halfway, it gives the use back with the client";
    TouchIsAlwaysTrue in a_use_of_nobody_is_caught
        by touch_of_nobody_is_false, "touch: false for a client that is gone";
    ListIsUnordered in a_list_without_order_is_caught
        by list_is_ordered_by_issue_and_identifier, "list: ordered by time of issue";
    ListStartsOver in pages_that_start_over_are_caught
        by pages_are_complete_and_repeat_nobody, "list: pages come to an end";
    ListIgnoresTheOwner in a_list_of_everybody_is_caught
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
    CountIgnoresTheQuery in a_count_of_everybody_is_caught
        by count_equals_the_list, "count: equals the list by this filter: the owner";
    CountStartsLate in a_count_of_a_page_is_caught
        by count_equals_the_list, "count: ignores pages";
    CountIsStale in a_stale_count_is_caught
        by count_follows_insertions_and_removals, "count: every inserted client";
    ExpireTakesAnybody in an_expiry_of_others_is_caught
        by expire_takes_only_whom_it_may, "expire: removes nobody among nobody";
    ExpireTakesTheDisabled in an_expiry_of_the_disabled_is_caught
        by expire_keeps_the_disabled, "expire: a disabled client is never idle";
    ExpireTellsNothing in an_expiry_in_silence_is_caught
        by expire_tells_whom_it_removed, "expire: tells whom it removed";
    SpentTokensAreGone in a_store_that_hides_spent_tokens_is_caught
        by tokens_are_found_also_spent_and_expired, "get_token: also spent and expired";
    RememberIsAlwaysTrue in a_memory_without_memory_is_caught
        by remember_is_true_once_until_its_time, "remember: false until the time is over";
    RememberNeverForgets in a_memory_that_never_forgets_is_caught
        by remember_is_true_once_until_its_time, "remember: true again at that time";
    TenantsAreOne in tenants_that_are_one_are_caught
        by tenants_see_nothing_of_each_other, "for_tenant: nobody is in";
    TenantsShareTheLimit in tenants_that_share_a_limit_are_caught
        by tokens_and_places_belong_to_a_tenant, "for_tenant: places of its own";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_wrapper_without_a_fault_passes() {
    contract::verify(|| async { Broken::new(Fault::None) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_whole_suite_stops_at_a_fault() {
    let suite = tokio::spawn(contract::verify(|| async { Broken::new(Fault::ExpireTellsNothing) }));
    assert!(suite.await.is_err_and(|error| error.is_panic()));
}
