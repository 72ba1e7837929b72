//! The members of a record: how each value of a client and of a token is written in JSON, and read.
//!
//! These types are the storage format, separate from the types of the program, so that a renamed field never changes
//! what is stored. A member that is added has a default, because records of earlier versions do not have it. Digests
//! and sealed texts are base64url, times are milliseconds since 1970.
//!
//! The name of each member is part of the format. A Rust field may be renamed only together with a `serde` attribute
//! that keeps the old name, and a member is never used again with another meaning.
//!
//! Reading is strict about values and tolerant about members: a digest of another length or a time out of range is an
//! error, a missing optional member is its default, and an unknown member is ignored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest, SealedText, StoredSecret};
use crate::client::{Client, ClientStatus, RegistrationOrigin, RegistrationToken, Secret};
use crate::clock::{from_unix_millis, unix_millis};
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::ClientMetadata;

/// What the server knows of a client. Members that may be missing have a default, now and in every later version.
///
/// Text and numbers are as in the program; a member that is missing in an older record has its default.
#[derive(Serialize, Deserialize)]
pub(super) struct ClientState {
    /// The client identifier, 1 to 128 characters.
    id: String,
    /// 1 after the registration, and one more with each update.
    revision: u64,
    /// Milliseconds since 1970; negative before it.
    issued_at: i64,
    /// The last use, as far as the record knows it. A store with a column of its own does not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used: Option<i64>,
    /// Whether the client may be used.
    status: StatusState,
    /// How the client was registered, which also decides who may evict it.
    origin: OriginState,
    /// The owner as the application named it, any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Missing for a public client and for one that authenticates with a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<SecretState>,
    /// Missing for a client that cannot be managed over HTTP ([RFC 7592](https://www.rfc-editor.org/rfc/rfc7592)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<TokensState>,
    /// The limits of the initial access token, which stay with the client for its updates.
    #[serde(default, skip_serializing_if = "ConstraintsState::is_empty")]
    constraints: ConstraintsState,
    /// 32 bytes: the digest by which the same software is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fingerprint: Option<Bytes>,
    /// 8 bytes, big-endian: the keyed hash of the network of the registration, never the address itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<Bytes>,
}

/// The status, by its name in the store.
///
/// Names and not numbers, so that a record can be read in the database and a new status does not renumber the others.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StatusState {
    Pending,
    Active,
    Disabled,
}

/// How the client was registered; an initial access token is named by its identifier, never by its text.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OriginState {
    Open,
    InitialAccessToken(String),
    Gate,
    Application,
}

/// The client secret: its digest, its sealed text if it can be shown again, and when it expires.
///
/// There is no text of a secret in any form other than sealed, whatever the application configured.
#[derive(Serialize, Deserialize)]
struct SecretState {
    digest: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

/// A sealed text and the name of the key that opens it.
///
/// The name makes it possible to change the key: old records name the old key until their client is updated.
#[derive(Serialize, Deserialize)]
struct SealedState {
    key: String,
    text: Bytes,
}

/// The digests of the registration access tokens that are valid.
///
/// Several tokens are valid during a rotation, because the reply with the newest one may not have reached the client.
#[derive(Serialize, Deserialize)]
struct TokensState {
    current: Bytes,
    /// The oldest of the earlier tokens. Records of the first version have no other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Bytes>,
    /// The other earlier tokens, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    between: Vec<Bytes>,
}

/// The limits of an initial access token; an empty list and a missing one limit nothing.
///
/// Lists are in the order of the configuration. The members are missing in most records, since most tokens limit
/// nothing.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ConstraintsState {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    redirect_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grant_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    auth_methods: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<String>,
}

/// What the server knows of an initial access token.
///
/// The text of the token is not stored: it is shown once, when the token is issued.
#[derive(Serialize, Deserialize)]
pub(super) struct TokenState {
    id: String,
    digest: Bytes,
    /// Milliseconds since 1970, as all times of a record.
    issued_at: i64,
    /// When the token expires; missing if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    /// How many registrations are left; missing if their number is not limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uses_left: Option<u32>,
    /// The owner of the clients that are registered with this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// What these clients may register.
    #[serde(default, skip_serializing_if = "ConstraintsState::is_empty")]
    constraints: ConstraintsState,
}

