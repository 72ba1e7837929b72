//! A cache of keys by their URL, for URLs that clients and software statements name.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::Keys;
use crate::trust::documents::DocumentSource;

/// The maximum number of URLs. Clients name them, so the cache must not grow without a limit.
const MAX: usize = 1024;

/// The keys at the URLs that clients and software statements name, shared by all requests. When the cache is full, the URL
/// that was not used for the longest time is evicted.
#[derive(Debug)]
pub(crate) struct KeySets {
    documents: DocumentSource,
    /// The keys of each URL, with the time of their last use.
    cached: Mutex<HashMap<String, (SystemTime, Keys)>>,
}

impl KeySets {
    pub(crate) fn new(documents: DocumentSource) -> Self {
        Self { documents, cached: Mutex::default() }
    }

    /// The keys at this URL, which has passed the rules for fetched URLs. Nothing is fetched yet.
    pub(crate) fn at(&self, url: &str, now: SystemTime) -> Keys {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        // Evicting needs a search, which is cheap beside the signature that is verified next.
        if cached.len() >= MAX && !cached.contains_key(url) {
            let oldest = cached.iter().min_by_key(|(_, (used, _))| *used).map(|(url, _)| url.clone());
            oldest.and_then(|url| cached.remove(&url));
        }
        let new = || (now, Keys::at(url.to_owned(), self.documents.clone()));
        let (used, keys) = cached.entry(url.to_owned()).or_insert_with(new);
        *used = now;
        keys.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use bytes::Bytes;

    use super::*;
    use crate::error::BoxError;
    use crate::trust::documents::FetchDocument;

    /// A source without documents.
    struct NoDocuments;

    impl FetchDocument for NoDocuments {
        async fn fetch(&self, _url: &str) -> Result<Bytes, BoxError> {
            Err("no documents".into())
        }
    }

    #[test]
    fn a_full_cache_evicts_the_url_that_was_not_used_for_the_longest_time() {
        let sets = KeySets::new(DocumentSource::new(NoDocuments));
        let at = |url: usize, time: usize| sets.at(&url.to_string(), UNIX_EPOCH + Duration::from_secs(time as u64));
        for url in 0..MAX {
            at(url, url);
        }
        at(0, MAX);
        at(MAX, MAX + 1);
        let cached = sets.cached.lock().unwrap();
        assert_eq!(cached.len(), MAX);
        assert!(cached.contains_key("0") && !cached.contains_key("1") && cached.contains_key(&MAX.to_string()));
    }
}
