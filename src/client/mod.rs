//! A registered client: its metadata, its credentials, and what only the server knows of it.
//!
//! The files: `status` (origin and status), `matching` (a request against the registration), `registration_token` and
//! `credential` (what proves that a caller is the client), `information` (the response that a client receives),
//! `initial_access_token` (the tokens that permit a registration) and `registrant_key` (which clients belong together).
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
mod matching;
mod registrant_key;
mod registration_token;
mod status;

pub use information::ClientInformation;
pub use initial_access_token::{InitialAccessTokenRecord, TokenOptions};
pub use registrant_key::RegistrantKey;
pub(crate) use registration_token::{Presented, RegistrationToken};
pub use status::{ClientStatus, RegistrationOrigin};

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::client::credential::{ClientId, Digest, StoredSecret};
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::ClientMetadata;

/// A registered client.
#[derive(Debug, Clone)]
pub struct Client {
    // The fields are for this crate alone. A public field would be part of the API of every store.
    pub(crate) id: ClientId,
    pub(crate) metadata: ClientMetadata,
    pub(crate) issued_at: SystemTime,
    pub(crate) secret: Option<Secret>,
    /// `None` where clients do not manage their registration.
    pub(crate) token: Option<RegistrationToken>,
    /// 1 for a new client, one more with every change. An update names the revision that it was made from, so two
    /// concurrent updates cannot both succeed.
    pub(crate) revision: u64,
    pub(crate) last_used: Option<SystemTime>,
    pub(crate) origin: RegistrationOrigin,
    pub(crate) owner: Option<Arc<str>>,
    pub(crate) status: ClientStatus,
    /// What every update of the client is limited to.
    pub(crate) constraints: Constraints,
    /// The digest of the normalized document, by which a repeated registration of the same software is found.
    pub(crate) fingerprint: Option<Digest>,
    /// A keyed hash of the network from which the client was registered, where that is known. The key is the server's:
    /// the address of a person cannot be computed from a copy of the store.
    pub(crate) network: Option<u64>,
}

/// The secret of a confidential client, and when it expires.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) stored: StoredSecret,
    pub(crate) expires_at: Option<SystemTime>,
}

impl Secret {
    /// Whether the secret is not valid any more at this time. A secret is invalid from the second of its expiry on
    /// ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1), `client_secret_expires_at`).
    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        // A client that presents the secret in the second of its expiry is refused, as the reply promised.
        self.expires_at.is_some_and(|expires_at| now >= expires_at)
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

    /// When the secret expires; `None` for never and for clients without a secret.
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

    /// When the client last received a token, if the application reported it
    /// ([`Registry::touch`](crate::Registry::touch)).
    #[must_use]
    pub fn last_used(&self) -> Option<SystemTime> {
        self.last_used
    }

    /// The client's place in lists as text, for a caller who requests the next page in a later request; see
    /// [`ClientQuery::after_cursor`](crate::store::ClientQuery::after_cursor). It contains the time of issue in
    /// nanoseconds since 1970, a dot and the identifier, and nothing secret.
    #[must_use]
    pub fn cursor(&self) -> String {
        // Nanoseconds, because two clients of one second must have different places in a list.
        let since = self.issued_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}.{}", since.as_nanos(), self.id)
    }

    /// How the client came to be registered.
    #[must_use]
    pub fn origin(&self) -> &RegistrationOrigin {
        &self.origin
    }

    /// On whose behalf the client was registered, if access control knew.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }

    /// The keys that the client shares with other clients of its registrant: its initial access token, its owner and
    /// its network, in this order, each if it is known.
    pub fn registrant_keys(&self) -> impl Iterator<Item = RegistrantKey> {
        // The token comes first: it is the most exact statement about who registered the client.
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

    /// Whether this is the digest of a registration access token of the client: of the current one, or of an earlier one
    /// that is still valid after a rotation. The comparison takes constant time. This is for stores; a
    /// [`Registry`](crate::Registry) also looks at the status of the client.
    #[must_use]
    pub fn has_registration_token(&self, token: &Digest) -> bool {
        self.token.as_ref().is_some_and(|known| known.verify_token(token).is_some())
    }
}
