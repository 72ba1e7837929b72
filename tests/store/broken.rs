//! Stores with one fault each, as they are easily written, and the check that finds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::Mutex;
use tokio::task::yield_now;
use tower_dcr::access::InitialAccessTokenRecord;
use tower_dcr::credential::{ClientId, Digest};
use tower_dcr::store::{
    Admission, Admitted, ClientQuery, ClientStore, Cutoffs, MemoryStore, OneTimeKey, Removal, Replacement, contract,
};
use tower_dcr::{Client, Status, StoreError};

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

    /// Puts a client in the place of another, whatever the revision.
    async fn overwrite(&self, client: &Client) -> Result<(), StoreError> {
        self.inner.remove(client.id(), &Removal::new()).await?;
        self.inner.insert(client, &Admission::free(SystemTime::now())).await?;
        Ok(())
    }

    async fn overwrite_but_keep_the_use(&self, client: &Client, stored: &Client) -> Result<(), StoreError> {
        self.overwrite(client).await?;
        if let Some(used) = stored.last_used() {
            self.inner.touch(client.id(), used).await?;
        }
        Ok(())
    }

    /// Gives a use back, whatever happened to the client.
    async fn refund(&self, token: Option<Digest>) -> Result<(), StoreError> {
        let Some(digest) = token else { return Ok(()) };
        let Some(token) = self.inner.get_token(&digest).await? else { return Ok(()) };
        self.inner.insert_token(&token.refunded_once()).await
    }

    /// Leaves out of a query what the fault ignores.
    fn ignoring(&self, query: &ClientQuery) -> ClientQuery {
        let mut query = query.clone();
        match self.fault {
            Fault::ListStartsOver => query.after = None,
            Fault::ListIgnoresTheOwner => query.owner = None,
            Fault::ListIgnoresTheStatus => query.status = None,
            Fault::ListIgnoresTheIssue => (query.issued_from, query.issued_before) = (None, None),
            Fault::ListIgnoresTheLastUse => (query.used_from, query.used_before) = (None, None),
            Fault::ListIgnoresTheFirstUse => query.never_used = false,
            Fault::ListIgnoresTheFingerprint => query.fingerprint = None,
            Fault::ListIgnoresTheCutoffs => query.idle = None,
            _ => {}
        }
        query
    }

    /// Spends a use and then, after a pause, inserts.
    async fn spend_then_insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        let Some(digest) = &admission.initial_access_token else { return self.inner.insert(client, admission).await };
        let token = self.inner.get_token(digest).await?.filter(|token| token.is_usable(admission.now));
        let Some(token) = token else { return Ok(Admitted::TokenRefused) };
        let mut unpaid = admission.clone();
        unpaid.initial_access_token = None;
        if self.fault == Fault::UseIsReadThenSpent {
            yield_now().await;
        }
        self.inner.insert_token(&token.spent_once()).await?;
        if self.fault == Fault::UseIsSpentBeforeTheClientIsIn {
            yield_now().await;
        }
        let admitted = self.inner.insert(client, &unpaid).await?;
        if admitted != Admitted::Inserted && self.fault != Fault::UseIsSpentForRefusals {
            self.inner.insert_token(&token).await?;
        }
        Ok(admitted)
    }
}

/// What a store does that makes room in a step of its own.
impl Broken {
    async fn make_room(&self, admission: &mut Admission) -> Result<Option<Arc<Client>>, StoreError> {
        let Some(room) = admission.room.take() else { return Ok(None) };
        if admission.most_clients.is_some_and(|most| most > 0) && self.is_full(admission).await? {
            return Ok(self.inner.expire(&room, 1).await?.pop());
        }
        Ok(None)
    }

    async fn is_full(&self, admission: &Admission) -> Result<bool, StoreError> {
        let count = self.inner.count(&ClientQuery::new()).await?;
        Ok(admission.most_clients.is_some_and(|most| count >= most))
    }

    /// Makes room and then, after a pause, inserts.
    async fn make_room_then_insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut roomy = admission.clone();
        let gone = self.make_room(&mut roomy).await?;
        yield_now().await;
        let admitted = self.inner.insert(client, &roomy).await?;
        Ok(match gone {
            Some(gone) if admitted == Admitted::Inserted => Admitted::InPlaceOf(gone),
            _ => admitted,
        })
    }

    /// Uses keys up and then, after a pause, inserts.
    async fn use_up_then_insert(&self, client: &Client, mut admission: Admission) -> Result<Admitted, StoreError> {
        let once = std::mem::take(&mut admission.once);
        for OneTimeKey { key, until, .. } in &once {
            if !self.inner.remember(key, *until, admission.now).await? {
                return Ok(Admitted::Replayed);
            }
        }
        self.inner.insert(client, &admission).await
    }

    /// Looks at keys and, after a pause, inserts and uses them up.
    async fn look_then_insert(&self, client: &Client, mut admission: Admission) -> Result<Admitted, StoreError> {
        let once = std::mem::take(&mut admission.once);
        let probe = client.clone();
        let mut looked = Admission::free(admission.now);
        looked.once = once.clone();
        let free = self.inner.insert(&probe, &looked).await?;
        if free == Admitted::Inserted {
            self.inner.remove(client.id(), &Removal::undoing(&looked)).await?;
        } else if free == Admitted::Replayed {
            return Ok(free);
        }
        yield_now().await;
        let admitted = self.inner.insert(client, &admission).await?;
        if admitted.is_in() {
            for OneTimeKey { key, until, .. } in &once {
                self.inner.remember(key, *until, admission.now).await?;
            }
        }
        Ok(admitted)
    }
}

