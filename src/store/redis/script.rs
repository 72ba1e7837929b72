//! The scripts: each verb that changes something is one, so each is one step.

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($(#[$meta:meta])* $name:ident = $($file:literal)+;)+) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(concat!($(include_str!($file)),+)));)+
    };
}

scripts! {
    ADD = "add.lua";
    INSERT = "client.lua" "nonce.lua" "insert.lua";
    UPDATE = "client.lua" "nonce.lua" "update.lua";
    REMOVE = "client.lua" "remove.lua";
    TOUCH = "client.lua" "touch.lua";
    INSERT_TOKEN = "insert_token.lua";
    GET_BY_TOKEN = "get_by_token.lua";
    REMOVE_TOKEN = "remove_token.lua";
    CLAIM_NONCE = "nonce.lua" "claim_nonce.lua";
}

/// What `remove.lua` says of a client that it removed.
pub(super) const REMOVED: u8 = 1;
/// What `remove.lua` says of a client that is not as it was seen.
pub(super) const CHANGED: u8 = 2;
