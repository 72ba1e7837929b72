-- The digest of a registration access token that was issued between the previous and the current one, and what clients
-- of one registrant have in common. Clients from before have none of it.
ALTER TABLE {p}clients ADD COLUMN between_token TEXT COLLATE "C", ADD COLUMN initial_access_token BYTEA,
    ADD COLUMN network BIGINT;
CREATE INDEX clients_by_between_token ON {p}clients (tenant, between_token) WHERE between_token IS NOT NULL;
-- Each registrant may have a limited share of the unused clients. These indexes find its oldest unused client without
-- reading those of others.
CREATE INDEX clients_unused_by_owner ON {p}clients (tenant, owner, issued_at, id)
    WHERE never_used AND owner IS NOT NULL;
CREATE INDEX clients_unused_by_token ON {p}clients (tenant, initial_access_token, issued_at, id)
    WHERE never_used AND initial_access_token IS NOT NULL;
CREATE INDEX clients_unused_by_network ON {p}clients (tenant, network, issued_at, id)
    WHERE never_used AND network IS NOT NULL;
