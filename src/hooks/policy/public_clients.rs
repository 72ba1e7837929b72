//! No client secrets for callers that nothing authenticates.

use super::{Policy, Refusal, Review, Verdict};
use crate::client::RegistrationOrigin;
use crate::protocol::metadata::TokenEndpointAuthMethod;
use crate::protocol::rules;

/// Makes every client that registers without credentials ([`RegistrationOrigin::Open`]) a public client (P3).
///
/// A secret that every caller gets on request proves nothing, and the server must store and protect it. With this policy
/// the authentication method of such a client becomes `none`, whatever the client asked for, and it gets no secret; the
/// reply says so ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1)). Without this policy the
/// crate never replaces the method that a client asked for, because deployed clients continue to use the one they sent.
///
/// An algorithm whose key is derived from the client secret, where the server supports one, is always refused: a client
/// that uses it has a secret, whatever its method.
///
/// Clients that registered with an initial access token, through a gate, or from the application itself are not
/// affected.
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
///     .with_policy(PublicClients::replacing())
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
#[derive(Debug, Clone)]
pub struct PublicClients {
    other_method: OtherMethod,
}

/// What happens to a method other than `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OtherMethod {
    Replaced,
    Refused,
}

impl PublicClients {
    /// Replaces every other method by `none`.
    #[must_use]
    pub fn replacing() -> Self {
        Self { other_method: OtherMethod::Replaced }
    }

    /// Refuses every other method. A document without `token_endpoint_auth_method` is refused too, because the default of
    /// that member is `client_secret_basic`
    /// ([RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2)).
    #[must_use]
    pub fn refusing() -> Self {
        Self { other_method: OtherMethod::Refused }
    }
}

impl Policy for PublicClients {
    async fn review(&self, review: &Review<'_>) -> Verdict {
        let public = review.metadata().token_endpoint_auth_method == Some(TokenEndpointAuthMethod::None);
        if *review.origin() != RegistrationOrigin::Open || public && !rules::needs_secret(review.metadata()) {
            return Verdict::accept();
        }
        if self.other_method == OtherMethod::Refused && !public {
            let detail = "without an initial access token only public clients may register, send none";
            return Verdict::refuse(Refusal::new("P3", detail).at("/token_endpoint_auth_method"));
        }
        let mut metadata = review.metadata().clone();
        metadata.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::None);
        // The rules refuse a signing algorithm for a method that signs nothing.
        metadata.token_endpoint_auth_signing_alg = None;
        // What still needs a secret now is another algorithm, such as that of signed ID tokens. It is refused, because a
        // replaced algorithm would break the client at its first token.
        match rules::needs_secret(&metadata) {
            true => {
                let detail = "a public client has no secret to derive the key of an algorithm from";
                Verdict::refuse(Refusal::new("P3", detail))
            }
            false => Verdict::replace(metadata),
        }
    }
}
