//! The database file: how connections to it are set up, and how its schema moves forward.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};

use super::{OpenCause, checkpoint::checkpoint, facts};
use crate::private;

/// The migrations, in order. The file's `user_version` says how many of them it has seen. A migration
/// that was released is never edited: a change of the schema is a new one.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { schema: include_str!("v1.sql"), fill: None },
    Migration { schema: include_str!("v2.sql"), fill: None },
    Migration { schema: include_str!("v3.sql"), fill: None },
    Migration { schema: include_str!("v4.sql"), fill: None },
    // The last one fills the index that these make.
    Migration { schema: include_str!("v5.sql"), fill: None },
    Migration { schema: include_str!("v6.sql"), fill: None },
    Migration { schema: include_str!("v7.sql"), fill: Some(facts::index_all) },
];

/// One step of the schema.
pub(super) struct Migration {
    schema: &'static str,
    /// Brings forward what SQL alone cannot.
    fill: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

/// Bytes of a page. Stores of earlier versions keep pages of 16 KiB.
pub(super) const PAGE: u32 = 8 << 10;

/// Says in the file's header whose it is: `Seal` in ASCII.
const APPLICATION_ID: u32 = 0x5365_616C;

/// The connection that writes, to a file with the current schema; the file is made where there is none.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenCause> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    // The first two take effect only before there is a page, the last on every open.
    connection.pragma_update(None, "page_size", PAGE)?;
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -16384;",
    )?;
    // The log is there from now on, and so must its name be. SQLite syncs that too, but goes on where it fails.
    private::sync_directory_of(path).map_err(OpenCause::Directory)?;
    // Recovery takes what it can read for durable. A log whose sync once failed can be read from the
    // system's cache and not be on the disk; here it is synced, before anything is built on it.
    checkpoint(&connection, "TRUNCATE")?;
    migrate(&connection)?;
    Ok(connection)
}

/// Begins a transaction as a writer. One that began as a reader could find, when it comes to write, that
/// another program has written since, and then neither wait nor go on.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

/// A connection beside the writer's that moves the log into the file.
pub(super) fn open_checkpointer(path: &Path) -> Result<Connection, OpenCause> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;")?;
    // Should it be the last one to close, it is because the store has failed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(connection)
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenCause> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // A page of events reads some dozens of pages here; what was read before is in the system's cache too.
    connection.execute_batch("PRAGMA cache_size = -2048;")?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, OpenCause> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // A plan does not depend on the values that are bound: else a statement with `LIMIT ?` is compiled anew each time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// How many migrations the file has seen: not more than there are.
pub(super) fn version(connection: &Connection) -> Result<u32, OpenCause> {
    let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, u32>(0));
    let (seen, application) = (number("PRAGMA user_version")?, number("PRAGMA application_id")?);
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    if seen > known {
        return Err(OpenCause::Newer { found: seen, known });
    }
    let empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    if application != APPLICATION_ID && !empty {
        return Err(OpenCause::Foreign);
    }
    Ok(seen)
}

fn migrate(connection: &Connection) -> Result<(), OpenCause> {
    let seen = version(connection)?;
    for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(seen as usize) {
        let transaction = begin(connection)?;
        transaction.execute_batch(migration.schema)?;
        if let Some(fill) = migration.fill {
            fill(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", version)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_compiled_once_whatever_is_bound() {
        let directory = tempfile::tempdir().unwrap();
        let connection = open_writer(&directory.path().join("sealpost.db")).unwrap();
        let mut statement = connection.prepare("SELECT seq FROM event WHERE seq > ? LIMIT ?").unwrap();
        for limit in 1..5 {
            assert!(!statement.exists([0, limit]).unwrap());
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
