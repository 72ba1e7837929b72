//! Records of a store that were damaged.

use tower_dcr::credential::{ClientId, SecretStorage};
use tower_dcr::metadata::ClientMetadata;
use tower_dcr::retention::Retention;
use tower_dcr::store::ClientStore;
use tower_dcr::{Access, RegistrationErrorKind, Registry};

fn metadata() -> ClientMetadata {
    ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#).unwrap()
}

fn crowded(store: impl ClientStore, most: u64) -> Registry {
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    builder
        .with_retention(Retention::new().with_max_clients(most).with_grace(std::time::Duration::ZERO))
        .build(store)
        .unwrap()
}

/// A client that cannot be read is not removed: its grants could not be revoked.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
async fn who_cannot_be_read_does_not_go(store: impl ClientStore + Clone, damage: impl AsyncFnOnce()) {
    use tower_dcr::store::{ClientQuery, IdleCutoffs};

    let registry = crowded(store.clone(), 1);
    registry.register(metadata()).await.unwrap();
    damage().await;
    assert!(store.list(&ClientQuery::new()).await.is_err(), "it cannot be read");
    let refused = registry.register(metadata()).await.unwrap_err();
    assert_eq!((refused.kind(), registry.count().await.unwrap()), (RegistrationErrorKind::Unavailable, 1));
    assert!(store.list(&ClientQuery::new()).await.is_err(), "it is there as before");
    let later = registry.now() + std::time::Duration::from_secs(60);
    let expired = registry.expire(&IdleCutoffs::none(later).with_unused_since(later), 10).await;
    assert_eq!((expired.unwrap_err().kind(), registry.count().await.unwrap()), (RegistrationErrorKind::Unavailable, 1));
}

