//! The Lua scripts. Each verb that changes something is one script, so each is one step.
//!
//! `client.lua` and `nonce.lua` have functions that several scripts use; they are put in front of these, because a
//! script of Redis cannot call another one.
//!
//! # Rules of all scripts
//!
//! - All checks come before the first change, since Redis does not undo what a script has done when it ends early.
//! - A script uses only the keys that it is given, so that it runs in a cluster.
//! - A script reads no clock. Times are arguments, and text of one length that sorts like the time.
//! - A script reads no JSON: a record that cannot be parsed must not keep a client from being removed.
//! - The work of a script has a bound, because Redis serves no one else meanwhile.
//!
//! The digest of a script is that of its text, comments included. Two versions of the program can therefore use one
//! server at the same time: each runs its own scripts.

use std::sync::LazyLock;

use redis::Script;

/// A script is made of files and hashed at its first use.
macro_rules! scripts {
    ($($(#[$meta:meta])* $name:ident = $($file:literal)+;)+) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));)+
    };
}

scripts! {
    /// Inserts a client without conditions.
    ADD = "add.lua";
    /// Inserts a client under conditions, with or without an eviction.
    INSERT = "client.lua" "nonce.lua" "insert.lua";
    /// Replaces the revision before, under conditions.
    UPDATE = "client.lua" "nonce.lua" "update.lua";
    /// Removes clients that are unchanged, and gives back what one of them spent.
    REMOVE = "client.lua" "remove.lua";
    /// Records a use, and moves the rows that depend on it.
    TOUCH = "client.lua" "touch.lua";
    /// Inserts or replaces an initial access token.
    INSERT_TOKEN = "insert_token.lua";
    /// Reads a client if a digest is one of its registration access tokens.
    GET_BY_TOKEN = "get_by_token.lua";
    /// Removes an initial access token by its identifier.
    REMOVE_TOKEN = "remove_token.lua";
    /// Claims a nonce.
    CLAIM_NONCE = "nonce.lua" "claim_nonce.lua";
}

/// The answer of `remove.lua` for a client that it removed.
/// The third answer is 0: there was no such client.
pub(super) const REMOVED: u8 = 1;
/// The answer of `remove.lua` for a client that was changed since it was read.
pub(super) const CHANGED: u8 = 2;
