//! Counters, gauges and histograms through the [`metrics`](https://docs.rs/metrics) facade (feature `metrics`). Without a
//! recorder each of them is a load of one atomic.
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
//! - Requests are those that the endpoint answers over HTTP; requests for the inner service are not counted.
//! - `operation`: `register`, `check` (a dry run), `read`, `update`, `delete`, `options`, or `other` for a method that is
//!   not defined.
//! - `outcome` of a request: `done`, `refused` (a 4xx reply), `failed` (a 5xx reply), or `abandoned`, when the caller closed
//!   the connection before the reply.
//! - `error`: the error code of the reply, `no_credentials` for a 401 without one, else `none`.
//! - `verb`: the method of [`ClientStore`](crate::store::ClientStore). Its `outcome`: `ok`, `conflict`, `replayed`,
//!   `unavailable`, or `abandoned`.
//! - `tenant`: the name given to [`with_tenant`](crate::RegistryBuilder::with_tenant), empty without.
//! - `tower_dcr_clients` is the result of the last call of [`Registry::count`](crate::Registry::count). Call it from a
//!   timer, or before the metrics are read.
//! - `named_by` of a fetch: `client` or `operator`. Its `outcome`: `ok`, `busy` (no free place), `timeout`, `transport`,
//!   `status`, `redirect`, `media_type`, `too_large`, `address` or `url`. Each caller is counted, also one that shares the
//!   response of another request or receives a cached one.
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

/// Registers unit and description of each metric with the recorder. Call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(REQUESTS, Unit::Count, "requests that the registration endpoint answered");
    describe_histogram!(REQUEST_DURATION, Unit::Seconds, "time from the head of a request to its answer");
    describe_histogram!(STORE_DURATION, Unit::Seconds, "time that one verb of the client store took");
    describe_gauge!(CLIENTS, Unit::Count, "registered clients when they were counted last");
    describe_counter!(
        AUDIT_DROPPED,
        Unit::Count,
        "events of the audit trail that were dropped because its channel was full"
    );
    describe_counter!(FETCHES, Unit::Count, "documents that were requested from the guarded fetcher");
    describe_counter!(RATE_LIMITED, Unit::Count, "requests that a rate limit refused");
}

/// Measures one request of the endpoint, from its creation to its drop.
///
/// It records in `drop`, because a request can end without a reply: hyper drops the future when the caller closes the
/// connection. The outcome is then `abandoned`.
#[derive(Debug)]
pub(crate) struct RequestTimer {
    tenant: Arc<str>,
    operation: &'static str,
    started: Instant,
    outcome: &'static str,
    error: &'static str,
}

impl RequestTimer {
    /// Starts the timer. `operation` is a label, so it must be a constant.
    pub(crate) fn begin(tenant: &Arc<str>, operation: &'static str) -> Self {
        Self { tenant: Arc::clone(tenant), operation, started: Instant::now(), outcome: ABANDONED, error: "none" }
    }

    /// States the outcome and ends the measurement.
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

/// Measures one call of the store. It records in `drop`, for the same reason as [`RequestTimer`].
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

/// Runs a call of the store and records its time and its outcome. `verb` is the name of the method.
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

/// Sets the gauge of registered clients of a tenant.
pub(crate) fn clients(tenant: &Arc<str>, count: u64) {
    gauge!(CLIENTS, "tenant" => SharedString::from_shared(Arc::clone(tenant))).set(count as f64);
}

/// Counts one document that was requested from the guarded fetcher.
#[cfg(feature = "fetch")]
pub(crate) fn fetched(named_by: &'static str, outcome: &'static str) {
    counter!(FETCHES, "named_by" => named_by, "outcome" => outcome).increment(1);
}

/// Counts one request that a rate limit refused.
#[cfg(feature = "rate-limit")]
pub(crate) fn rate_limited(limit: &'static str) {
    counter!(RATE_LIMITED, "limit" => limit).increment(1);
}

/// Counts one event that the channel of the audit trail dropped.
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
