//! Looks a store over that no server holds: whether the file is whole, and whether what is in it fits together.

mod index;

use std::{collections::HashSet, path::Path};

use rusqlite::Connection;
use sealpost_core::event::Completion;

use super::{
    FILE, OpenCause,
    load::{self, CURSOR_KEY, ENDPOINT_SECRET, ENDPOINT_URL, SIGNING_KEY},
    lock, schema,
};
use crate::{
    ingest::from_micros,
    secrets::MasterKey,
    storage::{DomainId, HookKind, intact::is_intact},
};

/// Faults that are told; all are counted.
const TOLD: usize = 100;

/// What a store was found to hold, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Examined {
    /// Events.
    pub events: u64,
    /// Deliveries that have not ended.
    pub pending: u64,
    /// The first 100 faults, a line each.
    pub faults: Vec<String>,
    /// How many faults there are.
    pub total: u64,
}

impl Examined {
    fn fault(&mut self, what: String) {
        self.total += 1;
        if self.faults.len() < TOLD {
            self.faults.push(what);
        }
    }
}

/// One look at a part of the store.
type Look = fn(&Connection, &MasterKey, &mut Examined) -> rusqlite::Result<()>;

pub(super) fn examine(directory: &Path, key: &MasterKey) -> Result<Examined, OpenCause> {
    let path = directory.join(FILE);
    if !path.exists() {
        return Err(OpenCause::Absent);
    }
    let _lock = lock::lock(directory)?;
    let connection = schema::open_reader(&path)?;
    match schema::version(&connection)? {
        current if current as usize == schema::MIGRATIONS.len() => {}
        found => return Err(OpenCause::Older { found }),
    }
    let mut examined = Examined::default();
    let looks: [(&str, Look); 8] = [
        ("the file", integrity),
        ("the sealed values", sealed),
        ("the counters", balance),
        ("the deliveries", deliveries),
        ("the webhooks", webhooks),
        ("the events", events),
        ("the ids", ids),
        ("the index", index::look),
    ];
    for (what, look) in looks {
        if let Err(error) = look(&connection, key, &mut examined) {
            examined.fault(format!("{what} cannot be read: {error}"));
        }
    }
    // Only a key that opens nothing is a wrong one.
    if let Some(sealed) = load::meta::<Vec<u8>>(&connection, "cursor_key").ok().flatten()
        && key.open(CURSOR_KEY, &sealed).is_err()
        && examined.faults.iter().all(|fault| fault.ends_with(SEALED))
    {
        return Err(OpenCause::MasterKey);
    }
    Ok(examined)
}

const SEALED: &str = "does not open with the master key";

/// What SQLite itself finds: damaged pages, rows out of order, indexes that differ from their tables.
fn integrity(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let mut check = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let found: String = row.get(0)?;
        if found != "ok" {
            found.lines().for_each(|line| examined.fault(format!("the file is damaged: {line}")));
        }
    }
    Ok(())
}

fn sealed(connection: &Connection, key: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let all = [
        (CURSOR_KEY, "SELECT 'the cursor key', value FROM meta WHERE key = 'cursor_key'"),
        (SIGNING_KEY, "SELECT 'the signing key', value FROM meta WHERE key = 'signing_key'"),
        (ENDPOINT_URL, "SELECT 'the URL of endpoint ' || id, url FROM endpoint"),
        (ENDPOINT_SECRET, "SELECT 'the secret of endpoint ' || id, secret FROM endpoint"),
    ];
    for (purpose, select) in all {
        open_all(connection, (key, purpose, select), examined)?;
    }
    for column in ["current", "previous"] {
        let select = format!(
            "SELECT 'the {column} secret of domain ' || domain || ' for endpoint ' || endpoint, {column}
             FROM secret WHERE {column} IS NOT NULL"
        );
        open_all(connection, (key, ENDPOINT_SECRET, &select), examined)?;
    }
    Ok(())
}

fn open_all(
    connection: &Connection,
    (key, purpose, select): (&MasterKey, &str, &str),
    examined: &mut Examined,
) -> rusqlite::Result<()> {
    let mut select = connection.prepare(select)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if key.open(purpose, row.get_ref(1)?.as_blob()?).is_err() {
            examined.fault(format!("{} {SEALED}", row.get::<_, String>(0)?));
        }
    }
    Ok(())
}

/// Every delivery is pending or in exactly one of the ends.
fn balance(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let (accepted, ended, last): (i64, i64, i64) = connection.query_row(
        "SELECT accepted, acknowledged + refused + exhausted + cancelled, last_seq FROM counters",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let pending: i64 = connection.query_row("SELECT count(*) FROM pending", [], |row| row.get(0))?;
    examined.pending = pending.unsigned_abs();
    if accepted != ended + pending {
        examined.fault(format!(
            "the counters do not balance: {accepted} deliveries accepted, {ended} ended, {pending} pending"
        ));
    }
    let greatest: i64 =
        connection.query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| row.get(0))?;
    if greatest > last {
        examined.fault(format!("event {greatest} is there, and the last one is said to be {last}"));
    }
    Ok(())
}

