//! The connection to one server or to a cluster. Both reconnect by themselves.

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

/// How long a server may take to accept a connection. A request that waits longer is answered with an error.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a server may take to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// How many requests may wait to be sent.
const QUEUE: usize = 1024;

#[derive(Clone)]
pub(super) enum Connection {
    Server(Arc<Server>),
    Cluster(ClusterConnection),
}

/// The connection to one server, and how to make another one.
pub(super) struct Server {
    client: Client,
    config: ConnectionManagerConfig,
    current: Mutex<Current>,
}

/// The connection that counts, and how many there were before.
#[derive(Clone)]
struct Current {
    manager: ConnectionManager,
    number: u64,
}

impl Server {
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the server. A connection on which it did not answer in time is left to itself: the server may be there, and
    /// only that connection lead nowhere any more.
    async fn ask<T>(&self, ask: impl AsyncFnOnce(&mut ConnectionManager) -> RedisResult<T>) -> RedisResult<T> {
        let Current { mut manager, number } = self.current().clone();
        let answer = ask(&mut manager).await;
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

/// A connection whose other end does not even confirm what it was sent is lost.
fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(RESPONSE_TIMEOUT);
    settings
}

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
    /// Connects once, so that a wrong address is known at the start. A lost connection is made anew with the next
    /// request: while the server is away that fails at once, so nobody waits for it.
    pub(super) async fn to_server(url: &str, options: &RedisOptions) -> Result<Self, StoreError> {
        let info = url::info(url)?.set_tcp_settings(tcp_settings());
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_number_of_retries(0)
            .set_pipeline_buffer_size(QUEUE);
        let address = info.addr().clone();
        let client = client(info, options).map_err(|error| url::failed(&address, error))?;
        let manager = client.get_connection_manager_with_config(config.clone()).await;
        let manager = manager.map_err(|error| url::failed(&address, error))?;
        let current = Mutex::new(Current { manager, number: 0 });
        Ok(Self::Server(Arc::new(Server { client, config, current })))
    }

    /// Connects to the nodes of a cluster. A request is sent once, because an insertion that is sent again after a lost
    /// connection would meet itself; when a slot has moved, that request fails and the next one finds it.
    pub(super) async fn to_cluster(urls: &[&str], options: &RedisOptions) -> Result<Self, StoreError> {
        let nodes = urls.iter().map(|url| url::info(url)).collect::<Result<Vec<_>, _>>()?;
        let names = Vec::from_iter(nodes.iter().map(|node| node.addr().to_string())).join(", ");
        let builder = ClusterClient::builder(nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .tcp_settings(tcp_settings())
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
