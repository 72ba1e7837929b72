//! A registered client: what it said about itself, what proves it, and what only the server knows of it.
//!
//! [`Client`] deliberately has no `Serialize`: an application cannot leak a secret by returning one as JSON. What the
//! server knows (owner, origin, revision, times) stands beside the metadata, never in it, so no request can set it.
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
//! let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["http://127.0.0.1/cb"] }"#)?;
//! let registered = registry.register(metadata).await?;
//!
//! let client = registry.client(registered.client().id().as_str()).await?.expect("just registered");
//! assert_eq!(client.redirect_uri("http://127.0.0.1:51004/cb"), Some("http://127.0.0.1:51004/cb"));
//! assert_eq!(client.redirect_uri("http://127.0.0.1:51004/other"), None);
//! assert!(client.verify_secret(registered.client_secret().unwrap().expose(), registry.now()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod credential;
mod information;
mod initial_access_token;
mod registrant_key;

pub use information::ClientInformation;
pub use initial_access_token::{InitialAccessTokenRecord, TokenOptions};
pub use registrant_key::RegistrantKey;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::credential::{ClientId, Digest, StoredSecret};
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::ClientMetadata;
use crate::protocol::uri::redirect;

/// How a client came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistrationOrigin {
    /// Anybody could have registered it.
    Open,
    /// Somebody with this initial access token.
    InitialAccessToken(Arc<str>),
    /// Somebody whom the application's own gate let in.
    Gate,
    /// The application itself, through [`Registry::register`](crate::Registry::register).
    Application,
}

impl RegistrationOrigin {
    /// A lower-case name.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InitialAccessToken(_) => "initial_access_token",
            Self::Gate => "gate",
            Self::Application => "application",
        }
    }
}

/// Whether a client may do what it is registered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ClientStatus {
    /// It waits for approval: it may read, change and delete its registration and nothing else.
    Pending,
    /// It may do all that it is registered for.
    #[default]
    Active,
    /// It may do nothing, and its registration access token counts no more.
    Disabled,
}

impl ClientStatus {
    /// A lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for ClientStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A registered client.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) id: ClientId,
    pub(crate) metadata: ClientMetadata,
    pub(crate) issued_at: SystemTime,
    pub(crate) secret: Option<Secret>,
    /// None where clients do not manage their registration.
    pub(crate) token: Option<RegistrationToken>,
    pub(crate) revision: u64,
    pub(crate) last_used: Option<SystemTime>,
    pub(crate) origin: RegistrationOrigin,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) status: ClientStatus,
    /// What every update of the client is limited to.
    pub(crate) constraints: Constraints,
    /// The digest of what a registration would have to say to be the same one.
    pub(crate) fingerprint: Option<Digest>,
    /// A keyed hash of the network from which the client was registered, where that is known.
    pub(crate) network: Option<u64>,
}

/// The secret of a confidential client, and how long it counts.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) stored: StoredSecret,
    pub(crate) expires_at: Option<SystemTime>,
}

impl Secret {
    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
    }
}

/// The registration access tokens of a client. Each token that was issued is valid until a later one is used, so a
/// reply that is lost locks nobody out.
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
    Current,
    /// The token at this position among the earlier ones.
    Earlier(usize),
}

impl RegistrationToken {
    /// How many earlier tokens may be valid at the same time. Without a bound, a client that repeats one update for
    /// ever would let its record grow. The SQL stores have a column for each.
    const MAX_EARLIER: usize = 2;

    /// The only token of a client.
    pub(crate) fn only(token: Digest) -> Self {
        Self { current: token, earlier: Vec::new() }
    }

    /// Compares with every token, also after one has matched.
    pub(crate) fn verify_token(&self, presented: &Digest) -> Option<Presented> {
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
        Self { current: self.current, earlier: self.earlier[used.min(self.earlier.len())..].to_vec() }
    }

    /// Whether a new token can be issued while all others stay valid.
    pub(crate) fn can_add(&self) -> bool {
        self.earlier.len() < Self::MAX_EARLIER
    }

    /// The tokens once a new one was issued.
    pub(crate) fn with_new(mut self, new: Digest) -> Self {
        self.earlier.push(std::mem::replace(&mut self.current, new));
        self
    }
}

impl Client {
    /// The client identifier.
    #[must_use]
    pub fn id(&self) -> &ClientId {
        &self.id
    }

    /// What is registered, with defaults applied.
    #[must_use]
    pub fn metadata(&self) -> &ClientMetadata {
        &self.metadata
    }

