//! The contract suite: the stores of the crate pass it, and broken ones do not.
#![cfg(all(feature = "store-tests", feature = "memory"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod broken;
#[cfg(feature = "cache")]
mod cache;
#[allow(dead_code, reason = "its main function runs the suite")]
#[path = "../../examples/custom_store.rs"]
mod custom_store;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
mod damaged_records;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod durable;
#[cfg(any(feature = "postgres", feature = "redis"))]
#[path = "../support/lossy_proxy.rs"]
mod lossy_proxy;
mod record_versions;
#[cfg(feature = "redis")]
mod redis_operation;
#[cfg(feature = "redis")]
#[path = "../support/redis_server.rs"]
mod redis_server;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite_files;
mod store_under_test;
mod token_rotation;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod unresponsive_server;

use tower_dcr::for_each_store_check;
use tower_dcr::store::{MemoryStore, contract};

/// One test for each check of the suite, in a module of this name. The number says how often each check is run.
macro_rules! contract_tests {
    ($module:ident over $store:ty, $times:literal; $($group:ident { $($name:ident)+ })+) => {
        mod $module {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                super::store_under_test::check::<$store>(stringify!($name), $times).await;
            })+)+
        }
    };
}

// A fast store runs each check several times, since a race may pass by chance.
for_each_store_check! { contract_tests! { memory over crate::store_under_test::Memory, 8; } }
for_each_store_check! { contract_tests! { a_store_of_your_own over crate::store_under_test::Custom, 2; } }
#[cfg(feature = "cache")]
for_each_store_check! { contract_tests! { cache_over_memory over crate::store_under_test::Cached<crate::store_under_test::Memory>, 4; } }
#[cfg(feature = "redis")]
for_each_store_check! { contract_tests! { redis over crate::store_under_test::Redis, 1; } }
#[cfg(all(feature = "cache", feature = "redis"))]
for_each_store_check! { contract_tests! { cache_over_redis over crate::store_under_test::Cached<crate::store_under_test::Redis>, 1; } }
#[cfg(feature = "sqlite")]
for_each_store_check! { contract_tests! { sqlite over crate::sql::Sqlite, 1; } }
#[cfg(feature = "postgres")]
for_each_store_check! { contract_tests! { postgres over crate::sql::Postgres, 1; } }
#[cfg(feature = "postgres")]
for_each_store_check! { contract_tests! { postgres_without_a_session over crate::sql::Pooled, 1; } }
#[cfg(feature = "postgres")]
for_each_store_check! { contract_tests! { postgres_with_repeatable_reads over crate::sql::Repeating, 1; } }
#[cfg(all(feature = "cache", feature = "sqlite"))]
for_each_store_check! { contract_tests! { cache_over_sqlite over crate::store_under_test::Cached<crate::sql::Sqlite>, 1; } }
#[cfg(all(feature = "cache", feature = "postgres"))]
for_each_store_check! { contract_tests! { cache_over_postgres over crate::store_under_test::Cached<crate::sql::Postgres>, 1; } }

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
