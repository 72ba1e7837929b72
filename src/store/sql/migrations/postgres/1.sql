-- The tables. Tenants, owners, digests and keys are bytes, so no collation compares them in its own way. Times are
-- milliseconds since 1970. A record is versioned JSON, but stored as bytes: no statement of a verb looks into it, so a
-- record that is damaged makes none of them fail.
-- Identifiers are text with the collation "C", the order of bytes, on which cursors depend.
-- The name of an index has no schema: PostgreSQL puts an index into the schema of its table.

CREATE TABLE {p}clients (
    tenant BYTEA NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    issued_at BIGINT NOT NULL,
    last_used BIGINT,
    revision BIGINT NOT NULL,
    status TEXT NOT NULL,
    owner BYTEA,
    fingerprint BYTEA,
    record BYTEA NOT NULL,
    -- Changes once, so that an index may have it; one that has the last use would have to follow every use.
    never_used BOOLEAN GENERATED ALWAYS AS (last_used IS NULL) STORED,
    PRIMARY KEY (tenant, id)
);
-- The order of every list: a page begins at its cursor and reads no row before it.
CREATE INDEX clients_by_issue ON {p}clients (tenant, issued_at, id);
-- Clients for expiry and eviction. A used client is not in it, so a use changes it once at most.
CREATE INDEX clients_never_used ON {p}clients (tenant, issued_at, id) WHERE never_used;
-- Partial, since most clients have no owner. The end has the order of the list.
CREATE INDEX clients_by_owner ON {p}clients (tenant, owner, issued_at, id) WHERE owner IS NOT NULL;
-- Not unique: shared registrations may have one fingerprint. Where it must be unique, the insertion checks it.
CREATE INDEX clients_by_fingerprint ON {p}clients (tenant, fingerprint) WHERE fingerprint IS NOT NULL;

-- Initial access tokens, by digest: the token itself is not stored. The uses left are in their column alone, so that
-- one is spent without rewriting the record. NULL means no limit.
CREATE TABLE {p}tokens (
    tenant BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT,
    uses_left BIGINT,
    record BYTEA NOT NULL,
    PRIMARY KEY (tenant, digest)
);

-- Nonces, by the digest of their text, until they expire.
CREATE TABLE {p}remembered (
    tenant BYTEA NOT NULL,
    key BYTEA NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
-- For the deletion of expired nonces.
CREATE INDEX remembered_by_end ON {p}remembered (tenant, until);

-- How many clients a tenant has; there is a row only for tenants whose clients are limited.
CREATE TABLE {p}places (
    tenant BYTEA NOT NULL PRIMARY KEY,
    taken BIGINT NOT NULL
);
