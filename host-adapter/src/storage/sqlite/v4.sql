-- Request bins. domain is NULL where a bin is nobody's; times are in milliseconds. script is what it answers to
-- the requests after number `since`. last is the number of its last request, bytes what its requests count for. One that is
-- gone is shown to nobody; it stays until its requests are removed.
CREATE TABLE bin (
    key        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    domain     INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    script     TEXT NOT NULL,
    since      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    gone       INTEGER NOT NULL
) STRICT;

-- What bins have kept. id = key of the bin * 2^32 + number of the request; size is what it counts for in its bin.
-- The body stands last, so that everything before it is read without it.
CREATE TABLE bin_request (
    id          INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    kind        TEXT,
    message     TEXT,
    attempt     INTEGER NOT NULL,
    verified    INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    answer      TEXT NOT NULL,
    details     TEXT NOT NULL,
    body        BLOB NOT NULL
) STRICT;
CREATE INDEX bin_request_message ON bin_request (message, id) WHERE message IS NOT NULL;
