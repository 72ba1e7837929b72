//! Reading from Redis: pages along the index, idle clients, records.
//!
//! Reading takes several commands, and clients change in between. That is safe: a list shows each client that was
//! there all the time, because a position never changes, and a removal compares what was read in its script. A row
//! without a client and a client that is no longer idle are skipped.
//!
//! # Why no script reads
//!
//! A script could select and compare, but it would have to parse records, and Redis would serve no other caller while a
//! list is built. The commands here are short, and the rows say where a client is, so most lists need two commands for
//! a page: one for the positions and one for the values.
//!
//! # What may be stale
//!
//! Between the two commands a client may be removed, used or updated. The clients that were read are therefore compared
//! with the whole query, also with the part that selected the rows. A client that gets a use in between is compared
//! with its new use.

use std::sync::Arc;

use redis::{FromRedisValue, pipe};

use super::keys;
use super::keys::Rows;
use super::{BATCH, RedisStore, script, unavailable, value};
use crate::client::Client;
use crate::client::InitialAccessTokenRecord;
use crate::error::StoreError;
use crate::store::{ClientQuery, IdleCutoffs, record};

/// How many clients are given to a script as candidates for an eviction. One could be changed by another caller in the
/// meantime; more keys make the script longer.
/// So many are changed together only if as many evictions run at the same time.
const FEW: usize = 16;
/// No limit of a range.
const ALL: isize = -1;

/// The initial access token of a record, with the uses that are kept beside it.
/// An empty text is a token without a limit of uses.
pub(super) fn token(record: &[u8], uses: Option<&str>) -> Result<InitialAccessTokenRecord, StoreError> {
    let uses_left = uses.and_then(|uses| uses.parse().ok());
    Ok(InitialAccessTokenRecord { uses_left, ..record::decode_token(record)? })
}

impl RedisStore {
    /// Those of the clients that are there, in the order given. A record that cannot be read is an error.
    /// A list that leaves such a client out would look complete, and an operator would not look for it.
    pub(super) async fn read(&self, ids: impl IntoIterator<Item = &str>) -> Result<Vec<Arc<Client>>, StoreError> {
        self.values(ids).await?.iter().flatten().map(|value| value::read(value)).collect()
    }

    /// The clients at these positions that are there and can be read.
    /// For expiry and eviction, where one damaged record must not keep all other idle clients from being removed.
    pub(super) async fn readable(&self, places: &[String]) -> Result<Vec<Arc<Client>>, StoreError> {
        let found = self.values(places.iter().filter_map(|place| keys::id_of(place))).await?;
        Ok(found.iter().flatten().filter_map(|value| value::read(value).ok()).collect())
    }

