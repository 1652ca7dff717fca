-- By what a key is shown and revoked: random, and no part of the key or its hash.
ALTER TABLE api_key ADD COLUMN id TEXT NOT NULL DEFAULT '';
UPDATE api_key SET id = lower(hex(randomblob(4)) || '-' || hex(randomblob(4)));
CREATE UNIQUE INDEX api_key_id ON api_key (id);

-- Deleted domains of which something is still to be removed: first the pending deliveries below an id, of
-- which those up to `reached` have been looked at, then the events.
CREATE TABLE deletion (
    domain  INTEGER PRIMARY KEY,
    below   INTEGER NOT NULL,
    reached INTEGER NOT NULL
) STRICT;

-- The secrets that a domain shares with its endpoints, sealed. `previous` is good until a time in milliseconds.
CREATE TABLE secret (
    domain   INTEGER NOT NULL,
    endpoint INTEGER NOT NULL,
    current  BLOB NOT NULL,
    previous BLOB,
    until    INTEGER,
    PRIMARY KEY (domain, endpoint)
) STRICT, WITHOUT ROWID;
INSERT INTO secret
    SELECT DISTINCT webhook.domain, webhook.endpoint, endpoint.secret, NULL, NULL
    FROM webhook JOIN endpoint ON endpoint.id = webhook.endpoint;
