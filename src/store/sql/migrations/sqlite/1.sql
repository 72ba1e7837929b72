-- The tables. Tenants, owners, digests and keys are bytes, so no collation compares them in its own way. Times are
-- milliseconds since 1970. A record is versioned JSON, but stored as bytes: no statement of a verb looks into it, so a
-- record that is damaged makes none of them fail.
-- STRICT, because SQLite would otherwise store a text in a column of numbers. Text is compared by its bytes by default.

CREATE TABLE {p}clients (
    tenant BLOB NOT NULL,
    id TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    last_used INTEGER,
    revision INTEGER NOT NULL,
    status TEXT NOT NULL,
    owner BLOB,
    fingerprint BLOB,
    record BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT;
-- The order of every list: a page begins at its cursor and reads no row before it.
CREATE INDEX {p}clients_by_issue ON {p}clients (tenant, issued_at, id);
-- Clients for expiry and eviction. A used client is not in it, so a use changes it once at most.
CREATE INDEX {p}clients_never_used ON {p}clients (tenant, issued_at, id) WHERE last_used IS NULL;
-- Partial, since most clients have no owner. The end has the order of the list.
CREATE INDEX {p}clients_by_owner ON {p}clients (tenant, owner, issued_at, id) WHERE owner IS NOT NULL;
-- Not unique: shared registrations may have one fingerprint. Where it must be unique, the insertion checks it.
CREATE INDEX {p}clients_by_fingerprint ON {p}clients (tenant, fingerprint) WHERE fingerprint IS NOT NULL;

-- Initial access tokens, by digest: the token itself is not stored. The uses left are in their column alone, so that
-- one is spent without rewriting the record. NULL means no limit.
CREATE TABLE {p}tokens (
    tenant BLOB NOT NULL,
    digest BLOB NOT NULL,
    id TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER,
    uses_left INTEGER,
    record BLOB NOT NULL,
    PRIMARY KEY (tenant, digest)
) STRICT, WITHOUT ROWID;

-- Nonces, by the digest of their text, until they expire.
CREATE TABLE {p}remembered (
    tenant BLOB NOT NULL,
    key BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
-- For the deletion of expired nonces.
CREATE INDEX {p}remembered_by_end ON {p}remembered (tenant, until);

-- How many clients a tenant has; there is a row only for tenants whose clients are limited.
CREATE TABLE {p}places (
    tenant BLOB NOT NULL PRIMARY KEY,
    taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- The count changes in the transaction of the row, whatever statement inserts or deletes it. Where a tenant has no
-- count, no row changes.
CREATE TRIGGER {p}clients_come AFTER INSERT ON {p}clients BEGIN
    UPDATE {p}places SET taken = taken + 1 WHERE tenant = new.tenant;
END;
CREATE TRIGGER {p}clients_go AFTER DELETE ON {p}clients BEGIN
    UPDATE {p}places SET taken = taken - 1 WHERE tenant = old.tenant;
END;
