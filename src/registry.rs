//! The handle: what the protocol does, free of HTTP.
//!
//! The registration endpoint and the application use the same operations, so what one of them refuses, the other
//! cannot do either.
//!
//! ```
//! use tower_dcr::metadata::ClientMetadata;
//! use tower_dcr::store::MemoryStore;
//! use tower_dcr::{Access, ErrorKind, Registry};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let registry = Registry::builder("https://id.example.com", Access::ManagementOnly).build(MemoryStore::new())?;
//! let mut metadata = ClientMetadata::new();
//! metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
//! let registered = registry.register(metadata.clone()).await?;
//! let id = registered.client().id().clone();
//! let token = registered.registration_access_token().unwrap().expose().to_owned();
//!
//! metadata.client_name = "App".into();
//! let updated = registry.update(&id, &token, metadata).await?;
//! assert_eq!(updated.client().metadata().client_name.untagged(), Some("App"));
//!
//! registry.delete(&id, &token).await?;
//! assert_eq!(registry.read(&id, &token).await.unwrap_err().kind(), ErrorKind::InvalidToken);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::access::{Access, Grant, InitialAccessTokenRecord, TokenOptions};
use crate::audit::{AuditEvent, Operation};
use crate::client::{Client, Origin, Presented, RegistrationToken, Secret};
use crate::config::{Config, RegistryBuilder};
use crate::credential::{ClientId, ClientSecret, Digest, InitialAccessToken, RegistrationAccessToken};
use crate::error::{ErrorCode, ErrorKind, RegistrationError, StoreError, StoreErrorKind, Violation};
use crate::information::ClientInformation;
use crate::metadata::{ClientMetadata, Document, TokenEndpointAuthMethod};
use crate::rules;
use crate::store::{Admission, Admitted, ClientQuery, Cutoffs, ErasedStore};

/// How often an operation starts again when somebody else changed the client meanwhile.
const ATTEMPTS: usize = 4;

/// The handle on all registered clients. Clones are cheap and share everything.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    store: Box<dyn ErasedStore>,
    open_for_registration: AtomicBool,
}

/// A client that proved itself with a registration access token.
#[derive(Debug)]
pub(crate) struct Authenticated {
    client: Arc<Client>,
    token: RegistrationAccessToken,
    presented: Presented,
}

/// Which state of a client an operation is meant for.
pub(crate) type IsMeant<'a> = &'a (dyn Fn(&Client) -> Result<(), RegistrationError> + Send + Sync);

impl Registry {
    /// Begins to build a registry for the server at this base URL, with a decision on who may register.
    ///
    /// The base URL is `https` (or `http` on loopback), may have a path, and is where clients reach the endpoint; it is
    /// never taken from a request.
    pub fn builder(base_url: impl Into<String>, access: Access) -> RegistryBuilder {
        RegistryBuilder::new(base_url.into(), access)
    }

