-- The digests of registration access tokens as the record has them. A client is found by them alone: a row is read only
-- once its token is known to be right.
ALTER TABLE {p}clients ADD COLUMN registration_token TEXT;
ALTER TABLE {p}clients ADD COLUMN previous_token TEXT;
UPDATE {p}clients SET
    registration_token = json_extract(CAST(record AS TEXT), '$.client.token.current'),
    previous_token = json_extract(CAST(record AS TEXT), '$.client.token.previous')
    WHERE json_valid(CAST(record AS TEXT));
-- Partial, as a client without a token has no row in them. The digest is random, so a lookup reads one row or none.
CREATE INDEX {p}clients_by_token ON {p}clients (tenant, registration_token) WHERE registration_token IS NOT NULL;
CREATE INDEX {p}clients_by_previous_token ON {p}clients (tenant, previous_token) WHERE previous_token IS NOT NULL;
