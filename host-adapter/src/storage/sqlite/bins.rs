//! Request bins: made, changed, and gone with their commit; what is in one that is gone is removed in slices.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    OpenCause,
    books::Books,
    writer::{Broken, Writer},
};
use crate::storage::{
    Directory, Retained, StoreError,
    bin::{
        Bin, BinDraft, BinError, Capture, CaptureQuery, Captured, KindCount, Script, StoredCapture,
        request_id,
    },
};

/// What a request to a bin comes to.
pub(super) type CaptureResult = Result<Captured, BinError>;

impl Writer {
    pub(super) fn create_bin(&self, draft: BinDraft) -> Result<Result<Arc<Bin>, BinError>, Broken> {
        let bin = match self.published.current().plan_bin(draft) {
            Ok(bin) => bin,
            Err(error) => return Ok(Err(error)),
        };
        let made = self.change(|connection, _, directory| {
            let domain = bin.domain.as_ref().and_then(|name| directory.domain(name));
            connection.execute(
                "INSERT INTO bin VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, 0)",
                params![
                    bin.key,
                    bin.id,
                    domain.map(|domain| domain.id()),
                    bin.created_at,
                    bin.expires_at,
                    bin.script.to_string()
                ],
            )?;
            Ok(directory.insert_bin(bin))
        })?;
        Ok(made.map_err(BinError::Store))
    }

    pub(super) fn script_bin(&self, id: &str, script: Script) -> Result<Result<Arc<Bin>, BinError>, Broken> {
        let Some(bin) = self.published.current().bin(id).cloned() else {
            return Ok(Err(BinError::Unknown));
        };
        let changed = self.change(|connection, _, directory| {
            let since = connection.query_row(
                "UPDATE bin SET script = ?, since = last WHERE key = ? RETURNING since",
                params![script.to_string(), bin.key],
                |row| row.get(0),
            )?;
            Ok(directory.insert_bin(Bin { script, since, ..Bin::clone(&bin) }))
        })?;
        Ok(changed.map_err(BinError::Store))
    }

    pub(super) fn delete_bin(&self, id: &str) -> Result<Result<(), BinError>, Broken> {
        let Some(bin) = self.published.current().bin(id).cloned() else {
            return Ok(Err(BinError::Unknown));
        };
        let deleted = self.change(|connection, _, directory| {
            directory.remove_bin(&bin.id);
            mark_gone(connection, &bin)
        })?;
        Ok(deleted.map_err(BinError::Store))
    }

    pub(super) fn expire_bins(&self, now: i64) -> Result<Result<(), StoreError>, Broken> {
        self.change(|connection, _, directory| {
            let expired = directory.remove_expired_bins(now);
            expired.iter().try_for_each(|bin| mark_gone(connection, bin))
        })
    }
}

fn mark_gone(connection: &Connection, bin: &Bin) -> rusqlite::Result<()> {
    connection.execute("UPDATE bin SET gone = 1 WHERE key = ?", [bin.key]).map(drop)
}

/// Keeps a request, and lets go of the oldest ones that have no room beside it.
pub(super) fn capture(
    connection: &Connection,
    books: &mut Books,
    directory: &Directory,
    (id, capture): (&str, &Capture),
) -> rusqlite::Result<CaptureResult> {
    let Some(bin) = directory.bin(id) else { return Ok(Err(BinError::Unknown)) };
    if !books.disk.has_room() {
        return Ok(Err(StoreError::Disk.into()));
    }
    let (last, held) = connection
        .prepare_cached("SELECT last, bytes FROM bin WHERE key = ?")?
        .query_row([bin.key], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?)))?;
    let number = last.saturating_add(1);
    let earlier: Option<u32> = connection
        .prepare_cached("SELECT max(attempt) FROM bin_request WHERE message = ? AND id BETWEEN ? AND ?")?
        .query_row(params![capture.message, bin.ids().start(), bin.ids().end()], |row| row.get(0))?;
    let attempt = earlier.unwrap_or(0).saturating_add(1);
    let answer = bin.answer(number);
    let size = i64::try_from(capture.size()).unwrap_or(i64::MAX);
    connection.prepare_cached("INSERT INTO bin_request VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?.execute(
        params![
            request_id(bin.key, number),
            capture.received_at,
            capture.kind,
            capture.message,
            attempt,
            capture.verified,
            size,
            answer.to_string(),
            capture.details,
            &capture.body[..],
        ],
    )?;
    let held = make_room(connection, books, bin, number, held.saturating_add(size))?;
    connection
        .prepare_cached("UPDATE bin SET last = ?, bytes = ? WHERE key = ?")?
        .execute(params![number, held, bin.key])?;
    Ok(Ok(Captured { number, attempt, answer }))
}

