//! Shows that a flood of registrations does not grow the memory: a million attempts at a limit of ten thousand
//! clients.
//!
//! `cargo bench --bench ceiling` prints the resident memory of the process (Linux) after every tenth of the attempts.
//! It runs once with and once without the eviction of unused clients, and fails if the memory grows.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a bench fails by panicking")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::ServiceExt as _;
use tower_dcr::retention::Retention;
use tower_dcr::store::MemoryStore;
use tower_dcr::{Access, EndpointService, Registry};

const ATTEMPTS: u64 = 1_000_000;
const CEILING: u64 = 10_000;
const LOOKS: u64 = 10;
/// The factor by which memory may grow after the first tenth of the attempts, when the limit is long reached.
const SLACK: f64 = 1.1;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let unused = Retention::new().with_max_clients(CEILING).with_grace(Duration::ZERO);
    println!("{ATTEMPTS} registrations against a ceiling of {CEILING} clients in memory");
    for (name, retention) in [
        ("the oldest unused client is evicted", unused.clone()),
        ("no client is evicted", unused.with_grace(Duration::MAX)),
    ] {
        println!("\n{name}");
        println!("{:>9} {:>9} {:>9} {:>8} {:>9} {:>9}", "attempts", "201", "503", "clients", "RSS MiB", "µs each");
        runtime.block_on(flood(retention));
    }
}

/// Runs all attempts and compares the memory after each tenth with that after the first.
async fn flood(retention: Retention) {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_retention(retention).with_audit(());
    let registry = builder.build(MemoryStore::new()).unwrap();
    let endpoint = registry.clone().into_service();
    let (mut created, mut refused) = (0_u64, 0_u64);
    let mut first = None;
    for look in 1..=LOOKS {
        let start = Instant::now();
        for _ in 0..ATTEMPTS / LOOKS {
            match attempt(&endpoint).await {
                StatusCode::CREATED => created += 1,
                StatusCode::SERVICE_UNAVAILABLE => refused += 1,
                status => panic!("{status}"),
            }
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / (ATTEMPTS / LOOKS) as f64;
        let (clients, resident) = (registry.count().await.unwrap(), resident_mib());
        // The limit must be exact: a store that counts late would exceed it under load.
        assert_eq!(clients, CEILING.min(created));
        println!("{:>9} {created:>9} {refused:>9} {clients:>8} {resident:>9.1} {each:>9.1}", look * ATTEMPTS / LOOKS);
        let first = *first.get_or_insert(resident);
        assert!(resident <= first * SLACK, "memory is not flat: {first:.1} MiB at first, {resident:.1} MiB now");
    }
}

/// One registration through the service, without a socket.
async fn attempt(endpoint: &EndpointService) -> StatusCode {
    let body = r#"{ "redirect_uris": ["https://app.example.com/cb"], "client_name": "One of a million" }"#;
    let request = Request::post("/oidc/register").header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
    endpoint.clone().oneshot(request).await.unwrap().status()
}

/// The resident memory of the process in MiB, as the kernel reports it.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has /proc/self/status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().unwrap();
    kib / 1024.0
}
