//! What a refusal is about, and how it is answered: a row for each kind.

use super::{ErrorCode, ErrorCode as Code};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $status:literal, $code:expr, $text:literal;)+) => {
        /// Why a registration, a read, an update or a deletion was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RegistrationErrorKind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl RegistrationErrorKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// HTTP status, error code and text of the reply.
            ///
            /// There is no code where no credentials were sent
            /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)). A body that did not arrive is a 408
            /// and not a 400, because the client may repeat the request on a new connection
            /// ([RFC 9110 §15.5.9](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9)).
            pub(super) const fn reply(self) -> (u16, Option<ErrorCode>, &'static str) {
                match self {
                    $(Self::$name => ($status, $code, $text),)+
                }
            }
        }
    };
}

kinds! {
    /// The document breaks rules; [`RegistrationError::violations`](super::RegistrationError::violations) says which.
    InvalidDocument = 400, Some(Code::InvalidClientMetadata), "the document breaks a rule";
    /// No credentials, or none of a kind that this endpoint reads.
    MissingCredentials = 401, None, "a bearer token is required";
    /// The presented token is not valid here. The reply is the same when the client does not exist
    /// ([RFC 7592 §2.1](https://www.rfc-editor.org/rfc/rfc7592#section-2.1)).
    InvalidToken = 401, Some(Code::InvalidToken), "the token is not valid here";
    /// More than one set of credentials.
    AmbiguousCredentials = 400, Some(Code::InvalidRequest),
        "credentials were sent more than once or in more than one way";
    /// The caller is known and may not do this.
    Forbidden = 403, Some(Code::AccessDenied), "this is not permitted";
    /// The token is valid, but does not permit this operation.
    InsufficientScope = 403, Some(Code::InsufficientScope), "the token does not permit this";
    /// Registration is switched off. Clients that are registered can still be managed.
    RegistrationDisabled = 403, Some(Code::AccessDenied), "client registration is switched off";
    /// The method is not defined for the resource.
    MethodNotAllowed = 405, Some(Code::InvalidRequest), "the method is not defined for this resource";
    /// The body did not arrive.
    IncompleteBody = 408, Some(Code::InvalidRequest), "the request body did not arrive completely";
    /// `Content-Length` is not one number.
    InvalidContentLength = 400, Some(Code::InvalidRequest), "Content-Length must be one number";
    /// The request names its host in more than one way, or not as a host, where the host chooses the tenant.
    AmbiguousHost = 400, Some(Code::InvalidRequest), "the request must name one host";
    /// Another request changed the client at the same time.
    Conflict = 409, Some(Code::InvalidRequest), "the client was changed at the same time; read it again";
    /// `If-Match` names another state of the client.
    PreconditionFailed = 412, Some(Code::InvalidRequest), "the client is in another state than If-Match says";
    /// The body is larger than allowed.
    BodyTooLarge = 413, Some(Code::InvalidClientMetadata), "the request body is too large";
    /// The body is not `application/json` in UTF-8 without content coding.
    UnsupportedMediaType = 415, Some(Code::InvalidClientMetadata),
        "the body must be application/json in UTF-8 without content coding";
    /// `If-Match` is missing, and the server requires it.
    PreconditionRequired = 428, Some(Code::InvalidRequest), "If-Match is required";
    /// The caller has sent too many requests.
    TooManyRequests = 429, Some(Code::TemporarilyUnavailable), "too many requests; try again later";
    /// The store cannot be reached, or the limit of clients is reached and no client can be evicted.
    Unavailable = 503, Some(Code::TemporarilyUnavailable), "registration is not available; try again later";
    /// The operating system gave no random bytes.
    Internal = 500, Some(Code::ServerError), "an internal error occurred";
    /// The client was removed, but the revocation of its tokens and grants failed. No reply to a client contains this.
    RevocationFailed = 500, Some(Code::ServerError), "the client was removed, but its grants could not be revoked";
}
