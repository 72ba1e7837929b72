-- The digests of registration access tokens as the record has them. A client is found by them alone: a row is read only
-- once its token is known to be right. A record is text, so what stands in it is found without the types of JSON, which
-- refuse a record that somebody damaged.
ALTER TABLE {p}clients ADD COLUMN registration_token TEXT COLLATE "C", ADD COLUMN previous_token TEXT COLLATE "C";
UPDATE {p}clients SET
    registration_token = substring(encode(record, 'escape') FROM '"token":\{"current":"([A-Za-z0-9_-]{43})"'),
    previous_token = substring(encode(record, 'escape')
        FROM '"token":\{"current":"[A-Za-z0-9_-]{43}","previous":"([A-Za-z0-9_-]{43})"');
-- Partial, as a client without a token has no row in them. The digest is random, so a lookup reads one row or none.
CREATE INDEX clients_by_token ON {p}clients (tenant, registration_token) WHERE registration_token IS NOT NULL;
CREATE INDEX clients_by_previous_token ON {p}clients (tenant, previous_token) WHERE previous_token IS NOT NULL;
