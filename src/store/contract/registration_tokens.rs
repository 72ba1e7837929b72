//! A registration access token ([RFC 7592 §1](https://www.rfc-editor.org/rfc/rfc7592#section-1)) finds the client that
//! it belongs to, and no other client.
//!
//! The caller is not authenticated yet, so this verb is what an attacker can call with any text. It must give the same
//! answer for a wrong token and for an unknown client, and it must see each change of the tokens at once.
//!
//! A store fulfils this with one lookup by the identifier that compares the digest of the token before it decodes the
//! record. Then the time of the answer depends neither on the token nor on whether the client exists.

use super::fixtures::{HOUR, assert_same, client, now, renamed};
use super::subject::Subject;
use crate::client::credential::Digest;
use crate::client::{Client, RegistrationToken};
use crate::store::ClientStore;

/// A client with a registration access token of this text, and earlier ones that are still valid.
///
/// The earlier tokens are in the order of their issue, the oldest first.
fn with_token(name: &str, current: &str, earlier: &[&str]) -> Client {
    let earlier = earlier.iter().map(|token| Digest::of(token)).collect();
    let token = RegistrationToken { current: Digest::of(current), earlier };
    Client { token: Some(token), ..client(name, now()) }
}

/// The current token and each earlier one find the client. A token of another client, of another tenant or of nobody
/// finds none, also together with an identifier that exists.
///
/// A wrong token must be refused like an unknown client ([RFC 7592
/// §2.1](https://www.rfc-editor.org/rfc/rfc7592#section-2.1)), so that no one can find out which clients exist.
///
/// This finds a store that looks up the token alone, which lets the token of one client manage another one, and a
/// store that compares only the current token, which locks out a client whose last reply was lost.
pub(super) async fn a_registration_token_finds_its_client_alone<S: ClientStore>(store: Subject<S>) {
    let rotated = with_token("rotated", "rotated-now", &["rotated-first", "rotated-before"]);
    let plain = with_token("plain", "plain-now", &[]);
    let unmanaged = client("unmanaged", now());
    store.hold(&[rotated.clone(), plain.clone(), unmanaged.clone()]).await;
    let nobody = client("nobody", now());
    // Each client is tried with each token, its own and those of the others, so that no pair is left out.
    let tokens = ["rotated-now", "rotated-before", "rotated-first", "plain-now", "wrong", "-", ""];
    for client in [&rotated, &plain, &unmanaged, &nobody] {
        // The digest of zeros is what a store may write for a client that has no token. It must not match one.
        for token in tokens.map(Digest::of).iter().chain([&Digest::from_bytes([0; 32])]) {
            let found = store.get_by_registration_token(&client.id, token).await;
            // The expectation is the method of the client, which compares in constant time and is tested on its own.
            let expected = client.has_registration_token(token);
            assert_eq!(found.is_some(), expected, "get_by_registration_token: by a token of the client alone");
            if expected {
                assert_same(found.as_deref(), client, "get_by_registration_token: the whole client");
            }
        }
    }
    assert_same(store.get_current(&plain.id).await.as_deref(), &plain, "get_current: what was inserted");
    assert!(store.get_current(&nobody.id).await.is_none(), "get_current: a client that was never inserted is None");
}

/// A token is valid from the update that brings it to the one that removes it, and not after the client is removed.
///
/// With rotation, several tokens are valid until a later one is used, because a reply with a new token may be lost.
///
/// This finds an index of tokens that an update does not clean: a token that was rotated because it had leaked would
/// still read the client and its secret.
pub(super) async fn a_registration_token_follows_every_change<S: ClientStore>(store: Subject<S>) {
    let first = with_token("changing", "first", &[]);
    store.hold(std::slice::from_ref(&first)).await;
    let second = Client { token: with_token("other", "second", &["first"]).token, ..renamed(&first, "Second") };
    assert!(store.update(&second).await, "update: the next revision is accepted");
    assert!(store.touch(&first.id, first.issued_at + HOUR).await, "touch: true for a client that is there");
    // A use must not remove the tokens, although a store may write it beside them.
    let second = Client { last_used: Some(first.issued_at + HOUR), ..second };
    for token in ["first", "second"] {
        let found = store.get_by_registration_token(&first.id, &Digest::of(token)).await;
        assert_same(found.as_deref(), &second, "get_by_registration_token: as it is now");
    }
    let third = Client { token: with_token("other", "third", &[]).token, ..renamed(&second, "Third") };
    assert!(store.update(&third).await, "update: the next revision is accepted");
    assert_same(store.get_current(&third.id).await.as_deref(), &third, "get_current: as it is now");
    for (token, is_valid) in [("first", false), ("second", false), ("third", true)] {
        let found = store.get_by_registration_token(&first.id, &Digest::of(token)).await;
        assert_eq!(found.is_some(), is_valid, "get_by_registration_token: after an update the new tokens alone");
    }
    // A client without a token cannot be managed over HTTP any more, so its last token must be refused.
    let unmanaged = Client { token: None, ..renamed(&third, "Fourth") };
    assert!(store.update(&unmanaged).await, "update: the next revision is accepted");
    let found = store.get_by_registration_token(&first.id, &Digest::of("third")).await;
    assert!(found.is_none(), "get_by_registration_token: nobody once the token is gone");
    assert!(store.remove(&first.id).await, "remove: true for a client that is there");
    assert!(store.get_current(&first.id).await.is_none(), "get_current: nobody after a removal");
}
