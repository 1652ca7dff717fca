//! What a user of a store may rely on: what is configured, the events, the deliveries that have not ended, and how
//! many have. What is worked off in the background is left out: traces of deleted domains, cancelled deliveries,
//! claims, the index.

use std::hash::{DefaultHasher, Hasher as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags, types::ValueRef};

const SELECTS: [&str; 9] = [
    "SELECT name FROM domain ORDER BY name",
    "SELECT domain, kind, ordinal, endpoint FROM webhook ORDER BY 1, 2, 3",
    "SELECT seq, event.id, timestamp, kind, digest, deliveries, accepted_at, data
     FROM event JOIN domain ON domain.id = event.domain ORDER BY seq",
    "SELECT pending.id, endpoint, pending.domain, kind, due, attempts
     FROM pending JOIN domain ON domain.id = pending.domain
     WHERE NOT EXISTS (SELECT 1 FROM cancellation
                       WHERE cancellation.endpoint = pending.endpoint AND cancellation.kind = pending.kind
                         AND cancellation.domain = pending.domain AND pending.id < cancellation.below)
     ORDER BY pending.id",
    "SELECT last_seq, accepted, acknowledged, refused, exhausted FROM counters",
    "SELECT id, url_digest, health FROM endpoint ORDER BY id",
    "SELECT domain, endpoint, current, previous, until FROM secret ORDER BY 1, 2",
    "SELECT id, hash, domain, label FROM api_key ORDER BY id",
    // What each start writes anew aside.
    "SELECT key, value FROM meta WHERE key NOT IN ('clock', 'epochs') ORDER BY key",
];

/// A number for all of it.
pub(crate) fn hash(database: &Path) -> u64 {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut hasher = DefaultHasher::new();
    for select in SELECTS {
        let mut select = connection.prepare(select).unwrap();
        let columns = select.column_count();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    ValueRef::Integer(number) => hasher.write_i64(number),
                    ValueRef::Text(bytes) | ValueRef::Blob(bytes) => hasher.write(bytes),
                    _ => hasher.write_u8(0),
                }
                hasher.write_u8(255);
            }
        }
        hasher.write_u8(254);
    }
    hasher.finish()
}
