//! The client information response: what is registered, with the credentials of the client
//! ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1),
//! [RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3)).

use std::sync::Arc;

use super::credential::{ClientSecret, RegistrationAccessToken};
use super::{Client, ClientStatus};
use crate::clock::unix_seconds;
use crate::protocol::json::ObjectWriter;
use crate::protocol::metadata::STATUS;

/// The response to a registration, a read or an update. It is the only value that carries the credentials of a client.
///
/// ```
/// use tower_dcr::metadata::ClientMetadata;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
/// let metadata = ClientMetadata::from_json(br#"{ "redirect_uris": ["https://app.example.com/cb"] }"#)?;
/// let information = registry.register(metadata).await?;
/// assert!(information.client_secret().is_some(), "client_secret_basic is the default method");
/// assert!(information.registration_client_uri().unwrap().starts_with("https://id.example.com/"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClientInformation {
    client: Arc<Client>,
    secret: Option<ClientSecret>,
    token: Option<RegistrationAccessToken>,
    uri: Option<String>,
}

impl ClientInformation {
    /// A response with the credentials that it shows. `token` and `uri` are present together or not at all.
    pub(crate) fn new(
        client: Arc<Client>,
        secret: Option<ClientSecret>,
        token: Option<RegistrationAccessToken>,
        uri: Option<String>,
    ) -> Self {
        Self { client, secret, token, uri }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The secret of a confidential client; `None` for a public client, and where only digests of secrets are kept and the
    /// secret is not new.
    #[must_use]
    pub fn client_secret(&self) -> Option<&ClientSecret> {
        self.secret.as_ref()
    }

    /// The registration access token; `None` where clients do not manage their registration.
    #[must_use]
    pub fn registration_access_token(&self) -> Option<&RegistrationAccessToken> {
        self.token.as_ref()
    }

    /// Where the registration is managed; present together with the token.
    #[must_use]
    pub fn registration_client_uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// The JSON object of the response. It contains the credentials and must not reach logs.
    ///
    /// `client_secret_expires_at` stands beside every secret and never without one; 0 means never. A client that waits
    /// for approval has the extra member `"status": "pending"`; without it the client is active. An extra member of a
    /// response is permitted by [RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1).
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut object = ObjectWriter::new();
        object.member("client_id", self.client.id.as_str());
        object.member("client_id_issued_at", &unix_seconds(self.client.issued_at));
        if let Some(secret) = &self.secret {
            object.member("client_secret", secret.expose());
            object.member("client_secret_expires_at", &self.client.secret_expires_at().map_or(0, unix_seconds));
        }
        if let (Some(token), Some(uri)) = (&self.token, &self.uri) {
            object.member("registration_access_token", token.expose());
            object.member("registration_client_uri", uri);
        }
        // A record of an older version may have an extra member of this name, and two members of one name are not JSON.
        if self.client.status == ClientStatus::Pending && self.client.metadata.extra.json(STATUS).is_none() {
            object.member(STATUS, self.client.status.as_str());
        }
        self.client.metadata.write(&mut object);
        object.finish()
    }
}