impl ClientState {
    /// The record of a client, without its metadata.
    pub(super) fn of(client: &Client) -> Self {
        Self {
            id: client.id.as_str().to_owned(),
            revision: client.revision,
            issued_at: unix_millis(client.issued_at),
            last_used: client.last_used.map(unix_millis),
            status: StatusState::of(client.status),
            origin: OriginState::of(&client.origin),
            owner: client.owner.as_deref().map(str::to_owned),
            secret: client.secret.as_ref().map(SecretState::of),
            token: client.token.as_ref().map(TokensState::of),
            constraints: ConstraintsState::of(&client.constraints),
            fingerprint: client.fingerprint.as_ref().map(Bytes::of),
            // As bytes and not as a number: JSON numbers above 2^53 lose digits in many readers.
            network: client.network.map(|network| Bytes(network.to_be_bytes().to_vec())),
        }
    }

    /// The client of a record and its metadata; `None` when a value is out of its range.
    pub(super) fn with(self, metadata: ClientMetadata) -> Option<Client> {
        Some(Client {
            // Checked again, since an identifier becomes a part of URLs and keys wherever it is used.
            id: ClientId::parse(&self.id)?,
            metadata,
            issued_at: from_unix_millis(self.issued_at)?,
            secret: maybe(self.secret, SecretState::into_secret)?,
            token: maybe(self.token, TokensState::into_token)?,
            revision: self.revision,
            last_used: maybe(self.last_used, from_unix_millis)?,
            origin: self.origin.into(),
            owner: self.owner.map(Into::into),
            status: self.status.into(),
            constraints: self.constraints.into(),
            fingerprint: maybe(self.fingerprint, |bytes| bytes.digest())?,
            network: maybe(self.network, |bytes| bytes.0.try_into().ok().map(u64::from_be_bytes))?,
        })
    }
}

impl StatusState {
    /// The status as it is written.
    fn of(status: ClientStatus) -> Self {
        match status {
            ClientStatus::Pending => Self::Pending,
            ClientStatus::Active => Self::Active,
            ClientStatus::Disabled => Self::Disabled,
        }
    }
}

impl From<StatusState> for ClientStatus {
    fn from(state: StatusState) -> Self {
        match state {
            StatusState::Pending => Self::Pending,
            StatusState::Active => Self::Active,
            StatusState::Disabled => Self::Disabled,
        }
    }
}

impl OriginState {
    /// The origin as it is written.
    fn of(origin: &RegistrationOrigin) -> Self {
        match origin {
            RegistrationOrigin::Open => Self::Open,
            RegistrationOrigin::InitialAccessToken(id) => Self::InitialAccessToken(id.as_ref().to_owned()),
            RegistrationOrigin::Gate => Self::Gate,
            RegistrationOrigin::Application => Self::Application,
        }
    }
}

impl From<OriginState> for RegistrationOrigin {
    fn from(state: OriginState) -> Self {
        match state {
            OriginState::Open => Self::Open,
            OriginState::InitialAccessToken(id) => Self::InitialAccessToken(id.into()),
            OriginState::Gate => Self::Gate,
            OriginState::Application => Self::Application,
        }
    }
}

impl ConstraintsState {
    /// The limits as they are written.
    fn of(constraints: &Constraints) -> Self {
        Self {
            redirect_hosts: constraints.redirect_hosts.clone(),
            scopes: constraints.scopes.clone(),
            // By their names on the wire, so that a name which this crate learns later is read as the value that it
            // then has.
            grant_types: constraints.grant_types.iter().map(ToString::to_string).collect(),
            auth_methods: constraints.auth_methods.iter().map(ToString::to_string).collect(),
            software_id: constraints.software_id.clone(),
        }
    }

    /// Whether nothing is limited, so that the member is not written.
    fn is_empty(&self) -> bool {
        let lists = [&self.redirect_hosts, &self.scopes, &self.grant_types, &self.auth_methods];
        lists.iter().all(|list| list.is_empty()) && self.software_id.is_none()
    }
}

