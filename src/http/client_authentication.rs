//! Client authentication for the endpoints of the host, such as its token endpoint.

use std::sync::Arc;

use http::HeaderMap;

use crate::client::Client;
use crate::error::AuthenticationError;
use crate::registry::Registry;
use crate::trust::client_credentials::ClientCredentials;

impl Registry {
    /// Reads the credentials of a request ([`ClientCredentials::read`]) and [authenticates](Self::authenticate) the
    /// client. Every refusal is on the audit trail, that of credentials which cannot be read included.
    ///
    /// # Errors
    ///
    /// Those of both steps.
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
