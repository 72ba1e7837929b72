//! No credentials for callers whom nobody knows.

use super::{Policy, Refusal, Review, Verdict};
use crate::client::RegistrationOrigin;
use crate::protocol::metadata::TokenEndpointAuthMethod;
use crate::protocol::rules;

/// Makes every client that anybody could have registered ([`RegistrationOrigin::Open`]) a public one (P3).
///
/// A secret that is handed to everybody who asks proves nothing, and costs an entry in the store that must be guarded.
/// Where this policy is, the authentication method of such a client becomes `none`, whatever it asked for, and it gets
/// no secret; the reply says so ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)). Without it
/// this crate never replaces the method that a client asked for, because deployed clients go on using the one they
/// sent. [`with_refusal`](Self::with_refusal) refuses instead. An algorithm whose key comes from the client secret, where
/// such ones are offered, is always refused, because a client that uses it has a secret whatever its method.
///
/// Clients that came with an initial access token, through a gate, or from the application itself are left alone.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::{BodyExt as _, Full};
/// use tower::ServiceExt as _;
/// use tower_dcr::policy::PublicClients;
/// use tower_dcr::store::MemoryStore;
/// use tower_dcr::{Access, Registry};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let registry = Registry::builder("https://id.example.com", Access::Open)
///     .with_policy(PublicClients::new())
///     .build(MemoryStore::new())?;
/// let document = r#"{ "redirect_uris": ["https://app.example.com/cb"],
///                     "token_endpoint_auth_method": "client_secret_basic" }"#;
/// let request = Request::post("/oidc/register").header("content-type", "application/json");
/// let response = registry.into_service().oneshot(request.body(Full::<Bytes>::from(document))?).await?;
/// let body = response.into_body().collect().await?.to_bytes();
/// let client: serde_json::Value = serde_json::from_slice(&body)?;
/// assert_eq!(client["token_endpoint_auth_method"], "none");
/// assert_eq!(client.get("client_secret"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct PublicClients {
    refusing: bool,
}

impl PublicClients {
    /// Replaces the method by `none`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether another method than `none` is refused instead of replaced; so is a document that leaves the method out,
    /// since its default is `client_secret_basic`. Default: no.
    #[must_use]
    pub fn with_refusal(mut self, refusing: bool) -> Self {
        self.refusing = refusing;
        self
    }
}

impl Policy for PublicClients {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let public = review.metadata().token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None);
        if *review.origin() != RegistrationOrigin::Open || public && !rules::needs_secret(review.metadata()) {
            return Verdict::accept();
        }
        if self.refusing && !public {
            let detail = "without an initial access token only public clients may register, send none";
            return Verdict::refuse(Refusal::new("P3", detail).at("/token_endpoint_auth_method"));
        }
        let mut metadata = review.metadata().clone();
        metadata.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::None);
        metadata.token_endpoint_auth_signing_alg = None;
        match rules::needs_secret(&metadata) {
            true => Verdict::refuse(Refusal::new(
                "P3",
                "a public client has no secret to take the key of an algorithm from",
            )),
            false => Verdict::replace(metadata),
        }
    }
}
