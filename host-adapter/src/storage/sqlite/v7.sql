-- The bits of a term lie in one block of 64 bytes. All facts are written anew, with their sieves.
DELETE FROM sieve;
DELETE FROM chunk;
DELETE FROM part;
-- Another number whenever other parts are to be looked into than before.
ALTER TABLE counters ADD COLUMN edition INTEGER NOT NULL DEFAULT 0;