    /// When the identifier was issued.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// When the secret ends to count; `None` for never and for clients without a secret.
    #[must_use]
    pub fn secret_expires_at(&self) -> Option<SystemTime> {
        self.secret.as_ref()?.expires_at
    }

    /// Whether the client has a secret.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        self.secret.is_some()
    }

    /// 1 for a new client, one more with every change of it.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// When the client last got a token, as far as the application told.
    #[must_use]
    pub fn last_used(&self) -> Option<SystemTime> {
        self.last_used
    }

    /// The client's place in lists as text, for whoever asks for the next page in a later request; see
    /// [`ClientQuery::after_cursor`](crate::store::ClientQuery::after_cursor). It holds nothing but the time of issue
    /// and the identifier.
    #[must_use]
    pub fn cursor(&self) -> String {
        let since = self.issued_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}.{}", since.as_nanos(), self.id)
    }

    /// How the client came to be.
    #[must_use]
    pub fn origin(&self) -> &RegistrationOrigin {
        &self.origin
    }

    /// On whose behalf the client was registered, if access control knew.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// What the client has in common with other clients of its registrant, as far as it is known.
    pub fn registrant_keys(&self) -> impl Iterator<Item = RegistrantKey> {
        let token = match &self.origin {
            RegistrationOrigin::InitialAccessToken(id) => Some(RegistrantKey::InitialAccessToken(Arc::clone(id))),
            _ => None,
        };
        let owner = self.owner.clone().map(RegistrantKey::Owner);
        token.into_iter().chain(owner).chain(self.network.map(RegistrantKey::Network))
    }

    /// Whether the client may do what it is registered for.
    #[must_use]
    pub fn status(&self) -> ClientStatus {
        self.status
    }

    /// Whether the client may do what it is registered for: it is neither disabled nor waiting for approval.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == ClientStatus::Active
    }

    /// What every update of the client is limited to.
    #[must_use]
    pub fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// Whether this is the secret of an active client and it has not expired. The comparison takes constant time.
    #[must_use]
    pub fn verify_secret(&self, presented: &str, now: SystemTime) -> bool {
        let verified = self.secret.as_ref().is_some_and(|secret| {
            secret.stored.verify(presented) && secret.expires_at.is_none_or(|expires_at| now < expires_at)
        });
        verified && self.is_active()
    }

    /// Whether this is the digest of a registration access token of the client: of the current one, or of an earlier one
    /// that is still valid after a rotation. The comparison takes constant time. For stores; a [`Registry`](crate::Registry) also looks at the
    /// status of the client.
    #[must_use]
    pub fn has_registration_token(&self, token: &Digest) -> bool {
        self.token.as_ref().is_some_and(|known| known.verify_token(token).is_some())
    }

    /// The redirection URI to use when the client asks for this one; `None` when it is not registered or the client is
    /// not active.
    ///
    /// Comparison is by characters ([RFC 6749 §3.1.2.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2.3)),
    /// except that an `http` URI on loopback may name any port
    /// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
    #[must_use]
    pub fn redirect_uri<'a>(&self, requested: &'a str) -> Option<&'a str> {
        self.registered(&self.metadata.redirect_uris, requested)
    }

    /// The redirection URI to use after a logout when the client asks for this one; `None` when it is not registered or
    /// the client is not active. Compared as [`redirect_uri`](Self::redirect_uri) is
    /// ([RP-Initiated Logout §3](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RedirectionAfterLogout)).
    #[must_use]
    pub fn post_logout_redirect_uri<'a>(&self, requested: &'a str) -> Option<&'a str> {
        self.registered(&self.metadata.post_logout_redirect_uris, requested)
    }

    /// The part of a requested scope that the client may have, in the order of the request; `None` when nothing of it
    /// is left or the client is not active. A client that registered no scope is not limited by its registration
    /// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    #[must_use]
    pub fn scope(&self, requested: &str) -> Option<String> {
        let registered = self.metadata.scope.as_deref();
        let permitted = |token: &&str| registered.is_none_or(|scope| scope.split(' ').any(|known| known == *token));
        let tokens = requested.split(' ').filter(|token| !token.is_empty());
        let kept: Vec<_> = tokens.filter(permitted).collect();
        (!kept.is_empty() && self.is_active()).then(|| kept.join(" "))
    }

    fn registered<'a>(&self, uris: &[String], requested: &'a str) -> Option<&'a str> {
        let known = uris.iter().any(|registered| redirect::matches(registered, requested));
        (known && self.is_active()).then_some(requested)
    }
}
