-- The digest of a registration access token that was issued between the previous and the current one, and what clients
-- of one registrant have in common. Clients from before have none of it.
ALTER TABLE {p}clients ADD COLUMN between_token TEXT;
ALTER TABLE {p}clients ADD COLUMN initial_access_token BLOB;
ALTER TABLE {p}clients ADD COLUMN network INTEGER;
CREATE INDEX {p}clients_by_between_token ON {p}clients (tenant, between_token) WHERE between_token IS NOT NULL;
-- Each registrant may have a limited share of the unused clients. These indexes find its oldest unused client without
-- reading those of others.
CREATE INDEX {p}clients_unused_by_owner ON {p}clients (tenant, owner, issued_at, id)
    WHERE last_used IS NULL AND owner IS NOT NULL;
CREATE INDEX {p}clients_unused_by_token ON {p}clients (tenant, initial_access_token, issued_at, id)
    WHERE last_used IS NULL AND initial_access_token IS NOT NULL;
CREATE INDEX {p}clients_unused_by_network ON {p}clients (tenant, network, issued_at, id)
    WHERE last_used IS NULL AND network IS NOT NULL;