impl ClientStore for Broken {
    fn is_durable(&self) -> bool {
        false
    }

    fn for_tenant(&self, tenant: &str) -> Self {
        let tenant = if self.fault == Fault::TenantsAreOne { "" } else { tenant };
        Self { inner: self.inner.for_tenant(tenant), ..self.clone() }
    }

    async fn insert(&self, client: &Client, admission: &Admission) -> Result<Admitted, StoreError> {
        let mut admission = admission.clone();
        match self.fault {
            Fault::InsertOverwrites => drop(self.inner.remove(client.id(), &Removal::new()).await?),
            Fault::LimitIsOneTooHigh => {
                admission.most_clients = admission.most_clients.map(|most| most.saturating_add(1))
            }
            Fault::LimitIsReadThenUsed => {
                let count = self.inner.count(&ClientQuery::new()).await?;
                if admission.most_clients.take().is_some_and(|most| count >= most) {
                    return Ok(Admitted::Full);
                }
                yield_now().await;
            }
            Fault::TenantsShareTheLimit => {
                let arrivals = self.arrivals.fetch_add(1, Ordering::SeqCst);
                if admission.most_clients.is_some_and(|most| arrivals >= most) {
                    return Ok(Admitted::Full);
                }
            }
            Fault::UseIsReadThenSpent => return self.spend_then_insert(client, &admission).await,
            Fault::UseIsSpentForRefusals | Fault::UseIsSpentBeforeTheClientIsIn => {
                let _turn = self.one_by_one.lock().await;
                return self.spend_then_insert(client, &admission).await;
            }
            Fault::KeyIsIgnored => admission.once.clear(),
            Fault::KeyIsReadThenUsed => return self.look_then_insert(client, admission).await,
            Fault::KeyIsUsedForRefusals => return self.use_up_then_insert(client, admission).await,
            Fault::RoomIsMadeByTheUsed => {
                admission.room = admission.room.map(|room| room.with_idle_since(admission.now))
            }
            Fault::RoomIsMadeByTheLatest if self.is_full(&admission).await? => {
                let room = admission.room.clone().map(|room| ClientQuery::new().with_idle(room));
                let idle = self.inner.list(&room.unwrap_or_else(|| ClientQuery::new().with_limit(0))).await?;
                let latest = idle.last().map(|client| client.id().clone());
                admission.room = admission.room.map(|room| room.among(latest.into_iter().collect()));
            }
            Fault::RoomIsMadeFirst => {
                let _turn = self.one_by_one.lock().await;
                return self.make_room_then_insert(client, &admission).await;
            }
            Fault::RoomIsMadeInSteps => return self.make_room_then_insert(client, &admission).await,
            Fault::RoomIsMadeInSilence => {
                let admitted = self.inner.insert(client, &admission).await?;
                return Ok(if admitted.is_in() { Admitted::Inserted } else { admitted });
            }
            _ => {}
        }
        self.inner.insert(client, &admission).await
    }

