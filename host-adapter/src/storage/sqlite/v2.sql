-- By what an event is found: a term is a hash of field and value. The order is that of listings, so that
-- the events of a term are one run of rows.
CREATE TABLE fact (
    domain    INTEGER NOT NULL,
    term      INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    PRIMARY KEY (domain, term, timestamp, seq)
) STRICT, WITHOUT ROWID;

-- The kind of an event is one of its terms.
DROP INDEX event_kind;

-- The event up to which all facts are written. Those of later ones are made again when the store is opened.
ALTER TABLE counters ADD COLUMN indexed_to INTEGER NOT NULL DEFAULT 0;