/// Removes the oldest requests of a bin until it is within its limits; never the last one. The bytes that are left.
fn make_room(
    connection: &Connection,
    books: &Books,
    bin: &Bin,
    last: u32,
    mut held: i64,
) -> rusqlite::Result<i64> {
    let too_old = last.saturating_sub(books.bin_limits.requests);
    let most = i64::try_from(books.bin_limits.bytes).unwrap_or(i64::MAX);
    let mut oldest = connection
        .prepare_cached("SELECT id, size FROM bin_request WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1")?;
    let mut delete = connection.prepare_cached("DELETE FROM bin_request WHERE id = ?")?;
    let (first, newest) = (*bin.ids().start(), request_id(bin.key, last));
    loop {
        let row = oldest
            .query_row([first, newest - 1], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        match row {
            Some((id, size)) if id <= request_id(bin.key, too_old) || held > most => {
                delete.execute([id])?;
                held = held.saturating_sub(size);
            }
            _ => return Ok(held),
        }
    }
}

/// Removes up to `slice` requests of bins that are gone, and then the bins.
pub(super) fn clear(connection: &Connection, slice: usize) -> rusqlite::Result<Retained> {
    let gone: Option<u32> = connection
        .prepare_cached("SELECT key FROM bin WHERE gone = 1 LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(key) = gone else { return Ok(Retained { removed: 0, done: true }) };
    let removed = connection
        .prepare_cached(
            "DELETE FROM bin_request WHERE id IN (SELECT id FROM bin_request WHERE id BETWEEN ? AND ? LIMIT ?)",
        )?
        .execute(params![
            request_id(key, 0),
            request_id(key, u32::MAX),
            i64::try_from(slice).unwrap_or(i64::MAX)
        ])?;
    if removed < slice {
        connection.prepare_cached("DELETE FROM bin WHERE key = ?")?.execute([key])?;
    }
    Ok(Retained { removed, done: false })
}

/// The requests that a query asks for.
pub(super) fn read(
    connection: &Connection,
    bin: &Bin,
    query: &CaptureQuery,
) -> rusqlite::Result<Vec<StoredCapture>> {
    let order = if query.newest_first { "DESC" } else { "ASC" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, received_at, kind, message, attempt, verified, answer, details, length(body), substr(body, 1, ?)
         FROM bin_request WHERE id > ? AND id < ? ORDER BY id {order}"
    ))?;
    let body = i64::try_from(query.body).unwrap_or(i64::MAX);
    let (above, below) = (request_id(bin.key, query.above), request_id(bin.key, query.below));
    let mut rows = statement.query(params![body, above, below])?;
    let (mut found, mut bytes) = (Vec::new(), 0);
    while found.len() < query.limit
        && bytes < query.bytes
        && let Some(row) = rows.next()?
    {
        let kind: Option<String> = row.get(2)?;
        if !query.wants(kind.as_deref()) {
            continue;
        }
        let capture = StoredCapture {
            // What stands above the lower half is the bin's key.
            number: (row.get::<_, i64>(0)? & i64::from(u32::MAX)) as u32,
            received_at: row.get(1)?,
            kind,
            message: row.get(3)?,
            attempt: row.get(4)?,
            verified: row.get(5)?,
            answer: row.get(6)?,
            details: row.get(7)?,
            size: row.get::<_, u32>(8)? as usize,
            body: Bytes::from(row.get::<_, Vec<u8>>(9)?),
        };
        bytes += capture.body.len() + capture.details.len();
        found.push(capture);
    }
    Ok(found)
}

/// How many requests of each kind there are.
pub(super) fn tally(connection: &Connection, bin: &Bin) -> rusqlite::Result<Vec<KindCount>> {
    let mut statement = connection.prepare_cached(
        "SELECT kind, count(*), sum(verified) FROM bin_request WHERE id BETWEEN ? AND ? GROUP BY kind ORDER BY kind",
    )?;
    let rows = statement.query_map([bin.ids().start(), bin.ids().end()], |row| {
        let number = |column| row.get::<_, u32>(column).map(|number| number as usize);
        Ok(KindCount { kind: row.get(0)?, count: number(1)?, verified: number(2)? })
    })?;
    rows.collect()
}

/// Reads the bins that are not gone into a directory that has the domains.
pub(super) fn load(connection: &Connection, directory: &mut Directory) -> Result<(), OpenCause> {
    const DAMAGED: OpenCause = OpenCause::Damaged("bin");
    let mut bins = connection.prepare(
        "SELECT key, id, domain, created_at, expires_at, script, since, gone FROM bin ORDER BY key",
    )?;
    let mut rows = bins.query([])?;
    while let Some(row) = rows.next()? {
        let key = row.get(0)?;
        directory.keep_bin_keys_from_reuse(key);
        if row.get(7)? {
            continue;
        }
        let domain = match row.get::<_, Option<u32>>(2)? {
            Some(id) => Some(directory.domain_name(id).ok_or(DAMAGED)?.clone()),
            None => None,
        };
        let script = Script::parse(&row.get::<_, String>(5)?).map_err(|_| DAMAGED)?;
        directory.insert_bin(Bin {
            key,
            id: row.get::<_, String>(1)?.into(),
            domain,
            created_at: row.get(3)?,
            expires_at: row.get(4)?,
            script,
            since: row.get(6)?,
        });
    }
    Ok(())
}
