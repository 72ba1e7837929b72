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
CREATE INDEX {p}clients_by_issue ON {p}clients (tenant, issued_at, id);
CREATE INDEX {p}clients_never_used ON {p}clients (tenant, issued_at, id) WHERE last_used IS NULL;
CREATE INDEX {p}clients_by_owner ON {p}clients (tenant, owner, issued_at, id) WHERE owner IS NOT NULL;
CREATE INDEX {p}clients_by_fingerprint ON {p}clients (tenant, fingerprint) WHERE fingerprint IS NOT NULL;

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

CREATE TABLE {p}remembered (
    tenant BLOB NOT NULL,
    key BLOB NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX {p}remembered_by_end ON {p}remembered (tenant, until);

-- How many clients a tenant has; there is a row only for tenants whose clients are limited.
CREATE TABLE {p}places (
    tenant BLOB NOT NULL PRIMARY KEY,
    taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER {p}clients_come AFTER INSERT ON {p}clients BEGIN
    UPDATE {p}places SET taken = taken + 1 WHERE tenant = new.tenant;
END;
CREATE TRIGGER {p}clients_go AFTER DELETE ON {p}clients BEGIN
    UPDATE {p}places SET taken = taken - 1 WHERE tenant = old.tenant;
END;
