//! Keys that are read from where they are published, and read again when a token asks for others.
//!
//! Whoever presents tokens could make this server call a URL for each of them. So keys are shared by all who need them,
//! read by one caller at a time, and read again only after a pause.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::Token;
use super::key_set::{KeySet, Keys};
use crate::error::BoxError;
use crate::protocol::json::read::read as read_object;
use crate::trust::documents::DocumentSource;

/// How long keys that were read count.
const LIFETIME: Duration = Duration::from_secs(600);
/// How soon they are read again for a token that none of them signed.
const PAUSE: Duration = Duration::from_secs(60);
/// How soon they are tried again when they could not be read.
const RETRY: Duration = Duration::from_secs(5);

/// A key set at a URL.
pub(super) struct Published {
    url: String,
    documents: DocumentSource,
    known: Mutex<Known>,
    /// Held by the one who reads; the others wait for what that brings.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    read: Option<(SystemTime, Arc<KeySet>)>,
    /// When they were last asked for, and how long nobody asks again.
    asked: Option<(SystemTime, Duration)>,
}

fn is_within(now: SystemTime, since: SystemTime, time: Duration) -> bool {
    now.duration_since(since).unwrap_or_default() < time
}

impl Published {
    pub(super) fn new(url: String, documents: DocumentSource) -> Self {
        Self { url, documents, known: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// Whether one of the keys signed this token: one of those that are known, or of those that are there by now.
    pub(super) async fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<bool, BoxError> {
        let known = self.known(now);
        if known.as_ref().is_some_and(|set| set.verify(token)) {
            return Ok(true);
        }
        Ok(self.newer(known, now).await?.is_some_and(|set| set.verify(token)))
    }

    /// Other keys than those that are known, if it is time to look for some and there are any.
    async fn newer(&self, known: Option<Arc<KeySet>>, now: SystemTime) -> Result<Option<Arc<KeySet>>, BoxError> {
        let _reading = self.reading.lock().await;
        let meanwhile = self.known(now);
        if meanwhile.as_ref().map(Arc::as_ptr) != known.as_ref().map(Arc::as_ptr) {
            return Ok(meanwhile);
        }
        let read = match self.may_ask(now) {
            true => self.read(now).await,
            false => Err("the keys could not be read a moment ago".into()),
        };
        match read {
            Ok(set) => Ok(Some(set)),
            Err(_) if known.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read(&self, now: SystemTime) -> Result<Arc<KeySet>, BoxError> {
        let gotten = self.documents.fetch(&self.url).await.and_then(|document| {
            let set = read_object(&document).ok().and_then(|object| KeySet::read(&object));
            set.map(Arc::new).ok_or_else(|| "the document is not a JWK Set".into())
        });
        let mut known = self.lock();
        known.asked = Some((now, if gotten.is_ok() { PAUSE } else { RETRY }));
        if let Ok(set) = &gotten {
            known.read = Some((now, Arc::clone(set)));
        }
        gotten
    }

    fn may_ask(&self, now: SystemTime) -> bool {
        self.lock().asked.is_none_or(|(at, pause)| !is_within(now, at, pause))
    }

    fn known(&self, now: SystemTime) -> Option<Arc<KeySet>> {
        let known = self.lock();
        known.read.as_ref().filter(|(at, _)| is_within(now, *at, LIFETIME)).map(|(_, set)| Arc::clone(set))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

/// How many URLs are kept.
const MAX: usize = 1024;

/// The keys at the URLs that clients and statements name, for all requests that need them. Where there are too many,
/// the one goes that was not used for the longest time.
#[derive(Debug)]
pub(crate) struct KeySets {
    documents: DocumentSource,
    kept: Mutex<HashMap<String, (SystemTime, Keys)>>,
}

impl KeySets {
    pub(crate) fn new(documents: DocumentSource) -> Self {
        Self { documents, kept: Mutex::default() }
    }

    pub(crate) fn at(&self, url: &str, now: SystemTime) -> Keys {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX && !kept.contains_key(url) {
            let idlest = kept.iter().min_by_key(|(_, (used, _))| *used).map(|(url, _)| url.clone());
            idlest.and_then(|url| kept.remove(&url));
        }
        let new = || (now, Keys::at(url.to_owned(), self.documents.clone()));
        let (used, keys) = kept.entry(url.to_owned()).or_insert_with(new);
        *used = now;
        keys.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use bytes::Bytes;

    use super::*;
    use crate::trust::documents::FetchDocument;

    /// A Web of no pages.
    struct Nowhere;

    impl FetchDocument for Nowhere {
        async fn fetch(&self, _url: &str) -> Result<Bytes, BoxError> {
            Err("there is nothing".into())
        }
    }

    #[test]
    fn of_too_many_urls_the_one_goes_that_was_not_used_for_the_longest_time() {
        let sets = KeySets::new(DocumentSource::new(Nowhere));
        let at = |url: usize, time: usize| sets.at(&url.to_string(), UNIX_EPOCH + Duration::from_secs(time as u64));
        for url in 0..MAX {
            at(url, url);
        }
        at(0, MAX);
        at(MAX, MAX + 1);
        let kept = sets.kept.lock().unwrap();
        assert_eq!(kept.len(), MAX);
        assert!(kept.contains_key("0") && !kept.contains_key("1") && kept.contains_key(&MAX.to_string()));
    }
}
