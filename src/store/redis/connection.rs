//! The connection to one Redis server or to a cluster.
//!
//! All calls share one connection, on which requests are sent one after the other without waiting for answers, so a
//! store needs no pool. A call that fails is never repeated here: it may have taken place before the connection broke.
//! Three limits bound how long a caller waits: to connect, for an answer, and how many requests may queue.
//!
//! # What a failure leaves
//!
//! A request that was sent runs at the server, also when its caller has dropped the future or no answer comes. A script
//! runs as a whole or not, so the store is consistent in both cases; only the caller does not know which one it was. A
//! request that was refused because the queue is full, or because the server cannot be reached, was not sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, Cmd, ConnectionInfo, Pipeline, RedisError, RedisFuture, RedisResult, Value};

#[cfg(feature = "redis-tls")]
use super::options::settle_cryptography;
use super::{RedisOptions, url};
use crate::error::StoreError;
use crate::store::unreachable::unreachable;

/// How long a server may take to accept a connection. A request that waits longer fails as an outage.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a server may take to answer. Longer than any script takes, so an answer that is missing then is lost.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many requests may wait to be sent. More fail at once instead of using up memory while Redis is down.
/// The size is that of a burst of registrations, not of an outage.
const QUEUE: usize = 1024;

/// A connection to one server or to a cluster; both reconnect with the next request.
#[derive(Clone)]
pub(super) enum Connection {
    /// One server. Clones of a store share it, so that they replace a lost connection together.
    Server(Arc<Server>),
    /// The nodes of a cluster. The driver finds the node of a key and renews the map of slots.
    Cluster(ClusterConnection),
}

/// The connection to one server, and how to make another one.
pub(super) struct Server {
    /// The address and the certificates.
    client: Client,
    /// The limits of time and of the queue, which a new connection has too.
    config: ConnectionManagerConfig,
    /// The lock is held for a copy or a replacement and never while a request waits.
    current: Mutex<Current>,
}

/// The connection in use, and how many there were before it.
#[derive(Clone)]
struct Current {
    /// A handle of the driver; clones send on the same connection.
    manager: ConnectionManager,
    /// Grows with each replacement, so that a late timeout does not replace a connection that is newer than its
    /// request.
    number: u64,
}

impl Server {
    /// A panic while the lock is held leaves the connection usable.
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request. A connection on which no answer came in time is abandoned: the server may be well, and only
    /// this connection be lost, as when a firewall has dropped it. The number makes sure that of many callers who
    /// time out together one replaces the connection.
    async fn ask<T>(&self, ask: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>) -> RedisResult<T> {
        let Current { mut manager, number } = self.current().clone();
        let answer = ask(&mut manager).await;
        // Other errors are noticed by the driver, which reconnects by itself.
        if answer.as_ref().is_err_and(RedisError::is_timeout) {
            let mut current = self.current();
            if current.number == number {
                let manager = ConnectionManager::new_lazy_with_config(self.client.clone(), self.config.clone())?;
                *current = Current { manager, number: number + 1 };
            }
        }
        answer
    }
}

/// A connection whose other end does not even acknowledge data is lost; Linux closes it after this time.
fn tcp_settings() -> TcpSettings {
    // Requests are small and each is awaited, so collecting them into larger packets would only add delay.
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(RESPONSE_TIMEOUT);
    settings
}

/// A client of the driver, with certificates where they are set.
#[cfg(feature = "redis-tls")]
fn client(info: ConnectionInfo, options: &RedisOptions) -> RedisResult<Client> {
    settle_cryptography();
    match options.certificates() {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    }
}

#[cfg(not(feature = "redis-tls"))]
fn client(info: ConnectionInfo, _: &RedisOptions) -> RedisResult<Client> {
    Client::open(info)
}

/// The settings of a cluster, with certificates where they are set.
#[cfg(feature = "redis-tls")]
fn secured(builder: ClusterClientBuilder, options: &RedisOptions) -> ClusterClientBuilder {
    settle_cryptography();
    match options.certificates() {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    }
}

#[cfg(not(feature = "redis-tls"))]
fn secured(builder: ClusterClientBuilder, _: &RedisOptions) -> ClusterClientBuilder {
    builder
}

impl Connection {
    /// Connects at once, so that a wrong address is an error at the start. A lost connection is replaced with the next
    /// request, without retries: while Redis is down that fails at once, so no request waits for it.
    pub(super) async fn to_server(url: &str, options: &RedisOptions) -> Result<Self, StoreError> {
        let info = url::info(url)?.set_tcp_settings(tcp_settings());
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            // A retry inside the driver would make requests wait while Redis is down.
            .set_number_of_retries(0)
            .set_pipeline_buffer_size(QUEUE);
        let address = info.addr().clone();
        let client = client(info, options).map_err(|error| url::failed(&address, error))?;
        let manager = client.get_connection_manager_with_config(config.clone()).await;
        let manager = manager.map_err(|error| url::failed(&address, error))?;
        let current = Mutex::new(Current { manager, number: 0 });
        Ok(Self::Server(Arc::new(Server { client, config, current })))
    }

    /// Connects to the nodes of a cluster. A request is sent once, because an insertion that is repeated after a lost
    /// connection would find its own client; when a slot has moved, that request fails and the next one finds it.
    pub(super) async fn to_cluster(urls: &[&str], options: &RedisOptions) -> Result<Self, StoreError> {
        let nodes = urls.iter().map(|url| url::info(url)).collect::<Result<Vec<_>, _>>()?;
        let names = Vec::from_iter(nodes.iter().map(|node| node.addr().to_string())).join(", ");
        let builder = ClusterClient::builder(nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .tcp_settings(tcp_settings())
            // A repeated insertion would find its own client and report a collision.
            .retries(0);
        let connect = async { secured(builder, options).build()?.get_async_connection().await };
        let connected = connect.await.map_err(|error| unreachable(format!("the Redis Cluster at {names}"), error));
        connected.map(Self::Cluster)
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => Box::pin(server.ask(async |manager| manager.req_packed_command(command).await)),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => {
                Box::pin(server.ask(async move |manager| manager.req_packed_commands(pipeline, offset, count).await))
            }
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.current().manager.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}
