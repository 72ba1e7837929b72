//! Where the stores under test come from.

use tower_dcr::store::{ClientStore, MemoryStore, contract};

/// Gives an empty store and takes away afterwards what is left of it.
pub(crate) trait Bed: Sized + Send {
    type Store: ClientStore;

    async fn make() -> Self;
    fn store(&self) -> Self::Store;
    async fn clear(self);
}

/// Runs a check of the suite so many times, each with an empty store.
pub(crate) async fn check<B: Bed>(name: &str, times: usize) {
    let check = contract::checks().into_iter().find(|check| check.name() == name);
    let Some(check) = check else { panic!("{name} is no check of the suite") };
    for _ in 0..times {
        let bed = B::make().await;
        let store = bed.store();
        let outcome = tokio::spawn(async move { check.run(store).await }).await;
        bed.clear().await;
        if let Err(error) = outcome {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

/// The store that needs nothing.
pub(crate) struct Memory(MemoryStore);

impl Bed for Memory {
    type Store = MemoryStore;

    async fn make() -> Self {
        Self(MemoryStore::new())
    }

    fn store(&self) -> MemoryStore {
        self.0.clone()
    }

    async fn clear(self) {}
}

#[cfg(feature = "cache")]
pub(crate) use cache::Cached;

#[cfg(feature = "cache")]
mod cache {
    use tower_dcr::store::CachedStore;

    use super::Bed;

    /// A cache over the stores of another bed.
    pub(crate) struct Cached<B>(B);

    impl<B: Bed> Bed for Cached<B> {
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
