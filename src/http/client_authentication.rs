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
