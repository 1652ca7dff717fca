-- What makes the store itself: account, epoch, and, sealed, cursor_key and signing_key.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Processes that may claim deliveries. The token fences: it grows with every start. lease is in
-- wall-clock milliseconds; 0 where the lock file stands for it.
CREATE TABLE node (
    id    INTEGER PRIMARY KEY,
    token INTEGER NOT NULL,
    lease INTEGER NOT NULL
) STRICT;

-- One row. Counts deliveries over the life of the store; last_seq keeps numbers from being used again
-- when retention has removed the last event.
CREATE TABLE counters (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    last_seq     INTEGER NOT NULL,
    accepted     INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    refused      INTEGER NOT NULL,
    exhausted    INTEGER NOT NULL,
    cancelled    INTEGER NOT NULL
) STRICT;
INSERT INTO counters VALUES (1, 0, 0, 0, 0, 0, 0);

CREATE TABLE domain (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

-- url and secret are sealed; url_digest is a keyed digest of the URL.
CREATE TABLE endpoint (
    id         INTEGER PRIMARY KEY,
    url_digest BLOB NOT NULL UNIQUE,
    url        BLOB NOT NULL,
    secret     BLOB NOT NULL,
    health     INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook (
    domain   INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    ordinal  INTEGER NOT NULL,
    endpoint INTEGER NOT NULL,
    PRIMARY KEY (domain, kind, ordinal)
) STRICT, WITHOUT ROWID;

-- domain is NULL where the key is good for the whole account.
CREATE TABLE api_key (
    hash       BLOB PRIMARY KEY,
    domain     TEXT,
    label      TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- timestamp is in microseconds, accepted_at in milliseconds. data stands last, so that everything
-- before it is read without it.
CREATE TABLE event (
    seq         INTEGER PRIMARY KEY,
    domain      INTEGER NOT NULL,
    id          TEXT NOT NULL,
    timestamp   INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    digest      BLOB NOT NULL,
    deliveries  INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    data        BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_id ON event (domain, id);
CREATE INDEX event_time ON event (domain, timestamp);
CREATE INDEX event_kind ON event (domain, kind, timestamp);

-- Deliveries that have not ended. id = seq * 16 + place in the fan-out; due in milliseconds; format 0 is
-- JSON; claim is a node's token, or 0. A delivery that is born claimed costs no index entry.
CREATE TABLE pending (
    id       INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL,
    domain   INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    format   INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    claim    INTEGER NOT NULL
) STRICT;
CREATE INDEX pending_due ON pending (endpoint, due) WHERE claim = 0;

-- Endpoints taken out of a webhook whose deliveries below an id are still to be cancelled; those up to
-- `reached` have been looked at.
CREATE TABLE cancellation (
    id       INTEGER PRIMARY KEY,
    endpoint INTEGER NOT NULL,
    domain   INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    below    INTEGER NOT NULL,
    reached  INTEGER NOT NULL
) STRICT;
