-- By what events are found: facts, each that an event has a term. They stand in parts. A part has those of the
-- events above one number and up to another, in order, and is not changed once it is whole; parts are merged into
-- larger ones. earliest and latest are the timestamps of its events, sieved is the size of its sieves. state is 0 while it is being written, 1 when it is
-- whole, and 2 when it is not looked into any more and its chunks are being removed.
CREATE TABLE part (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    level    INTEGER NOT NULL,
    above    INTEGER NOT NULL,
    upto     INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    latest   INTEGER NOT NULL,
    sieved   INTEGER NOT NULL,
    state    INTEGER NOT NULL
) STRICT;

-- Some hundred facts: the first of them, and in `more` the others.
CREATE TABLE chunk (
    id        INTEGER PRIMARY KEY,
    part      INTEGER NOT NULL,
    domain    INTEGER NOT NULL,
    term      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    more      BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX chunk_first ON chunk (part, domain, term, timestamp, seq);

-- Bits of the terms of a stretch of a part, of which this is the first term.
CREATE TABLE sieve (
    id     INTEGER PRIMARY KEY,
    part   INTEGER NOT NULL,
    domain INTEGER NOT NULL,
    term   INTEGER NOT NULL,
    bits   BLOB NOT NULL
) STRICT;
CREATE INDEX sieve_part ON sieve (part, domain, term);

DROP TABLE fact;
