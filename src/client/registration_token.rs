//! The registration access tokens of one client
//! ([RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3)).
//!
//! Rotation replaces the token with every update. The reply that carries the new token can be lost, so the old token
//! stays valid until the new one was used once. Only digests are kept.

use super::credential::Digest;

/// The registration access tokens of a client. Each token that was issued is valid until a later one is used, so a
/// reply that is lost does not lock the client out.
#[derive(Debug, Clone)]
pub(crate) struct RegistrationToken {
    /// The token that was issued last.
    pub(crate) current: Digest,
    /// Tokens that were issued before it and are still valid, the oldest first.
    pub(crate) earlier: Vec<Digest>,
}

/// Which of a client's registration access tokens was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presented {
    /// The token that was issued last.
    Current,
    /// The token at this position among the earlier ones.
    Earlier(usize),
}

impl RegistrationToken {
    /// How many earlier tokens may be valid at the same time. Without a limit, the record of a client that repeats one
    /// update again and again would grow without end. The SQL stores have a column for each token.
    const MAX_EARLIER: usize = 2;

    /// The only token of a client.
    pub(crate) fn only(token: Digest) -> Self {
        Self { current: token, earlier: Vec::new() }
    }

    /// Which of the tokens was presented; `None` for a token that is not valid for this client.
    pub(crate) fn verify_token(&self, presented: &Digest) -> Option<Presented> {
        // Every token is compared, also after one has matched: the time must not show which one it was.
        let earlier = self.earlier.iter().enumerate().fold(None, |found, (position, token)| {
            if token.matches(presented) { Some(Presented::Earlier(position)) } else { found }
        });
        if self.current.matches(presented) { Some(Presented::Current) } else { earlier }
    }

    /// The tokens that are still valid once this one was used: itself and those that were issued after it.
    pub(crate) fn after_use_of(&self, presented: Presented) -> Self {
        let used = match presented {
            Presented::Current => self.earlier.len(),
            Presented::Earlier(position) => position,
        };
        // The list may have become shorter since the position was found, by a concurrent update.
        Self { current: self.current, earlier: self.earlier[used.min(self.earlier.len())..].to_vec() }
    }

    /// Whether a new token can be issued while all others stay valid.
    pub(crate) fn can_add(&self) -> bool {
        self.earlier.len() < Self::MAX_EARLIER
    }

    /// The tokens once a new one was issued. The caller has asked [`can_add`](Self::can_add) before.
    pub(crate) fn with_new(mut self, new: Digest) -> Self {
        self.earlier.push(std::mem::replace(&mut self.current, new));
        self
    }
}
