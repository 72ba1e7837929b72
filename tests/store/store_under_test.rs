//! Where the stores under test come from.

use crate::custom_store::LockedStore;
use tower_dcr::store::{ClientStore, MemoryStore, contract};

/// Makes an empty store and deletes its data afterwards.
pub(crate) trait StoreUnderTest: Sized + Send {
    type Store: ClientStore;

    async fn make() -> Self;
    fn store(&self) -> Self::Store;
    async fn clear(self);
}

/// Runs a check of the suite so many times, each with an empty store.
pub(crate) async fn check<B: StoreUnderTest>(name: &str, times: usize) {
    let check = contract::checks().into_iter().find(|check| check.name() == name);
    let Some(check) = check else { panic!("{name} is no check of the suite") };
    for _ in 0..times {
        let store_under_test = B::make().await;
        let store = store_under_test.store();
        let outcome = tokio::spawn(async move { check.run(store).await }).await;
        store_under_test.clear().await;
        if let Err(error) = outcome {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// The store in memory.
pub(crate) struct Memory(MemoryStore);

impl StoreUnderTest for Memory {
    type Store = MemoryStore;

    async fn make() -> Self {
        Self(MemoryStore::new())
    }

    fn store(&self) -> MemoryStore {
        self.0.clone()
    }

    async fn clear(self) {}
}

/// The store of the example.
pub(crate) struct Custom(LockedStore);

impl StoreUnderTest for Custom {
    type Store = LockedStore;

    async fn make() -> Self {
        Self(LockedStore::default())
    }

    fn store(&self) -> LockedStore {
        self.0.clone()
    }

    async fn clear(self) {}
}

#[cfg(feature = "cache")]
pub(crate) use cache::Cached;

#[cfg(feature = "cache")]
mod cache {
    use tower_dcr::store::CachedStore;

    use super::StoreUnderTest;

    /// A cache over the stores of another bed.
    pub(crate) struct Cached<B>(B);

    impl<B: StoreUnderTest> StoreUnderTest for Cached<B> {
        type Store = CachedStore<B::Store>;

        async fn make() -> Self {
            Self(B::make().await)
        }

        fn store(&self) -> Self::Store {
            CachedStore::new(self.0.store())
        }

        async fn clear(self) {
            self.0.clear().await;
        }
    }
}

#[cfg(feature = "redis")]
pub(crate) use redis::{Redis, url};

#[cfg(feature = "redis")]
mod redis {
    use std::sync::atomic::{AtomicU32, Ordering};

    use ::redis::{AsyncCommands as _, Client, aio::MultiplexedConnection};
    use tower_dcr::store::RedisStore;

    use super::StoreUnderTest;

    /// The Redis of this machine, with a prefix of its own for each store.
    pub(crate) struct Redis {
        store: RedisStore,
        prefix: String,
        connection: MultiplexedConnection,
    }

    /// Where Redis is.
    pub(crate) fn url() -> String {
        std::env::var("TOWER_DCR_TEST_REDIS").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned())
    }

    impl Redis {
        pub(crate) fn prefix(&self) -> &str {
            &self.prefix
        }
    }

    impl StoreUnderTest for Redis {
        type Store = RedisStore;

        async fn make() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let prefix = format!("tower-dcr-test-{}-{number}", std::process::id());
            let store = RedisStore::connect(&url()).await.expect("Redis is needed").with_prefix(&prefix);
            let client = Client::open(url()).unwrap();
            let connection = client.get_multiplexed_async_connection().await.expect("Redis is needed");
            Self { store, prefix, connection }
        }

        fn store(&self) -> RedisStore {
            self.store.clone()
        }

        async fn clear(mut self) {
            let mut scanning = self.connection.clone();
            let mut keys = scanning.scan_match::<_, String>(format!("{{{}:*", self.prefix)).await.unwrap();
            while let Some(key) = keys.next_item().await {
                let _: () = self.connection.del(key.unwrap()).await.unwrap();
            }
        }
    }
}