/// A wrong token reads no record, so the time of the reply shows neither that there is one nor its size. The test
/// proves that without a clock: the reply is the same when the record cannot be read.
async fn a_wrong_token_reads_no_record(store: impl ClientStore + Clone, damage: impl AsyncFnOnce(&ClientId)) {
    let registry = crowded(store.clone(), 10);
    let registered = registry.register(metadata()).await.unwrap();
    let (id, token) = (registered.client().id(), registered.registration_access_token().unwrap().expose());
    damage(id).await;
    for (name, id, token, expected) in [
        ("a wrong token", id, "wrong", RegistrationErrorKind::InvalidToken),
        ("nobody", &ClientId::generate().unwrap(), "wrong", RegistrationErrorKind::InvalidToken),
        ("the right token", id, token, RegistrationErrorKind::Unavailable),
    ] {
        assert_eq!(registry.read(id, token).await.unwrap_err().kind(), expected, "{name} reads");
        assert_eq!(registry.update(id, token, metadata()).await.unwrap_err().kind(), expected, "{name} updates");
        assert_eq!(registry.delete(id, token).await.unwrap_err().kind(), expected, "{name} deletes");
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_wrong_token_reads_no_record_in_sqlite() {
    use sqlx::{Connection as _, SqliteConnection};

    use crate::store_under_test::StoreUnderTest as _;

    let store_under_test = crate::sql::Sqlite::make().await;
    let path = store_under_test.path();
    let damage = async |_: &ClientId| {
        let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::raw_sql("UPDATE dcr_clients SET record = x'00'").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    a_wrong_token_reads_no_record(store_under_test.store(), damage).await;
    store_under_test.clear().await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_wrong_token_reads_no_record_in_postgres() {
    use crate::sql::Postgres;
    use crate::store_under_test::StoreUnderTest as _;

    let store_under_test = Postgres::make().await;
    let damage = async |_: &ClientId| {
        let text = format!("UPDATE {}.clients SET record = ''", store_under_test.schema());
        sqlx::raw_sql(&text).execute(&mut Postgres::connection().await).await.unwrap();
    };
    a_wrong_token_reads_no_record(store_under_test.store(), damage).await;
    store_under_test.clear().await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn a_wrong_token_reads_no_record_in_redis() {
    use redis::AsyncCommands as _;

    use crate::store_under_test::{Redis, StoreUnderTest as _, url};

    let store_under_test = Redis::make().await;
    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let damage = async |id: &ClientId| {
        let key = format!("{{{}:}}:client:{id}", store_under_test.prefix());
        connection.append::<_, _, ()>(key, "damaged").await.unwrap();
    };
    a_wrong_token_reads_no_record(store_under_test.store(), damage).await;
    store_under_test.clear().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn who_cannot_be_read_in_sqlite_does_not_go() {
    use sqlx::{Connection as _, SqliteConnection};

    use crate::store_under_test::StoreUnderTest as _;

    let store_under_test = crate::sql::Sqlite::make().await;
    let path = store_under_test.path();
    let damage = async || {
        let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::raw_sql("UPDATE dcr_clients SET record = x'00'").execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    who_cannot_be_read_does_not_go(store_under_test.store(), damage).await;
    store_under_test.clear().await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn who_cannot_be_read_in_postgres_does_not_go() {
    use crate::sql::Postgres;
    use crate::store_under_test::StoreUnderTest as _;

    let store_under_test = Postgres::make().await;
    let damage = async || {
        let text = format!("UPDATE {}.clients SET record = ''", store_under_test.schema());
        sqlx::raw_sql(&text).execute(&mut Postgres::connection().await).await.unwrap();
    };
    who_cannot_be_read_does_not_go(store_under_test.store(), damage).await;
    store_under_test.clear().await;
}

/// More clients than one script removes.
#[cfg(all(feature = "redis", feature = "cache"))]
#[tokio::test]
async fn readable_clients_expire_in_redis_and_are_all_reported() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use redis::AsyncCommands as _;
    use tower_dcr::store::{CachedStore, IdleCutoffs};
    use tower_dcr::{BoxError, Client, Revoke};

    use crate::store_under_test::{Redis, StoreUnderTest as _, url};

    struct Counted(Arc<AtomicUsize>);

    impl Revoke for Counted {
        async fn revoke(&self, _: &Client) -> Result<(), BoxError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    let (store_under_test, revoked, changes) =
        (Redis::make().await, Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let recorder = Arc::clone(&changes);
    let store =
        CachedStore::new(store_under_test.store()).on_change(move |_, id| recorder.lock().unwrap().push(id.clone()));
    let builder = Registry::builder("https://id.example.com", Access::Open).with_secrets(SecretStorage::hashed());
    let registry = builder.with_revocation(Counted(Arc::clone(&revoked))).build(store).unwrap();
    let mut ids = Vec::new();
    for _ in 0..250 {
        ids.push(registry.register(metadata()).await.unwrap().client().id().clone());
    }
    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    for damaged in [&ids[0], &ids[150]] {
        let key = format!("{{{}:}}:client:{damaged}", store_under_test.prefix());
        connection.append::<_, _, ()>(key, "damaged").await.unwrap();
    }
    changes.lock().unwrap().clear();
    let later = registry.now() + std::time::Duration::from_secs(60);
    let cutoffs = IdleCutoffs::none(later).with_unused_since(later);
    assert_eq!(registry.expire(&cutoffs, 120).await.unwrap().len(), 120);
    assert_eq!(registry.expire(&cutoffs, 1000).await.unwrap().len(), 128);
    assert_eq!((registry.count().await.unwrap(), revoked.load(Ordering::SeqCst)), (2, 248));
    assert_eq!(changes.lock().unwrap().len(), 248);
    store_under_test.clear().await;
}

/// A script gets the names of its keys as arguments, so the index is read before. It may have rows whose client does
/// not exist any more.
#[cfg(feature = "redis")]
#[tokio::test]
async fn rows_without_a_client_and_unreadable_clients_are_not_evicted_in_redis() {
    use redis::AsyncCommands as _;

    use crate::store_under_test::{Redis, StoreUnderTest as _, url};

    let store_under_test = Redis::make().await;
    let registry = crowded(store_under_test.store(), 40);
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(registry.register(metadata()).await.unwrap().client().id().clone());
    }
    let mut connection = redis::Client::open(url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let key = |number: usize| format!("{{{}:}}:client:{}", store_under_test.prefix(), ids[number]);
    for number in 0..38 {
        match number {
            0..30 => assert_eq!(connection.del::<_, u8>(key(number)).await.unwrap(), 1),
            _ => connection.append::<_, _, ()>(key(number), "damaged").await.unwrap(),
        }
    }
    for _ in 38..40 {
        let new = registry.register(metadata()).await.unwrap();
        assert!(registry.touch(new.client().id()).await.unwrap());
    }
    for gone in &ids[38..] {
        assert!(registry.client(gone.as_str()).await.unwrap().is_none());
    }
    assert_eq!(registry.register(metadata()).await.unwrap_err().kind(), RegistrationErrorKind::Unavailable);
    store_under_test.clear().await;
}
