//! What a registered client may use in a request: the values of the request are compared with the registered ones.
//!
//! An authorization server calls these functions at its own endpoints. Each one also looks at the status of the client,
//! so that a host that compares values cannot forget to ask whether the client is active.

use std::time::SystemTime;

use super::Client;
use crate::protocol::uri::redirect;

impl Client {
    /// Whether this is the secret of an active client and it has not expired at this time. The comparison takes constant
    /// time.
    #[must_use]
    pub fn verify_secret(&self, presented: &str, now: SystemTime) -> bool {
        // The digest is compared before the other conditions, so that the time of the reply is the same for all of them.
        let verified = self.secret.as_ref().is_some_and(|secret| {
            secret.stored.verify(presented) && secret.expires_at.is_none_or(|expires_at| now < expires_at)
        });
        verified && self.is_active()
    }

    /// The redirection URI to use when the client requests this one; `None` when it is not registered or the client is
    /// not active.
    ///
    /// Comparison is by characters ([RFC 6749 §3.1.2.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2.3)),
    /// except that an `http` URI on loopback may name any port
    /// ([RFC 8252 §7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
    #[must_use]
    pub fn redirect_uri<'a>(&self, requested: &'a str) -> Option<&'a str> {
        self.registered(&self.metadata.redirect_uris, requested)
    }

    /// The redirection URI to use after a logout when the client requests this one; `None` when it is not registered or
    /// the client is not active. It is compared as [`redirect_uri`](Self::redirect_uri) is
    /// ([RP-Initiated Logout §3](https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RedirectionAfterLogout)).
    #[must_use]
    pub fn post_logout_redirect_uri<'a>(&self, requested: &'a str) -> Option<&'a str> {
        self.registered(&self.metadata.post_logout_redirect_uris, requested)
    }

    /// The scope values of a request that the client may have, in the order of the request; `None` when there are none
    /// or the client is not active. A client without a registered scope is not limited by its registration
    /// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    #[must_use]
    pub fn scope(&self, requested: &str) -> Option<String> {
        let registered = self.metadata.scope.as_deref();
        let permitted = |token: &&str| registered.is_none_or(|scope| scope.split(' ').any(|known| known == *token));
        let tokens = requested.split(' ').filter(|token| !token.is_empty());
        let granted: Vec<_> = tokens.filter(permitted).collect();
        (!granted.is_empty() && self.is_active()).then(|| granted.join(" "))
    }

    /// The requested URI, if a registered one matches it and the client is active. The requested text is returned and
    /// not the registered one, because the port of a loopback URI is known from the request alone.
    fn registered<'a>(&self, uris: &[String], requested: &'a str) -> Option<&'a str> {
        let known = uris.iter().any(|registered| redirect::matches(registered, requested));
        (known && self.is_active()).then_some(requested)
    }
}
