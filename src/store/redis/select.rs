//! Reading: pages along the index, idle clients, records.

use std::sync::Arc;

use redis::pipe;

use super::keys::{self, Rows};
use super::{BATCH, RedisStore, script, unavailable};
use crate::access::InitialAccessTokenRecord;
use crate::client::Client;
use crate::error::StoreError;
use crate::store::{ClientQuery, Cutoffs, record};

/// As the limit of a range: no limit.
const ALL: isize = -1;

/// The client of a record, with the last use that is kept beside it.
fn client(record: &[u8], used: &str) -> Result<Arc<Client>, StoreError> {
    Ok(Arc::new(record::decode_client(record)?.with_last_used(keys::read_time(used))))
}

/// The initial access token of a record, with the uses that are kept beside it.
pub(super) fn token(record: &[u8], uses: Option<&str>) -> Result<InitialAccessTokenRecord, StoreError> {
    let uses_left = uses.and_then(|uses| uses.parse().ok());
    Ok(InitialAccessTokenRecord { uses_left, ..record::decode_token(record)? })
}

impl RedisStore {
    /// Those of the clients that are there, in the order given.
    pub(super) async fn read(&self, ids: impl IntoIterator<Item = &str>) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut pipeline = pipe();
        for id in ids {
            pipeline.hmget(self.keys.client(id), &["record", "used"]);
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<(Option<Vec<u8>>, Option<String>)> =
            pipeline.query_async(&mut self.connection.clone()).await.map_err(unavailable)?;
        let found = found.iter().filter_map(|(record, used)| Some((record.as_deref()?, used.as_deref()?)));
        found.map(|(record, used)| client(record, used)).collect()
    }

    async fn rows(&self, rows: &Rows, limit: isize) -> Result<Vec<String>, StoreError> {
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(self.keys.index()).arg(&rows.from).arg(&rows.before).arg("LIMIT").arg(0).arg(limit);
        self.ask(&command).await
    }

    pub(super) async fn count_rows(&self, rows: &Rows) -> Result<u64, StoreError> {
        self.ask(redis::cmd("ZLEXCOUNT").arg(self.keys.index()).arg(&rows.from).arg(&rows.before)).await
    }

    /// The first clients that a query selects.
    pub(super) async fn select(&self, query: &ClientQuery, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut selected = match &query.idle {
            Some(cutoffs) => self.select_idle(query, cutoffs, limit).await?,
            None => self.walk(query, limit).await?,
        };
        selected.truncate(limit);
        Ok(selected)
    }

    /// Along the part of the index that has the fewest rows besides those that are wanted.
    async fn walk(&self, query: &ClientQuery, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut rows = Rows::around(query);
        if let Some(after) = &query.after {
            rows = rows.after(after);
        }
        let batch = if keys::is_exact(query) { BATCH.min(limit) } else { BATCH };
        let mut selected = Vec::new();
        while selected.len() < limit {
            let found = self.rows(&rows, batch.cast_signed()).await?;
            let Some(last) = found.last() else { break };
            rows.from = format!("({last}");
            let ids = found.iter().filter_map(|row| keys::id_of(row, rows.before_place));
            selected.extend(self.read(ids).await?.into_iter().filter(|client| query.selects(client)));
        }
        Ok(selected)
    }

    async fn select_idle(
        &self,
        query: &ClientQuery,
        cutoffs: &Cutoffs,
        limit: usize,
    ) -> Result<Vec<Arc<Client>>, StoreError> {
        let places = self.idle_places(cutoffs, ALL).await?;
        let mut selected = Vec::new();
        for places in places.chunks(BATCH) {
            if selected.len() >= limit {
                break;
            }
            let idle = self.read(places.iter().filter_map(|place| keys::id_of(place, 0))).await?;
            selected.extend(idle.into_iter().filter(|client| query.selects(client)));
        }
        Ok(selected)
    }

    /// The places of clients that may be idle, in the order of the list; at most so many of those that were used.
    pub(super) async fn idle_places(&self, cutoffs: &Cutoffs, limit: isize) -> Result<Vec<String>, StoreError> {
        let mut places = Vec::new();
        if let Some(among) = &cutoffs.among {
            for ids in among.chunks(BATCH) {
                let idle = self.read(ids.iter().map(|id| id.as_str())).await?;
                places
                    .extend(idle.iter().filter(|client| cutoffs.reach(client)).map(|client| keys::idle_place(client)));
            }
        } else {
            for rows in Rows::idle(cutoffs) {
                let found = self.rows(&rows, limit).await?;
                places.extend(found.into_iter().map(|mut row| row.split_off(rows.before_place)));
            }
        }
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    /// Removes those of the clients that are still as they were read, and tells which.
    pub(super) async fn remove_unchanged(&self, clients: Vec<Arc<Client>>) -> Result<Vec<Arc<Client>>, StoreError> {
        if clients.is_empty() {
            return Ok(clients);
        }
        let mut script = script::REMOVE.key(self.keys.index());
        script.key(self.keys.tokens()).arg("");
        for client in &clients {
            script.key(self.keys.client(client.id.as_str())).arg(client.revision).arg(super::last_use(client));
        }
        let answers: Vec<u8> = self.run(&script).await?;
        let removed = clients.into_iter().zip(answers).filter(|(_, answer)| *answer == script::REMOVED);
        Ok(removed.map(|(client, _)| client).collect())
    }
}