    async fn get(&self, id: &ClientId) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(&id.as_str().to_ascii_lowercase()) {
            Some(lower) if self.fault == Fault::GetIgnoresCase => self.inner.get(&lower).await,
            _ => self.inner.get(id).await,
        }
    }

    async fn update(&self, client: &Client, replacement: &Replacement) -> Result<(), StoreError> {
        let stored = match self.inner.get(client.id()).await? {
            Some(stored) => stored,
            None if self.fault == Fault::UpdateBringsBack => return self.overwrite(client).await,
            None => return Err(StoreError::conflict()),
        };
        let follows = stored.revision() + 1 == client.revision();
        match self.fault {
            Fault::UpdateDoesNotCompare => self.overwrite_but_keep_the_use(client, &stored).await,
            Fault::UpdateLosesTheUse if follows => self.overwrite(client).await,
            Fault::UpdateComparesThenWrites if follows => {
                yield_now().await;
                self.overwrite_but_keep_the_use(client, &stored).await
            }
            Fault::UpdateIgnoresKeys => self.inner.update(client, &Replacement::free(replacement.now)).await,
            Fault::UpdateUsesKeysForConflicts => {
                let mut free = replacement.clone();
                for OneTimeKey { key, until, .. } in free.once.drain(..) {
                    if !self.inner.remember(&key, until, replacement.now).await? {
                        return Err(StoreError::replayed());
                    }
                }
                self.inner.update(client, &free).await
            }
            Fault::UpdateForgetsNothing => {
                let mut stubborn = replacement.clone();
                stubborn.forgets.clear();
                self.inner.update(client, &stubborn).await
            }
            _ => self.inner.update(client, replacement).await,
        }
    }

    async fn remove(&self, id: &ClientId, removal: &Removal) -> Result<bool, StoreError> {
        let mut removal = removal.clone();
        match self.fault {
            Fault::RemoveIsAlwaysTrue => return self.inner.remove(id, &removal).await.map(|_| true),
            Fault::RemoveLooksThenRemoves => {
                let there = self.inner.get(id).await?.is_some();
                yield_now().await;
                return self.inner.remove(id, &removal).await.map(|_| there);
            }
            Fault::RemoveIgnoresTheRevision => removal.revision = None,
            Fault::RemoveComparesThenRemoves => {
                let client = self.inner.get(id).await?;
                if client.is_some_and(|client| !removal.permits(&client)) {
                    return Err(StoreError::conflict());
                }
                yield_now().await;
                removal.revision = None;
            }
            Fault::RemoveRefundsNothing => removal.refunds = None,
            Fault::RemoveForgetsNothing => removal.forgets.clear(),
            Fault::RemoveRefundsForNobody => {
                let refund = removal.refunds.take();
                let removed = self.inner.remove(id, &removal).await?;
                return self.refund(refund).await.map(|()| removed);
            }
            Fault::RemoveRefundsInSteps => {
                let refund = removal.refunds.take();
                let removed = self.inner.remove(id, &removal).await?;
                yield_now().await;
                self.refund(refund.filter(|_| removed)).await?;
                return Ok(removed);
            }
            _ => {}
        }
        self.inner.remove(id, &removal).await
    }

    async fn touch(&self, id: &ClientId, at: SystemTime) -> Result<bool, StoreError> {
        let touched = self.inner.touch(id, at).await?;
        Ok(touched || self.fault == Fault::TouchIsAlwaysTrue)
    }

    async fn list(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut clients = self.inner.list(&self.ignoring(query)).await?;
        if self.fault == Fault::ListIsUnordered {
            clients.sort_unstable_by_key(|client| client.id().clone());
        }
        Ok(clients)
    }

    async fn count(&self, query: &ClientQuery) -> Result<u64, StoreError> {
        match (self.fault, &query.after) {
            (Fault::CountIgnoresTheQuery, _) => self.inner.count(&ClientQuery::new()).await,
            (Fault::CountStartsLate, Some(_)) => Ok(self.inner.list(query).await?.len() as u64),
            (Fault::CountIsStale, _) => self.inner.count(query).await.map(|count| count.min(2)),
            _ => self.inner.count(query).await,
        }
    }

    async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut cutoffs = cutoffs.clone();
        if self.fault == Fault::ExpireTakesAnybody {
            cutoffs.among = None;
        }
        let mut expired = self.inner.expire(&cutoffs, limit).await?;
        if self.fault == Fault::ExpireTakesTheDisabled {
            let disabled = self.inner.list(&ClientQuery::new().with_status(Status::Disabled)).await?;
            for client in disabled {
                self.inner.remove(client.id(), &Removal::new()).await?;
                expired.push(client);
            }
        }
        Ok(if self.fault == Fault::ExpireTellsNothing { Vec::new() } else { expired })
    }

    async fn insert_token(&self, token: &InitialAccessTokenRecord) -> Result<(), StoreError> {
        self.inner.insert_token(token).await
    }

    async fn get_token(&self, digest: &Digest) -> Result<Option<InitialAccessTokenRecord>, StoreError> {
        let token = self.inner.get_token(digest).await?;
        Ok(token.filter(|token| self.fault != Fault::SpentTokensAreGone || token.uses_left() != Some(0)))
    }

    async fn list_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.inner.list_tokens().await
    }

    async fn remove_token(&self, id: &str) -> Result<bool, StoreError> {
        self.inner.remove_token(id).await
    }

    async fn remember(&self, key: &str, until: SystemTime, now: SystemTime) -> Result<bool, StoreError> {
        match self.fault {
            Fault::RememberIsAlwaysTrue => Ok(true),
            Fault::RememberNeverForgets => {
                let for_ever = now + std::time::Duration::from_secs(1 << 32);
                self.inner.remember(key, for_ever, now).await
            }
            _ => self.inner.remember(key, until, now).await,
        }
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
