//! Stores with one common fault each, and the check that finds it.

mod change;
mod faults_and_checks;
mod insert;
mod record;
mod select;
mod steps;
mod store;
mod tokens;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex};

use tokio::sync::Mutex;
use tokio::task::yield_now;
use tower_dcr::store::{MemoryStore, contract};

/// How many callers a race of the suite has.
const CALLERS: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    RecordForgets(&'static str),
    RecordsAreShort,
    TextIsAscii,
    TimesAreSeconds,
    InsertOverwrites,
    InsertIsNotCommitted,
    InsertLooksThenOverwrites,
    LimitIsOneTooHigh,
    LimitIsReadThenUsed,
    UseIsReadThenSpent,
    UseIsSpentForRefusals,
    UseIsSpentBeforeTheClientIsIn,
    UseIsHeldForTheRefused,
    UseBringsTheTokenBack,
    TokenIsIgnored,
    TokenExpiresByTheClock,
    NoCountIsNoUse,
    KeyIsIgnored,
    UniquenessIsIgnored,
    UniquenessIsReadThenWritten,
    UpdateIgnoresUniqueness,
    EvictionIgnoresTheRegistrant,
    KeyIsReadThenUsed,
    KeyIsUsedForRefusals,
    UpdateIgnoresKeys,
    UpdateUsesKeysForConflicts,
    UpdateReleasesNoNonce,
    RemoveReleasesNoNonce,
    RemoveRestoresNoClient,
    EvictsTheLatest,
    EvictsTheUsed,
    EvictsBeforeTheChecks,
    EvictsInSteps,
    EvictsWithoutReport,
    EvictsAtTheLimitOnly,
    ChoosesThenEvicts,
    GetIgnoresCase,
    GetHidesTheDisabled,
    RegistrationTokenIsIgnored,
    RegistrationTokenFollowsNoChange,
    UpdateDoesNotCompare,
    UpdateComparesThenWrites,
    UpdateLosesTheUse,
    UpdateBringsBack,
    UpdateKeeps(&'static str),
    UpdateWritesInSteps,
    RemoveIsAlwaysTrue,
    RemoveLooksThenRemoves,
    RemoveIgnoresTheRevision,
    RemoveComparesThenRemoves,
    RemoveRefundsNothing,
    RemoveRefundsForNoClient,
    RemoveRefundsInSteps,
    RemoveRestoresInSteps,
    TouchIsAlwaysTrue,
    TouchKeepsTheLastCall,
    TouchRaisesTheRevision,
    TouchGivesUp,
    TouchBringsBack,
    TouchWritesInSteps,
    ListIsUnordered,
    ListStartsOver,
    ListIsCapped,
    ListNeedsTheLastOne,
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
    ExpireTakesAnyClient,
    ExpireTakesTheDisabled,
    ExpireReturnsNothing,
    ExpireTakesTheLatest,
    ExpireIncludesTheCutoffs,
    ExpireForgetsEveryKey,
    ExpireIgnoresTheTenant,
    ExpireLooksThenRemoves,
    ExpireMarksThenRemoves,
    SpentTokensAreHidden,
    TokensAreUnordered,
    TokensAreNeverReplaced,
    TokensAreWrittenInSteps,
    RemoveTokenIsAlwaysTrue,
    ClaimIsAlwaysTrue,
    ClaimNeverExpires,
    ClaimIgnoresCase,
    ClaimReadsThenWrites,
    ClaimWritesTheTimeLater,
    TenantsAreOne,
    PlacesAreNumbered,
}

/// A memory store with a fault.
#[derive(Clone)]
struct Broken {
    inner: MemoryStore,
    fault: Fault,
    /// Serializes the steps of a faulty verb, so that only a cancelled call shows them.
    one_by_one: Arc<Mutex<()>>,
    /// The number of callers that arrived, in all tenants.
    arrivals: Arc<AtomicU64>,
    /// The number of callers that finished.
    departures: Arc<AtomicU64>,
    /// The tenants that were asked for.
    tenants: Arc<SyncMutex<Vec<MemoryStore>>>,
}

impl Broken {
    fn new(fault: Fault) -> Self {
        let (arrivals, departures) = (Arc::default(), Arc::default());
        let (one_by_one, tenants) = (Arc::default(), Arc::default());
        Self { inner: MemoryStore::new(), fault, one_by_one, arrivals, departures, tenants }
    }

    /// Counts one more caller; returns the number of earlier callers.
    fn arrive(&self) -> u64 {
        self.arrivals.fetch_add(1, Ordering::SeqCst)
    }

    fn leave(&self) {
        self.departures.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets the first caller wait for the second one, so that both have arrived before either continues.
    async fn meet(&self) {
        if self.arrive() == 0 {
            self.until_arrived(2).await;
        }
    }

    async fn until_arrived(&self, callers: u64) {
        until(|| self.arrivals.load(Ordering::SeqCst) >= callers).await;
    }

    async fn until_left(&self, callers: u64) {
        until(|| self.departures.load(Ordering::SeqCst) >= callers).await;
    }

    /// Waits until all other callers of the present race have finished.
    async fn until_others_left(&self) {
        until(|| self.departures.load(Ordering::SeqCst) % CALLERS == CALLERS - 1).await;
    }
}

/// Yields to other tasks until a condition holds.
async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if is_so() {
            return;
        }
        yield_now().await;
    }
    panic!("the check sends other callers off than this fault waits for");
}

/// The message of a check about a store with this fault; `None` if the check passes.
async fn complaint(fault: Fault, name: &str) -> Option<String> {
    let check = contract::checks().into_iter().find(|check| check.name() == name);
    let Some(check) = check else { panic!("{name} is no check of the suite") };
    let outcome = tokio::spawn(async move { check.run(Broken::new(fault)).await }).await;
    let panic = outcome.err()?.into_panic();
    let text = panic.downcast_ref::<&str>().copied();
    Some(text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_wrapper_without_a_fault_passes() {
    contract::verify(|| async { Broken::new(Fault::None) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_whole_suite_stops_at_a_fault() {
    let suite = tokio::spawn(contract::verify(|| async { Broken::new(Fault::ExpireReturnsNothing) }));
    assert!(suite.await.is_err_and(|error| error.is_panic()));
}