impl From<ConstraintsState> for Constraints {
    fn from(state: ConstraintsState) -> Self {
        Self {
            redirect_hosts: state.redirect_hosts,
            scopes: state.scopes,
            grant_types: state.grant_types.into_iter().map(Into::into).collect(),
            auth_methods: state.auth_methods.into_iter().map(Into::into).collect(),
            software_id: state.software_id,
        }
    }
}

impl SecretState {
    /// The secret as it is written: a text that is kept in memory is left out, and only its digest is stored.
    fn of(secret: &Secret) -> Self {
        let sealed = secret.stored.sealed();
        Self {
            digest: Bytes::of(secret.stored.digest()),
            sealed: sealed
                .map(|text| SealedState { key: text.key.as_ref().to_owned(), text: Bytes(text.sealed.to_vec()) }),
            expires_at: secret.expires_at.map(unix_millis),
        }
    }

    /// The secret of a record; `None` when the digest has another length.
    fn into_secret(self) -> Option<Secret> {
        let sealed = self.sealed.map(|state| SealedText { key: state.key.into(), sealed: state.text.0.into() });
        let stored = StoredSecret::from_parts(self.digest.digest()?, sealed);
        Some(Secret { stored, expires_at: maybe(self.expires_at, from_unix_millis)? })
    }
}

impl TokensState {
    /// The digests as they are written.
    fn of(token: &RegistrationToken) -> Self {
        // The oldest goes to `previous`, the only earlier token of the first records, so that an older program still
        // reads it.
        let mut earlier = token.earlier.iter().map(Bytes::of);
        Self { current: Bytes::of(&token.current), previous: earlier.next(), between: earlier.collect() }
    }

    /// The tokens of a record, the oldest of the earlier ones first.
    fn into_token(self) -> Option<RegistrationToken> {
        let earlier = self.previous.iter().chain(&self.between).map(Bytes::digest).collect::<Option<_>>()?;
        Some(RegistrationToken { current: self.current.digest()?, earlier })
    }
}

impl TokenState {
    /// The record of an initial access token.
    pub(super) fn of(token: &InitialAccessTokenRecord) -> Self {
        Self {
            id: token.id.as_ref().to_owned(),
            digest: Bytes::of(&token.digest),
            issued_at: unix_millis(token.issued_at),
            expires_at: token.expires_at.map(unix_millis),
            uses_left: token.uses_left,
            owner: token.owner.as_deref().map(str::to_owned),
            constraints: ConstraintsState::of(&token.constraints),
        }
    }

    /// The token of a record; `None` when a value is out of its range.
    pub(super) fn into_token(self) -> Option<InitialAccessTokenRecord> {
        Some(InitialAccessTokenRecord {
            id: self.id.into(),
            digest: self.digest.digest()?,
            issued_at: from_unix_millis(self.issued_at)?,
            expires_at: maybe(self.expires_at, from_unix_millis)?,
            uses_left: self.uses_left,
            owner: self.owner.map(Into::into),
            constraints: self.constraints.into(),
        })
    }
}

/// A value that may be missing, but must be valid if it is there.
///
/// The two cases differ: a missing value is normal, and a value that cannot be read makes the whole record unreadable.
/// If the second were taken for the first, a client would lose its secret or its time of expiry without an error.
#[expect(clippy::option_option, reason = "the outer one is whether it could be read")]
fn maybe<T, U>(value: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match value {
        Some(value) => read(value).map(Some),
        None => Some(None),
    }
}

/// Bytes as base64url without padding.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Bytes(Vec<u8>);

impl Bytes {
    /// The bytes of a digest.
    fn of(digest: &Digest) -> Self {
        Self(digest.as_bytes().to_vec())
    }

    /// The digest, if there are exactly 32 bytes.
    fn digest(&self) -> Option<Digest> {
        self.0.as_slice().try_into().ok().map(Digest::from_bytes)
    }
}

impl From<Bytes> for String {
    fn from(bytes: Bytes) -> Self {
        URL_SAFE_NO_PAD.encode(bytes.0)
    }
}

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        URL_SAFE_NO_PAD.decode(text).map(Self)
    }
}
