//! Clients, tokens and conditions to test with, and how stored values are compared.
//!
//! The values are chosen to differ from each other and from defaults: a store that mixes up two fields, or fills in a
//! default, then fails a comparison. Times are whole milliseconds, the precision that every store promises.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::client::InitialAccessTokenRecord;
use crate::client::credential::{ClientId, Digest, SealedText, StoredSecret};
use crate::client::{Client, ClientStatus, RegistrationOrigin};
use crate::protocol::constraints::Constraints;
use crate::protocol::metadata::{ClientMetadata, GrantType, TokenEndpointAuthMethod};
use crate::store::{InsertConditions, Nonce};

/// A usual length of time in the checks.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// Longer than every cutoff of the checks.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The time now, in whole milliseconds. It is the real one, so that a database may clean up by its own clock.
///
/// A fixed time in the past would not do: a database that deletes expired rows by its own clock is allowed to, and
/// would delete the rows of a check.
pub(super) fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or(0))
}

/// A client identifier of this text, which must be one.
#[track_caller]
pub(super) fn id(text: &str) -> ClientId {
    let Some(id) = ClientId::parse(text) else { panic!("{text} is no client identifier") };
    id
}

/// A public client without anything special.
///
/// Every optional value is missing, so each check adds only the values that it is about.
pub(super) fn client(name: &str, issued_at: SystemTime) -> Client {
    Client {
        id: id(name),
        metadata: metadata(r#"{ "redirect_uris": ["https://app.example.com/cb"] }"#),
        issued_at,
        secret: None,
        token: None,
        revision: 1,
        last_used: None,
        origin: RegistrationOrigin::Open,
        owner: None,
        status: ClientStatus::Active,
        constraints: Constraints::new(),
        fingerprint: None,
        network: None,
    }
}

/// So many clients, a second apart, the first one issued at this time.
///
/// The distance of a second makes the order of issue certain on every store.
///
/// Their identifiers are the prefix and a number from 0, so a message shows which of them is meant.
pub(super) fn clients(prefix: &str, count: usize, first: SystemTime) -> Vec<Client> {
    let mut issued_at = first;
    let numbered = (0..count).map(|number| {
        let client = client(&format!("{prefix}-{number}"), issued_at);
        issued_at += Duration::from_secs(1);
        client
    });
    numbered.collect()
}

/// The revision after this one, with another name.
///
/// This is what an update by the client looks like: the revision is one higher and the metadata differs.
pub(super) fn renamed(client: &Client, name: &str) -> Client {
    let mut next = Client { revision: client.revision + 1, ..client.clone() };
    next.metadata.client_name = name.into();
    next
}

/// The metadata of this JSON document, which must be valid.
#[track_caller]
pub(super) fn metadata(json: &str) -> ClientMetadata {
    match ClientMetadata::from_json(json.as_bytes()) {
        Ok(metadata) => metadata,
        Err(error) => panic!("the metadata of a check are no metadata: {error}"),
    }
}

/// A secret as a durable store is given it: sealed, here without a key that opens it.
///
/// The sealed bytes are no valid UTF-8 and contain U+0000, which a text column or a C string would damage.
pub(super) fn secret(text: &str) -> StoredSecret {
    let sealed = SealedText { key: "a key".into(), sealed: [b"sealed \0\xff ", text.as_bytes()].concat().into() };
    StoredSecret::from_parts(Digest::of(text), Some(sealed))
}

/// Constraints of every kind, with text that careless escaping breaks.
///
/// A store that loses a constraint gives the client a right that the initial access token did not grant.
pub(super) fn constraints() -> Constraints {
    Constraints::new()
        .with_redirect_hosts(["app.example.com", "xn--bcher-kva.example", "[::1]"])
        .with_scopes(["read", "urn:example:%_~!#[]"])
        .with_grant_types([GrantType::RefreshToken, GrantType::Other("urn:example:own_grant".into())])
        .with_auth_methods([TokenEndpointAuthMethod::None, TokenEndpointAuthMethod::Other("own".into())])
        .with_software_id("Robert'); DROP TABLE clients;-- Ω")
}

/// A token without an end and an owner.
///
/// The digest is that of the name, so a check can present the token by its name.
pub(super) fn token(name: &str, uses_left: Option<u32>, issued_at: SystemTime) -> InitialAccessTokenRecord {
    InitialAccessTokenRecord {
        id: name.into(),
        digest: Digest::of(name),
        issued_at,
        expires_at: None,
        uses_left,
        owner: None,
        constraints: Constraints::new(),
    }
}

/// An insertion that spends a use of this token.
///
/// No other condition is set, so `TokenRefused` is the only refusal besides `Exists`.
pub(super) fn spending(token: &InitialAccessTokenRecord, now: SystemTime) -> InsertConditions {
    InsertConditions { initial_access_token: Some(token.digest), ..InsertConditions::unconditional(now) }
}

/// An insertion that succeeds while there are fewer clients than that.
pub(super) fn below(max_clients: u64, now: SystemTime) -> InsertConditions {
    InsertConditions { max_clients: Some(max_clients), ..InsertConditions::unconditional(now) }
}

/// A nonce that is valid for an hour.
///
/// Longer than any check runs, so it never expires by the real clock.
pub(super) fn nonce(key: &str, now: SystemTime) -> Nonce {
    Nonce::new(key, now + HOUR)
}

/// An insertion that claims these nonces.
///
/// All of them expire at the same time, an hour after `now`.
pub(super) fn claiming(keys: &[&str], now: SystemTime) -> InsertConditions {
    InsertConditions {
        nonces: keys.iter().map(|key| nonce(key, now)).collect(),
        ..InsertConditions::unconditional(now)
    }
}

/// Compares all of a client. A message never shows a secret.
///
/// All fields are compared, including those that the verb under test should not change. A field that is added to
/// `Client` has to be added here by hand.
#[track_caller]
pub(super) fn assert_same(found: Option<&Client>, expected: &Client, promise: &str) {
    let Some(found) = found else { panic!("{promise}: {} is not there", expected.id) };
    let Client { id, metadata, issued_at, secret, token, revision, last_used, origin, owner, .. } = expected;
    let Client { status, constraints, fingerprint, network, .. } = expected;
    // Digests are compared as bytes, since the types of credentials have no equality that a program could use by
    // mistake.
    let secrets = |client: &Client| {
        let secret = client.secret.as_ref()?;
        Some((*secret.stored.digest().as_bytes(), secret.stored.sealed().cloned(), secret.expires_at))
    };
    let digests = |client: &Client| {
        let token = client.token.as_ref()?;
        let earlier = token.earlier.iter().map(|earlier| *earlier.as_bytes());
        Some((*token.current.as_bytes(), Vec::from_iter(earlier)))
    };
    assert_eq!(found.id, *id, "{promise}: the identifier");
    assert_eq!(found.revision, *revision, "{promise}: the revision of {id}");
    assert_eq!(found.issued_at, *issued_at, "{promise}: the time of issue of {id}");
    assert_eq!(found.last_used, *last_used, "{promise}: the last use of {id}");
    assert_eq!(found.origin, *origin, "{promise}: the origin of {id}");
    assert_eq!(found.owner, *owner, "{promise}: the owner of {id}");
    assert_eq!(found.status, *status, "{promise}: the status of {id}");
    assert_eq!(found.constraints, *constraints, "{promise}: the constraints of {id}");
    let bytes = |fingerprint: &Option<Digest>| fingerprint.map(|fingerprint| *fingerprint.as_bytes());
    assert_eq!(bytes(&found.fingerprint), bytes(fingerprint), "{promise}: the fingerprint of {id}");
    assert_eq!(found.network, *network, "{promise}: the network of {id}");
    // Not `assert_eq!`: the values would be printed, and metadata may contain personal data.
    assert!(found.metadata == *metadata, "{promise}: the metadata of {id}");
    assert!(found.secret.is_some() == secret.is_some(), "{promise}: whether {id} has a secret");
    assert!(secrets(found) == secrets(expected), "{promise}: the secret of {id}");
    assert!(found.token.is_some() == token.is_some(), "{promise}: whether {id} has a registration access token");
    assert!(digests(found) == digests(expected), "{promise}: the registration access token of {id}");
}

/// Compares all of a token.
///
/// The pattern names every field, so a field that is added to the type does not compile until it is compared here.
#[track_caller]
pub(super) fn assert_same_token(
    found: Option<&InitialAccessTokenRecord>,
    expected: &InitialAccessTokenRecord,
    promise: &str,
) {
    let Some(found) = found else { panic!("{promise}: {} is not there", expected.id) };
    let InitialAccessTokenRecord { id, digest, issued_at, expires_at, uses_left, owner, constraints } = expected;
    assert_eq!(found.id, *id, "{promise}: the identifier");
    assert!(found.digest.matches(digest), "{promise}: the digest of {id}");
    assert_eq!(found.issued_at, *issued_at, "{promise}: the time of issue of {id}");
    assert_eq!(found.expires_at, *expires_at, "{promise}: the end of {id}");
    assert_eq!(found.uses_left, *uses_left, "{promise}: the uses of {id}");
    assert_eq!(found.owner, *owner, "{promise}: the owner of {id}");
    assert_eq!(found.constraints, *constraints, "{promise}: the constraints of {id}");
}
