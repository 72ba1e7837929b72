//! Client authentication for the endpoints of the host, such as its token endpoint.
//!
//! [`Registry::authenticate`] works without HTTP. This file reads what it needs from the headers and the form of a
//! request.
//!
//! It needs no body type and no framework: an application that has parsed the form passes its pairs. So a token
//! endpoint of axum, of hyper or of tonic can use it alike.

use std::sync::Arc;

use http::HeaderMap;

use crate::client::Client;
use crate::error::AuthenticationError;
use crate::registry::Registry;
use crate::trust::client_credentials::ClientCredentials;

impl Registry {
    /// Reads the credentials of a request ([`ClientCredentials::read`]) and [authenticates](Self::authenticate) the
    /// client ([RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)). `form` holds the parameters of
    /// the body, decoded and in the order of the request; a parameter that occurs twice must be in it twice, so that
    /// it can be refused.
    ///
    /// Every refusal is recorded on the audit trail, also if the credentials cannot be read.
    ///
    /// ```
    /// use http::HeaderMap;
    /// use tower_dcr::authentication::AuthenticationCause;
    /// use tower_dcr::metadata::ClientMetadata;
    /// use tower_dcr::store::MemoryStore;
    /// use tower_dcr::{Access, Registry};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let registry = Registry::builder("https://id.example.com", Access::Open).build(MemoryStore::new())?;
    /// let metadata = ClientMetadata::from_json(
    ///     br#"{ "redirect_uris": ["https://app.example.com/cb"],
    ///           "token_endpoint_auth_method": "client_secret_post" }"#,
    /// )?;
    /// let registered = registry.register(metadata).await?;
    /// let (id, secret) = (registered.client().id().as_str(), registered.client_secret().unwrap().expose());
    ///
    /// let form = [("client_id", id), ("client_secret", secret)];
    /// let client = registry.authenticate_request(&HeaderMap::new(), form).await?;
    /// assert_eq!(client.id().as_str(), id);
    ///
    /// let refused = registry.authenticate_request(&HeaderMap::new(), [("client_id", id)]).await.unwrap_err();
    /// assert_eq!(refused.cause(), AuthenticationCause::NoCredentials);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`ClientCredentials::read`] and [`authenticate`](Self::authenticate).
    pub async fn authenticate_request<'a>(
        &self,
        headers: &HeaderMap,
        form: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Arc<Client>, AuthenticationError> {
        let read = ClientCredentials::read(headers, form);
        match read {
            Ok(credentials) => self.authenticate(&credentials).await,
            Err(error) => {
                self.refuse_credentials(&error).await;
                Err(error)
            }
        }
    }
}
