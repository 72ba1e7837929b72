//! The columns of the table of members: what is known of a member without its value.
//!
//! Each column is a small type, so that a rule can be written for a column instead of for a list of names. A new member
//! takes its behaviour from its row.

use super::extension::Group;
use crate::error::ErrorCode;

/// One row of the table of members.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    /// The standard that defines the member.
    pub(crate) group: Group,
    /// Which check its values pass.
    pub(crate) kind: ValueKind,
    /// What its absence means.
    pub(crate) omitted: Omitted,
    /// Where its URIs lead.
    pub(crate) leads: Leads,
    /// Whether the member is returned even when it is empty, because the parsers of deployed clients require it.
    pub(crate) always: bool,
}

impl Member {
    /// The error that a fault in this member is reported with
    /// ([RFC 7591 §3.2.2](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2)).
    pub(crate) fn error_code(&self) -> ErrorCode {
        match self.kind {
            ValueKind::RedirectUris => ErrorCode::InvalidRedirectUri,
            ValueKind::Statement => ErrorCode::InvalidSoftwareStatement,
            _ => ErrorCode::InvalidClientMetadata,
        }
    }
}

/// Where the URIs of a member lead. A constraint or a policy about hosts selects its members by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// Nowhere: the member holds no URI, or one that is only compared.
    Nowhere,
    /// Browsers carry authorization responses there.
    Responses,
    /// Browsers are sent there on other occasions.
    Browsers,
    /// This server notifies the client there that tokens are ready, or delivers them.
    Notifications,
    /// This server sends other messages there.
    Messages,
    /// This server reads the keys of the client there.
    Keys,
    /// This server reads other documents there.
    Documents,
    /// People see the page or image, or follow the link.
    Pages,
}

impl Leads {
    /// Whether data about a user arrive there: a code, a token, the end of a session, or the browser itself.
    pub(crate) const fn delivers(self) -> bool {
        matches!(self, Self::Responses | Self::Browsers | Self::Notifications | Self::Messages)
    }
}

/// What the absence of a member means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Omitted {
    /// There is no default.
    Nothing,
    /// This JSON value is registered and returned.
    Registered(&'static str),
    /// A value that follows from other members is registered and returned.
    Derived(&'static str),
    /// Absence has the same meaning as this JSON value, which is not registered and not returned.
    Implied(&'static str),
}

/// The kind of a member's value. `rules/values.rs` has the check of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// Nothing beyond the JSON type, or a rule that looks at several members.
    Plain,
    /// At most so many values that are names of something registered.
    Names(usize),
    /// One value of a closed enumeration. The rule of the member decides what another value means.
    Listed,
    /// Text for people, at most so many code points.
    Text(usize),
    /// At most `max` texts of at most `each` code points.
    Texts { max: usize, each: usize },
    /// A token for machines: printable ASCII without spaces.
    Token,
    /// At most so many tokens for machines.
    Tokens(usize),
    /// Space-separated scope tokens.
    Scope,
    /// Where a browser is sent with an authorization response.
    RedirectUris,
    /// Where a browser is sent on other occasions. The rules are the same, the error code is another one.
    ReturnUris,
    /// One URI of that kind.
    ReturnUri,
    /// A page or image that people are shown.
    ShownUri,
    /// A page that a browser loads in a hidden frame. It is checked as a shown one and has no fragment.
    FramedUri,
    /// An address that this server may have to call.
    FetchedUri,
    /// At most so many addresses that this server may have to call.
    FetchedUris(usize),
    /// An address that this server may have to call, without fragment.
    CalledUri,
    /// A JWK Set of public keys.
    Jwks,
    /// A signature algorithm.
    Signing,
    /// The signature algorithm of client assertions, HMAC included where `client_secret_jwt` is offered.
    AssertionSigning,
    /// A signature algorithm whose key must be the client's own.
    OwnSigning,
    /// How the server encrypts for the client.
    KeyManagement,
    /// How the client encrypts for the server.
    RequestKeyManagement,
    /// A content encryption algorithm; it stands beside the key management algorithm whose name ends in `_alg`.
    ContentEncryption,
    /// At most so many content encryption algorithms.
    ContentEncryptions(usize),
    /// Values that the client supports, of which one is registered in the named member.
    Choices(&'static str),
    /// An X.500 distinguished name.
    DistinguishedName,
    /// The name of a host.
    HostName,
    /// An absolute URI that is only compared.
    ComparedUri,
    /// An IP address.
    IpAddress,
    /// A mailbox.
    EmailAddress,
    /// An object that holds an object for each format.
    Formats,
    /// A software statement.
    Statement,
}

/// A member that only the server sets ([RFC 7591 §3.2.1](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.1),
/// [RFC 7592 §3](https://www.rfc-editor.org/rfc/rfc7592#section-3)).
#[derive(Debug)]
pub(crate) struct ServerMember {
    pub(crate) name: &'static str,
    /// Whether an update must not contain it
    /// ([RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2)).
    pub(crate) forbidden_in_updates: bool,
}

/// The members that only the server sets. A registration ignores them; an update must not contain some of them.
pub(crate) const SERVER_MEMBERS: [ServerMember; 6] = [
    ServerMember { name: "client_id", forbidden_in_updates: false },
    ServerMember { name: "client_secret", forbidden_in_updates: false },
    ServerMember { name: "registration_access_token", forbidden_in_updates: true },
    ServerMember { name: "registration_client_uri", forbidden_in_updates: true },
    ServerMember { name: "client_secret_expires_at", forbidden_in_updates: true },
    ServerMember { name: "client_id_issued_at", forbidden_in_updates: true },
];