    /// The stored values of clients, `None` for those that are not there.
    /// One `MGET`; all keys of a tenant are on one node, so it works in a cluster too.
    async fn values(&self, ids: impl IntoIterator<Item = &str>) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let keys: Vec<String> = ids.into_iter().map(|id| self.keys.client(id)).collect();
        // `MGET` without a key is an error of Redis.
        if keys.is_empty() { Ok(Vec::new()) } else { self.ask(redis::cmd("MGET").arg(keys)).await }
    }

    /// Sends one command for each of these parts of the index in one transaction, so that a client that moves from one
    /// part to another is in one of them.
    async fn of_each<T: FromRedisValue>(
        &self,
        parts: &[Rows],
        command: &str,
        limit: Option<isize>,
    ) -> Result<Vec<T>, StoreError> {
        let mut pipeline = pipe();
        for rows in parts {
            pipeline.cmd(command).arg(self.keys.index()).arg(&rows.bounds());
            if let Some(limit) = limit {
                pipeline.arg("LIMIT").arg(0).arg(limit);
            }
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        pipeline.atomic().query_async(&mut self.connection.clone()).await.map_err(unavailable)
    }

    /// The positions in parts of the index, in order; at most so many of each part.
    /// The first `limit` positions of each part contain the first `limit` of all, so merging them is enough for a page.
    async fn places(&self, parts: &[Rows], limit: isize) -> Result<Vec<String>, StoreError> {
        let found: Vec<Vec<String>> = self.of_each(parts, "ZRANGEBYLEX", Some(limit)).await?;
        let of_part = |(rows, found): (&Rows, Vec<String>)| {
            let before_place = rows.before_place;
            found.into_iter().map(move |mut row| row.split_off(before_place))
        };
        let mut places: Vec<String> = parts.iter().zip(found).flat_map(of_part).collect();
        places.sort_unstable();
        Ok(places)
    }

    /// How many rows these parts of the index have.
    pub(super) async fn count_places(&self, parts: &[Rows]) -> Result<u64, StoreError> {
        Ok(self.of_each::<u64>(parts, "ZLEXCOUNT", None).await?.iter().sum())
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

    /// Along the part of the index that has the fewest rows besides the wanted ones, a batch at a time.
    /// Each batch is read and compared before the next one, so the memory has a bound whatever the filter leaves out.
    /// The work has none: a rare combination of fields reads all rows of its kind.
    async fn walk(&self, query: &ClientQuery, limit: usize) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut parts = Rows::around(query);
        if let Some(after) = &query.after {
            parts.iter_mut().for_each(|rows| rows.after(after));
        }
        let batch = if keys::is_exact(query) { BATCH.min(limit) } else { BATCH };
        let mut selected = Vec::new();
        while selected.len() < limit {
            let mut places = self.places(&parts, batch.cast_signed()).await?;
            // Each part returned up to a whole batch. What lies behind the first batch of all may have gaps, because
            // the parts end at different positions; it is read again with the next batch.
            places.truncate(batch);
            // The next batch begins after the last position, also if its client has been removed.
            let Some(last) = places.last() else { break };
            parts.iter_mut().for_each(|rows| rows.after_place(last));
            let found = self.read(places.iter().filter_map(|place| keys::id_of(place))).await?;
            selected.extend(found.into_iter().filter(|client| query.selects(client)));
        }
        Ok(selected)
    }

    /// The clients that a query with cutoffs selects.
    ///
    /// The positions are all fetched first, because those of used clients are in the order of their use and the list is
    /// in the order of the issue.
    async fn select_idle(
        &self,
        query: &ClientQuery,
        cutoffs: &IdleCutoffs,
        limit: usize,
    ) -> Result<Vec<Arc<Client>>, StoreError> {
        let places = self.idle_places(cutoffs, ALL).await?;
        let mut selected = Vec::new();
        for places in places.chunks(BATCH) {
            if selected.len() >= limit {
                break;
            }
            let idle = self.read(places.iter().filter_map(|place| keys::id_of(place))).await?;
            selected.extend(idle.into_iter().filter(|client| query.selects(client)));
        }
        Ok(selected)
    }

    /// The positions of clients that may be idle, in the order of the list; at most `limit` of those that were
    /// never used, and as many of those that were used.
    /// With a list of identifiers the clients are read at once, because a position needs the time of issue.
    pub(super) async fn idle_places(&self, cutoffs: &IdleCutoffs, limit: isize) -> Result<Vec<String>, StoreError> {
        let mut places = Vec::new();
        if let Some(ids) = &cutoffs.ids {
            for batch in ids.chunks(BATCH) {
                let idle = self.read(batch.iter().map(|id| id.as_str())).await?;
                places
                    .extend(idle.iter().filter(|client| cutoffs.is_idle(client)).map(|client| keys::place_of(client)));
            }
            places.sort_unstable();
        } else {
            places = self.places(&Rows::idle(cutoffs), limit).await?;
        }
        // A client that was used at this moment may occur among the unused and the used ones.
        places.dedup();
        Ok(places)
    }

    /// Some clients that are idle by the first of these cutoffs that selects any.
    /// The order of the cutoffs is the order in which the policy prefers to evict.
    pub(super) async fn first_evictable(&self, evict: &[IdleCutoffs]) -> Result<Vec<Arc<Client>>, StoreError> {
        for cutoffs in evict {
            let first = self.first_idle(cutoffs).await?;
            if !first.is_empty() {
                return Ok(first);
            }
        }
        Ok(Vec::new())
    }

    /// Some idle clients, the first one in the order of the list first. Rows without a client and clients that cannot
    /// be read are skipped.
    /// More than one, so that a second caller who evicts the first of them at the same moment does not cause a new
    /// round.
    async fn first_idle(&self, cutoffs: &IdleCutoffs) -> Result<Vec<Arc<Client>>, StoreError> {
        // The rows of clients that were never used are in order already.
        let most = if cutoffs.idle_since.is_none() { BATCH.cast_signed() } else { super::WINDOW };
        let mut first = Vec::new();
        for places in self.idle_places(cutoffs, most).await?.chunks(FEW) {
            first.extend(self.readable(places).await?.into_iter().filter(|client| cutoffs.is_idle(client)));
            if first.len() >= FEW {
                break;
            }
        }
        Ok(first)
    }

    /// Removes those of the clients that are unchanged since they were read, and returns them.
    /// A client that was used or updated since then stays, and is not in the answer. The answer is exact, because the
    /// caller revokes the grants of each client in it.
    pub(super) async fn remove_unchanged(&self, clients: Vec<Arc<Client>>) -> Result<Vec<Arc<Client>>, StoreError> {
        if clients.is_empty() {
            return Ok(clients);
        }
        let mut script = script::REMOVE.key(self.keys.index());
        script.key(self.keys.tokens()).arg("").arg(clients.len()).arg(0);
        for client in &clients {
            self.meant(&mut script, client);
        }
        let answers: Vec<u8> = self.run(&script).await?;
        let removed = clients.into_iter().zip(answers).filter(|(_, answer)| *answer == script::REMOVED);
        Ok(removed.map(|(client, _)| client).collect())
    }
}
