//! The store as a kill has left it, read by SQLite alone.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::witness::{self, Key};

/// What stands in the database.
pub(crate) struct Books {
    connection: Connection,
    pub(crate) events: usize,
    /// The pending deliveries to endpoints that are not dead.
    pub(crate) pending: Vec<Key>,
}

impl Books {
    /// Reads the database of a server that is gone. Nothing is written: the log stays for the next start to recover.
    pub(crate) fn read(data: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(data.join("sealpost.db"), flags).expect("a database");
        let events = count(&connection, "SELECT count(*) FROM event");
        let pending = {
            let mut rows = connection
                .prepare(
                    "SELECT pending.kind, pending.id & 15, event.id
                     FROM pending JOIN event ON event.seq = pending.id >> 4",
                )
                .expect("a table");
            let keys = rows.query_map([], |row| {
                Ok(witness::key(&row.get::<_, String>(0)?, row.get::<_, u32>(1)? as usize, row.get(2)?))
            });
            keys.expect("rows").filter_map(|key| key.expect("a row")).collect()
        };
        Self { connection, events: usize::try_from(events).expect("a count"), pending }
    }

    /// No event without its deliveries, no delivery without its event, and every delivery is pending or counted at
    /// one end.
    pub(crate) fn assert_whole(&self) {
        let count = |query| count(&self.connection, query);
        assert_eq!(
            count(
                "SELECT count(*) FROM pending WHERE NOT EXISTS (SELECT 1 FROM event WHERE seq = pending.id >> 4)"
            ),
            0,
            "deliveries without an event"
        );
        assert_eq!(
            count(
                "SELECT count(*) FROM event WHERE deliveries <
                     (SELECT count(*) FROM pending WHERE id BETWEEN seq << 4 AND seq << 4 | 15)"
            ),
            0,
            "events with more deliveries than they made"
        );
        let accepted = count("SELECT accepted FROM counters");
        assert_eq!(
            count("SELECT sum(deliveries) FROM event"),
            accepted,
            "deliveries that events made, and counted"
        );
        assert_eq!(count("SELECT max(seq) FROM event"), count("SELECT last_seq FROM counters"));
        let ended = count("SELECT acknowledged + refused + exhausted + cancelled FROM counters");
        assert_eq!(count("SELECT count(*) FROM pending") + ended, accepted, "the balance");
        assert_eq!(
            self.connection
                .query_row("PRAGMA quick_check", [], |row| row.get::<_, String>(0))
                .expect("a result"),
            "ok"
        );
    }

    /// Every one of these events is there.
    pub(crate) fn assert_holds(&self, ids: impl IntoIterator<Item = String>) {
        let mut find =
            self.connection.prepare("SELECT 1 FROM event WHERE domain = 1 AND id = ?").expect("a table");
        for id in ids {
            let found = find.query_row([&id], |_| Ok(())).optional().expect("a result");
            assert!(found.is_some(), "{id} was answered with 200 and is lost");
        }
    }
}

fn count(connection: &Connection, query: &str) -> i64 {
    connection.query_row(query, [], |row| row.get::<_, Option<i64>>(0)).expect("a number").unwrap_or(0)
}