    pub(crate) fn new(config: Config, store: Box<dyn ErasedStore>) -> Self {
        Self { inner: Arc::new(Inner { config, store, open_for_registration: AtomicBool::new(true) }) }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The URL for `registration_endpoint` in the server's metadata
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)); none while nobody can register.
    #[must_use]
    pub fn registration_endpoint(&self) -> Option<&str> {
        self.is_registration_enabled().then_some(&*self.config().endpoint)
    }

    /// Whether new clients can register at present.
    #[must_use]
    pub fn is_registration_enabled(&self) -> bool {
        let possible = !matches!(self.config().access, Access::Off | Access::ManagementOnly);
        possible && self.inner.open_for_registration.load(Ordering::Relaxed)
    }

    /// Switches registration off, or on again, while the server runs. Meanwhile a registration is answered with 403
    /// and registered clients are managed as before.
    pub fn set_registration_enabled(&self, enabled: bool) {
        self.inner.open_for_registration.store(enabled, Ordering::Relaxed);
    }

    /// The time by the registry's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.config().clock.now()
    }

    /// Registers a client on behalf of the application itself, whatever the access control and the switch say.
    ///
    /// # Errors
    ///
    /// When the metadata breaks rules, there is no room for another client, or the store fails.
    pub async fn register(&self, metadata: ClientMetadata) -> Result<ClientInformation, RegistrationError> {
        let document = Document { metadata, ..Document::default() };
        let done = self.register_document(document, Grant::of(Origin::Application)).await;
        self.refusal_audited(Operation::Register, None, done)
    }

    /// Finds a client by its identifier.
    ///
    /// # Errors
    ///
    /// When the store fails, which does not mean that there is no such client.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        match ClientId::parse(id) {
            Some(id) => self.inner.store.get(&id).await,
            None => Ok(None),
        }
    }

    /// Records that a client was used, for instance that it got a token; false when there is no such client.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn touch(&self, id: &ClientId) -> Result<bool, StoreError> {
        self.inner.store.touch(id, self.now()).await
    }

    /// The clients that a query selects, a page at a time, in the order in which they were issued.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn clients(&self, query: &ClientQuery) -> Result<Vec<Arc<Client>>, StoreError> {
        self.inner.store.list(query).await
    }

    /// How many clients there are.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn count(&self) -> Result<u64, StoreError> {
        self.inner.store.count().await
    }

    /// Removes at most `limit` clients that are idle by these cutoffs, and tells which.
    ///
    /// # Errors
    ///
    /// When the store or the audit trail fails.
    pub async fn expire(&self, cutoffs: &Cutoffs, limit: usize) -> Result<Vec<Arc<Client>>, RegistrationError> {
        let expired = self.inner.store.expire(cutoffs, limit).await?;
        for client in &expired {
            self.audit(&AuditEvent::done(Operation::Expire, client))?;
        }
        Ok(expired)
    }

    /// Reads a registration with its registration access token.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidToken`] for a wrong token, an unknown client and a deleted one alike; or when the store
    /// fails.
    pub async fn read(&self, id: &ClientId, token: &str) -> Result<ClientInformation, RegistrationError> {
        let done = async { self.read_authenticated(self.authenticate(id, token).await?).await };
        self.refusal_audited(Operation::Read, Some(id), done.await)
    }

    /// Replaces the metadata of a client: what is left out is gone or falls back to its default
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and when the metadata breaks rules or the client is changed by others again and again.
    pub async fn update(
        &self,
        id: &ClientId,
        token: &str,
        metadata: ClientMetadata,
    ) -> Result<ClientInformation, RegistrationError> {
        let document = Document { metadata, client_id: Some(id.as_str().into()), ..Document::default() };
        let done = async { self.update_document(self.authenticate(id, token).await?, document, &|_| Ok(())).await };
        self.refusal_audited(Operation::Update, Some(id), done.await)
    }

    /// Deletes a client with all that proves it.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub async fn delete(&self, id: &ClientId, token: &str) -> Result<(), RegistrationError> {
        let done = async { self.delete_if(self.authenticate(id, token).await?, &|_| Ok(())).await };
        self.refusal_audited(Operation::Delete, Some(id), done.await)
    }

    /// Issues an initial access token for [`Access::Tokens`]. The token is shown only now.
    ///
    /// # Errors
    ///
    /// When the store or the operating system's random generator fails.
    pub async fn issue_initial_access_token(
        &self,
        options: TokenOptions,
    ) -> Result<(InitialAccessToken, InitialAccessTokenRecord), RegistrationError> {
        let token = InitialAccessToken::generate()?;
        let now = self.now();
        let record = InitialAccessTokenRecord {
            id: ClientId::generate()?.as_str().into(),
            digest: token.digest(),
            issued_at: now,
            expires_at: options.lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            uses_left: options.uses,
            owner: options.owner,
        };
        self.inner.store.insert_token(&record).await?;
        self.audit(&AuditEvent::token(Operation::IssueToken, &record.id))?;
        Ok((token, record))
    }

    /// All initial access tokens that were issued and not revoked, spent and expired ones included.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn initial_access_tokens(&self) -> Result<Vec<InitialAccessTokenRecord>, StoreError> {
        self.inner.store.list_tokens().await
    }

    /// Revokes the initial access token with this identifier; false when there is none.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn revoke_initial_access_token(&self, id: &str) -> Result<bool, RegistrationError> {
        let revoked = self.inner.store.remove_token(id).await?;
        if revoked {
            self.audit(&AuditEvent::token(Operation::RevokeToken, id))?;
        }
        Ok(revoked)
    }

    /// Finds what a presented initial access token allows.
    pub(crate) async fn redeem(&self, token: &str) -> Result<Grant, RegistrationError> {
        let digest = Digest::of(token);
        let known = self.config().static_tokens.iter().fold(false, |known, token| known | token.matches(&digest));
        if known {
            return Ok(Grant::of(Origin::InitialAccessToken("static".into())));
        }
        let record = self.inner.store.get_token(&digest).await?;
        let usable = record.filter(|record| record.is_usable(self.now()));
        let record = usable.ok_or_else(|| RegistrationError::new(ErrorKind::InvalidToken))?;
        Ok(Grant { origin: Origin::InitialAccessToken(record.id), owner: record.owner, spends: Some(digest) })
    }

    pub(crate) async fn register_document(
        &self,
        document: Document,
        grant: Grant,
    ) -> Result<ClientInformation, RegistrationError> {
        let metadata = rules::settle(document.metadata, document.violations, &self.config().offer)?;
        let now = self.now();
        let token = self.config().management.then(RegistrationAccessToken::generate).transpose()?;
        let secret = self.new_secret(&metadata, now)?;
        let client = Client {
            id: ClientId::generate()?,
            metadata,
            issued_at: now,
            secret,
            token: token.as_ref().map(|token| RegistrationToken { current: token.digest(), previous: None }),
            revision: 1,
            last_used: None,
            origin: grant.origin,
            owner: grant.owner,
        };
        let admission = Admission {
            initial_access_token: grant.spends,
            most_clients: self.config().most_clients,
            ..Admission::free(now)
        };
        match self.inner.store.insert(&client, &admission).await? {
            Admitted::Inserted => {}
            Admitted::TokenRefused => return Err(RegistrationError::new(ErrorKind::InvalidToken)),
            Admitted::Full => {
                return Err(RegistrationError::new(ErrorKind::Unavailable).caused_by("the client limit is reached"));
            }
            Admitted::Exists => {
                return Err(RegistrationError::new(ErrorKind::Internal).caused_by("a random identifier came twice"));
            }
        }
        if let Err(error) = self.audit(&AuditEvent::done(Operation::Register, &client)) {
            self.inner.store.remove(&client.id).await?;
            return Err(error);
        }
        Ok(self.information(Arc::new(client), token))
    }

    async fn read_authenticated(&self, caller: Authenticated) -> Result<ClientInformation, RegistrationError> {
        let client = self.retire_previous(caller.client, caller.presented).await?;
        self.audit(&AuditEvent::done(Operation::Read, &client))?;
        Ok(self.information(client, Some(caller.token)))
    }

    /// Once the new registration access token is used, the previous one ends to count.
    async fn retire_previous(
        &self,
        client: Arc<Client>,
        presented: Presented,
    ) -> Result<Arc<Client>, RegistrationError> {
        let Some(token) = client.token.as_ref().filter(|token| token.previous.is_some()) else { return Ok(client) };
        if presented == Presented::Previous {
            return Ok(client);
        }
        let token = Some(RegistrationToken { current: token.current, previous: None });
        let retired = Client { token, revision: client.revision + 1, ..(*client).clone() };
        match self.inner.store.update(&retired).await {
            Ok(()) => Ok(Arc::new(retired)),
            // Whoever changed the client meanwhile used a token too; the next use retires the old one.
            Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(client),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn update_document(
        &self,
        caller: Authenticated,
        mut document: Document,
        is_meant: IsMeant<'_>,
    ) -> Result<ClientInformation, RegistrationError> {
        self.check_credentials(&caller.client, &mut document);
        let metadata = rules::settle(document.metadata, document.violations, &self.config().offer)?;
        let Authenticated { mut client, token, .. } = caller;
        for _ in 0..ATTEMPTS {
            is_meant(&client)?;
            let (updated, new_token) = self.updated(&client, metadata.clone(), &token.digest())?;
            match self.inner.store.update(&updated).await {
                Ok(()) => {
                    self.audit_update(&client, &updated).await?;
                    return Ok(self.information(Arc::new(updated), Some(new_token.unwrap_or(token))));
                }
                Err(error) if error.kind() == StoreErrorKind::Conflict => {
                    client = self.authenticate(&client.id, token.expose()).await?.client;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(RegistrationError::new(ErrorKind::Conflict))
    }

    /// The client after an update. An identifier never changes, a secret only comes and goes with the authentication
    /// method, and of two registration access tokens the presented one stays.
    fn updated(
        &self,
        client: &Client,
        metadata: ClientMetadata,
        presented: &Digest,
    ) -> Result<(Client, Option<RegistrationAccessToken>), RegistrationError> {
        let new_token = self.config().rotation.then(RegistrationAccessToken::generate).transpose()?;
        let token = match &new_token {
            Some(new) => RegistrationToken { current: new.digest(), previous: Some(*presented) },
            None => RegistrationToken { current: *presented, previous: None },
        };
        let secret = match (&client.secret, needs_secret(&metadata)) {
            (Some(secret), true) => Some(secret.clone()),
            (None, true) => self.new_secret(&metadata, self.now())?,
            (_, false) => None,
        };
        let revision = client.revision + 1;
        Ok((Client { metadata, secret, token: Some(token), revision, ..client.clone() }, new_token))
    }

    /// An update that is not on the audit trail did not happen.
    async fn audit_update(&self, before: &Client, after: &Client) -> Result<(), RegistrationError> {
        let Err(error) = self.audit(&AuditEvent::done(Operation::Update, after)) else { return Ok(()) };
        let restored = Client { revision: after.revision + 1, ..before.clone() };
        self.inner.store.update(&restored).await?;
        Err(error)
    }

    pub(crate) async fn delete_if(
        &self,
        caller: Authenticated,
        is_meant: IsMeant<'_>,
    ) -> Result<(), RegistrationError> {
        is_meant(&caller.client)?;
        if !self.inner.store.remove(&caller.client.id).await? {
            return Err(RegistrationError::new(ErrorKind::InvalidToken));
        }
        self.audit(&AuditEvent::done(Operation::Delete, &caller.client))
    }

    /// Finds the client to which a registration access token belongs. A client that does not exist costs the same
    /// comparisons and gives the same error as a wrong token.
    pub(crate) async fn authenticate(&self, id: &ClientId, token: &str) -> Result<Authenticated, RegistrationError> {
        let digest = Digest::of(token);
        let client = self.inner.store.get(id).await?;
        let nobody = RegistrationToken { current: Digest::from_bytes([0; 32]), previous: None };
        let known = client.as_ref().and_then(|client| client.token.as_ref()).unwrap_or(&nobody);
        let (Some(presented), Some(client)) = (known.recognise(&digest), client.clone()) else {
            return Err(RegistrationError::new(ErrorKind::InvalidToken));
        };
        Ok(Authenticated { client, token: RegistrationAccessToken::new(token), presented })
    }

    /// What an update says about the client's credentials must be true, and it must not say what only the server says
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    fn check_credentials(&self, client: &Client, document: &mut Document) {
        let id = document.client_id.as_ref();
        let secret = document.client_secret.as_ref();
        let id_fits = id.map_or(!self.config().strict_updates, |id| id.as_str() == Some(client.id.as_str()));
        let is_secret = |secret: &str| client.secret.as_ref().is_some_and(|known| known.stored.verify(secret));
        let secret_fits = secret.is_none_or(|secret| secret.as_str().is_some_and(is_secret));
        let mut refuse = |member: &str, detail: &'static str| {
            let violation = Violation::new(ErrorCode::InvalidClientMetadata, format!("/{member}"), "U1", detail);
            document.violations.push(violation);
        };
        if !id_fits {
            refuse("client_id", "the identifier of the client that the URL names is required");
        }
        if !secret_fits {
            refuse("client_secret", "not the secret of this client; a client cannot choose its secret");
        }
        for member in &document.forbidden {
            refuse(member, "an update must not contain this member");
        }
    }

    fn new_secret(&self, metadata: &ClientMetadata, now: SystemTime) -> Result<Option<Secret>, RegistrationError> {
        if !needs_secret(metadata) {
            return Ok(None);
        }
        let stored = self.config().secrets.keep(&ClientSecret::generate()?);
        let expires_at = self.config().secret_lifetime.and_then(|lifetime| now.checked_add(lifetime));
        Ok(Some(Secret { stored, expires_at }))
    }

    fn information(&self, client: Arc<Client>, token: Option<RegistrationAccessToken>) -> ClientInformation {
        let secret = client.secret.as_ref().and_then(|secret| self.config().secrets.reveal(&secret.stored));
        let uri = token.is_some().then(|| format!("{}/{}", self.config().endpoint, client.id));
        ClientInformation::new(client, secret, token, uri)
    }

    fn audit(&self, event: &AuditEvent<'_>) -> Result<(), RegistrationError> {
        let recorded = self.config().audit.record(event);
        recorded.map_err(|source| RegistrationError::new(ErrorKind::Unavailable).caused_by(source))
    }

    /// Puts a refusal on the audit trail. It stays a refusal when that fails.
    pub(crate) fn refusal_audited<T>(
        &self,
        operation: Operation,
        named: Option<&ClientId>,
        done: Result<T, RegistrationError>,
    ) -> Result<T, RegistrationError> {
        done.inspect_err(|error| drop(self.audit(&AuditEvent::refused(operation, named, error))))
    }
}

/// Public clients and clients with keys of their own get no secret
/// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
fn needs_secret(metadata: &ClientMetadata) -> bool {
    use TokenEndpointAuthMethod as Method;
    let without = [Method::None, Method::PrivateKeyJwt, Method::TlsClientAuth, Method::SelfSignedTlsClientAuth];
    metadata.token_endpoint_auth_method.as_ref().is_none_or(|method| !without.contains(method))
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("endpoint", &self.config().endpoint)
            .field("access", &self.config().access)
            .finish_non_exhaustive()
    }
}
