//! Counters and histograms through the [`metrics`](https://docs.rs/metrics) facade (feature `metrics`). Without a
//! recorder they cost next to nothing.
//!
//! | name | kind | labels |
//! | --- | --- | --- |
//! | `tower_dcr_requests_total` | counter | `tenant`, `operation`, `outcome`, `error` |
//! | `tower_dcr_request_duration_seconds` | histogram | `tenant`, `operation`, `outcome` |
//! | `tower_dcr_store_duration_seconds` | histogram | `verb`, `outcome` |
//! | `tower_dcr_clients` | gauge | `tenant` |
//! | `tower_dcr_audit_dropped_total` | counter | |
//! | `tower_dcr_fetches_total` | counter | `named_by`, `outcome` |
//! | `tower_dcr_rate_limited_total` | counter | `limit` |
//!
//! - Requests are those that the endpoint answers over HTTP; what passes through is not seen.
//! - `operation`: `register`, `check` (a dry run), `read`, `update`, `delete`, `options`, or `other` for a method that is
//!   not defined.
//! - `outcome` of a request: `done`, `refused` (a 4xx reply), `failed` (a 5xx reply), or `abandoned`, when the caller went
//!   away before the answer.
//! - `error`: the error code of the reply, `no_credentials` for a 401 without one, else `none`.
//! - `verb`: the method of [`ClientStore`](crate::store::ClientStore). Its `outcome`: `ok`, `conflict`, `replayed`,
//!   `unavailable`, or `abandoned`.
//! - `tenant`: the name given to [`with_tenant`](crate::RegistryBuilder::with_tenant), empty without.
//! - `tower_dcr_clients` is what [`Registry::count`](crate::Registry::count) found last: call it from a timer, or before
//!   the metrics are read.
//! - `named_by` of a fetch: `client` or `operator`. Its `outcome`: `ok`, `busy` (no free place), `timeout`, `transport`,
//!   `status`, `redirect`, `media_type`, `too_large`, `address` or `url`. Each caller counts, also those that share the
//!   answer to one request or are given one that is remembered.
//! - `limit` of a request that a `RateLimit` refused: `peer`, `network` or `global`.
//!
//! No label has a value that a caller can choose, so their number is bounded.

use std::sync::Arc;
use std::time::Instant;

use metrics::{SharedString, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::error::{ErrorCode, RegistrationError, StoreError, StoreErrorKind};

const REQUESTS: &str = "tower_dcr_requests_total";
const REQUEST_DURATION: &str = "tower_dcr_request_duration_seconds";
const STORE_DURATION: &str = "tower_dcr_store_duration_seconds";
const CLIENTS: &str = "tower_dcr_clients";
const AUDIT_DROPPED: &str = "tower_dcr_audit_dropped_total";
const FETCHES: &str = "tower_dcr_fetches_total";
const RATE_LIMITED: &str = "tower_dcr_rate_limited_total";

const ABANDONED: &str = "abandoned";

/// Tells the recorder what each metric means. Call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "requests that the registration endpoint answered");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "time from the head of a request to its answer");
    describe_histogram!(STORE_DURATION, Unit::Seconds, "time that one verb of the client store took");
    describe_gauge!(CLIENTS, Unit::Count, "registered clients when they were counted last");
    describe_counter!(AUDIT_DROPPED, Unit::Count, "events of the audit trail for which its channel had no room");
    describe_counter!(FETCHES, Unit::Count, "documents that the guarded fetcher was timer for");
    describe_counter!(RATE_LIMITED, Unit::Count, "requests that a rate limit refused");
}

/// A request on its way. It is counted when this value goes.
#[derive(Debug)]
pub(crate) struct RequestTimer {
    tenant: Arc<str>,
    operation: &'static str,
    started: Instant,
    outcome: &'static str,
    error: &'static str,
}

impl RequestTimer {
    pub(crate) fn begin(tenant: &Arc<str>, operation: &'static str) -> Self {
        Self { tenant: Arc::clone(tenant), operation, started: Instant::now(), outcome: ABANDONED, error: "none" }
    }

    pub(crate) fn finish<T>(mut self, replied: &Result<T, RegistrationError>) {
        self.outcome = match replied {
            Ok(_) => "done",
            Err(error) if error.status() < 500 => "refused",
            Err(_) => "failed",
        };
        if let Err(error) = replied {
            self.error = error.code().map_or("no_credentials", ErrorCode::as_str);
        }
    }
}

impl Drop for RequestTimer {
    fn drop(&mut self) {
        let (operation, outcome, error) = (self.operation, self.outcome, self.error);
        let tenant = || SharedString::from_shared(Arc::clone(&self.tenant));
        counter!(
            REQUESTS, "tenant" => tenant(), "operation" => operation, "outcome" => outcome, "error" => error
        )
        .increment(1);
        histogram!(REQUEST_DURATION, "tenant" => tenant(), "operation" => operation, "outcome" => outcome)
            .record(self.started.elapsed());
    }
}

/// A verb of the store on its way.
struct StoreTimer {
    verb: &'static str,
    started: Instant,
    outcome: &'static str,
}

impl Drop for StoreTimer {
    fn drop(&mut self) {
        histogram!(STORE_DURATION, "verb" => self.verb, "outcome" => self.outcome).record(self.started.elapsed());
    }
}

/// Measures a verb of the store.
pub(crate) async fn timed<T>(
    verb: &'static str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut timer = StoreTimer { verb, started: Instant::now(), outcome: ABANDONED };
    let answer = call.await;
    timer.outcome = match answer.as_ref().map_err(StoreError::kind) {
        Ok(_) => "ok",
        Err(StoreErrorKind::Conflict) => "conflict",
        Err(StoreErrorKind::Replayed) => "replayed",
        Err(StoreErrorKind::FingerprintTaken) => "fingerprint_taken",
        Err(StoreErrorKind::Unavailable) => "unavailable",
    };
    answer
}

pub(crate) fn clients(tenant: &Arc<str>, count: u64) {
    gauge!(CLIENTS, "tenant" => SharedString::from_shared(Arc::clone(tenant))).set(count as f64);
}

#[cfg(feature = "fetch")]
pub(crate) fn fetched(named_by: &'static str, outcome: &'static str) {
    counter!(FETCHES, "named_by" => named_by, "outcome" => outcome).increment(1);
}

#[cfg(feature = "rate-limit")]
pub(crate) fn rate_limited(limit: &'static str) {
    counter!(RATE_LIMITED, "limit" => limit).increment(1);
}

#[cfg(feature = "audit-channel")]
pub(crate) fn audit_dropped() {
    counter!(AUDIT_DROPPED).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_documented() {
        let document = include_str!("../docs/observing.md");
        for name in [REQUESTS, REQUEST_DURATION, STORE_DURATION, CLIENTS, AUDIT_DROPPED, FETCHES, RATE_LIMITED] {
            assert!(document.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