fn deliveries(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let mut pending = connection.prepare(
        "SELECT pending.id, pending.kind, pending.format, event.seq IS NULL, endpoint.id IS NULL,
                event.domain IS NOT pending.domain, (pending.id & 15) >= event.deliveries
         FROM pending LEFT JOIN event ON event.seq = pending.id >> 4
                      LEFT JOIN endpoint ON endpoint.id = pending.endpoint",
    )?;
    let mut rows = pending.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if row.get(3)? {
            examined.fault(format!("delivery {id} has no event"));
            continue;
        }
        if row.get(4)? {
            examined.fault(format!("delivery {id} has no endpoint"));
        }
        if row.get(5)? {
            examined.fault(format!("delivery {id} is of another domain than its event"));
        }
        if row.get(6)? {
            examined.fault(format!("delivery {id} is one more than its event has made"));
        }
        let kind: String = row.get(1)?;
        if HookKind::parse(&kind).is_none_or(|kind| Ok(kind.format()) != row.get(2)) {
            examined.fault(format!("delivery {id} is for `{kind}`, which is no webhook of its format"));
        }
    }
    Ok(())
}

/// Whatever a row names is there.
fn webhooks(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let all = [
        ("webhook", "domain", "domain", "domain NOT IN (SELECT id FROM domain)"),
        ("webhook", "endpoint", "domain", "endpoint NOT IN (SELECT id FROM endpoint)"),
        // Domain 0 is the account.
        ("secret", "domain", "domain", "domain <> 0 AND domain NOT IN (SELECT id FROM domain)"),
        ("secret", "endpoint", "domain", "endpoint NOT IN (SELECT id FROM endpoint)"),
        ("legacy_domain", "domain", "domain", "domain NOT IN (SELECT id FROM domain)"),
        ("account_webhook", "endpoint", "hex(id)", "endpoint NOT IN (SELECT id FROM endpoint)"),
        ("cancellation", "endpoint", "id", "endpoint NOT IN (SELECT id FROM endpoint)"),
    ];
    for (table, what, name, lacks) in all {
        let mut lacking =
            connection.prepare(&format!("SELECT CAST({name} AS TEXT) FROM {table} WHERE {lacks}"))?;
        let mut rows = lacking.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            examined.fault(format!("a row of `{table}` ({name}) names {what} that is not there"));
        }
    }
    Ok(())
}

/// Event-data is what was accepted.
fn events(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let account: Vec<u8> = load::meta(connection, "account")?.unwrap_or_default();
    let account = String::from_utf8_lossy(&account);
    let deleted: HashSet<DomainId> = {
        let mut deleted = connection.prepare("SELECT domain FROM deletion")?;
        deleted.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?
    };
    let mut events = connection.prepare(
        "SELECT seq, domain, event.id, timestamp, kind, digest, data, domain.name
         FROM event LEFT JOIN domain ON domain.id = event.domain ORDER BY seq",
    )?;
    let mut rows = events.query([])?;
    while let Some(row) = rows.next()? {
        examined.events += 1;
        let (seq, domain): (i64, DomainId) = (row.get(0)?, row.get(1)?);
        let (id, timestamp): (String, i64) = (row.get(2)?, row.get(3)?);
        let (digest, data) = (row.get::<_, [u8; 32]>(5)?, row.get_ref(6)?.as_blob()?);
        let Some(name) = row.get::<_, Option<String>>(7)? else {
            if !deleted.contains(&domain) {
                examined.fault(format!("event {seq} (id `{id}`) is of a domain that is not there"));
            }
            continue;
        };
        let completion =
            Completion { id: &id, timestamp: from_micros(timestamp), domain: &name, account: &account };
        if !is_intact(data, &digest, &completion) {
            examined.fault(format!("event {seq} (id `{id}`, domain {name}) is not what was accepted"));
        }
    }
    Ok(())
}

/// An id is of one event of its domain.
fn ids(connection: &Connection, _: &MasterKey, examined: &mut Examined) -> rusqlite::Result<()> {
    let mut twice = connection
        .prepare("SELECT id, min(seq), max(seq) FROM event GROUP BY domain, id HAVING count(*) > 1")?;
    let mut rows = twice.query([])?;
    while let Some(row) = rows.next()? {
        let (id, first, other): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        examined.fault(format!("events {first} and {other} of one domain have the id `{id}`"));
    }
    Ok(())
}
