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
CREATE INDEX clients_by_issue ON {p}clients (tenant, issued_at, id);
CREATE INDEX clients_never_used ON {p}clients (tenant, issued_at, id) WHERE never_used;
CREATE INDEX clients_by_owner ON {p}clients (tenant, owner, issued_at, id) WHERE owner IS NOT NULL;
CREATE INDEX clients_by_fingerprint ON {p}clients (tenant, fingerprint) WHERE fingerprint IS NOT NULL;

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

CREATE TABLE {p}remembered (
    tenant BYTEA NOT NULL,
    key BYTEA NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX remembered_by_end ON {p}remembered (tenant, until);

-- How many clients a tenant has; there is a row only for tenants whose clients are limited.
CREATE TABLE {p}places (
    tenant BYTEA NOT NULL PRIMARY KEY,
    taken BIGINT NOT NULL
);
