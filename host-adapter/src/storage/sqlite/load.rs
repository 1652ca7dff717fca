//! What is read once, when the store is opened.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, OptionalExtension, params};
use sealpost_core::Health;

use super::{
    OpenCause, bins, deliveries::Cancellation, domains::Deletion, endpoint_secrets, schema::begin, webhooks,
};
use crate::{
    secrets::{MasterKey, Secret},
    storage::{
        Accounting, ApiKey, Directory, Domain, DomainId, Endpoint, EndpointId, EndpointUrl, Epochs, Identity,
        Seq, directory::Caps, tally::PendingChanges, window::Window,
    },
};

/// What secrets are sealed for.
pub(super) const CURSOR_KEY: &str = "cursor key";
pub(super) const SIGNING_KEY: &str = "signing key";
pub(super) const ENDPOINT_URL: &str = "endpoint url";
pub(super) const ENDPOINT_SECRET: &str = "endpoint secret";

/// The row of `meta` with the greatest id of the endpoints that were forgotten, so that it is not used again.
pub(super) const LAST_ENDPOINT: &str = "last_endpoint";

/// The same of the domains that were deleted.
pub(super) const LAST_DOMAIN: &str = "last_domain";

/// The row of `meta` with the starts of the store.
const EPOCHS: &str = "epochs";

/// The store's identity, made where there is none yet.
pub(super) fn identity(connection: &Connection, key: &MasterKey) -> Result<Identity, OpenCause> {
    if let Some(account) = meta::<Vec<u8>>(connection, "account")? {
        let sealed: Vec<u8> = meta(connection, "cursor_key")?.ok_or(OpenCause::Damaged("cursor_key"))?;
        let cursor_key = key.open(CURSOR_KEY, &sealed).map_err(|_| OpenCause::MasterKey)?;
        return Ok(Identity {
            account: String::from_utf8(account).map_err(|_| OpenCause::Damaged("account"))?.into(),
            cursor_key: cursor_key.try_into().map_err(|_| OpenCause::Damaged("cursor_key"))?,
        });
    }
    let identity = Identity::generate();
    let sealed = key.seal(CURSOR_KEY, &identity.cursor_key);
    let write = begin(connection)?;
    write.execute("INSERT INTO meta VALUES ('account', ?)", [identity.account.as_bytes()])?;
    write.execute("INSERT INTO meta VALUES ('cursor_key', ?)", [sealed])?;
    write.commit()?;
    Ok(identity)
}

/// Starts a new life of this node, after this commit: a new token and a new epoch, and no claim of an earlier one left.
pub(super) fn begin_life(connection: &Connection, last: Seq) -> Result<(i64, Epochs), OpenCause> {
    let epochs = match meta::<Vec<u8>>(connection, EPOCHS)? {
        Some(bytes) => Epochs::from_bytes(&bytes).ok_or(OpenCause::Damaged(EPOCHS))?.begin(last),
        None => Epochs::first(),
    };
    let write = begin(connection)?;
    write.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", params![EPOCHS, epochs.to_bytes()])?;
    let token = write.query_row(
        "INSERT INTO node VALUES (1, 1, 0) ON CONFLICT DO UPDATE SET token = token + 1 RETURNING token",
        [],
        |row| row.get(0),
    )?;
    write.execute("UPDATE pending SET claim = 0 WHERE claim <> 0", [])?;
    write.commit()?;
    Ok((token, epochs))
}

/// Everything configured.
pub(super) fn directory(
    connection: &Connection,
    key: &MasterKey,
    caps: Caps,
) -> Result<Directory, OpenCause> {
    let mut directory = Directory::new(caps);
    if let Some(last) = meta(connection, LAST_ENDPOINT)? {
        directory.keep_ids_from_reuse(EndpointId::from_be_bytes(last));
    }
    if let Some(last) = meta(connection, LAST_DOMAIN)? {
        directory.keep_domain_ids_from_reuse(DomainId::from_be_bytes(last));
    }
    if let Some(sealed) = meta::<Vec<u8>>(connection, "signing_key")? {
        directory.replace_signing_key(open_text(key, SIGNING_KEY, &sealed)?);
    }
    let mut keys = connection.prepare("SELECT id, hash, domain, label, created_at FROM api_key")?;
    for api_key in keys.query_map([], |row| {
        Ok(ApiKey {
            id: row.get(0)?,
            hash: row.get(1)?,
            domain: row.get(2)?,
            label: row.get(3)?,
            created_at: row.get(4)?,
        })
    })? {
        directory.insert_api_key(api_key?);
    }
    let mut endpoints = connection.prepare("SELECT id, url, secret, health FROM endpoint")?;
    let mut rows = endpoints.query([])?;
    while let Some(row) = rows.next()? {
        let url = open_text(key, ENDPOINT_URL, row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let secret =
            open_text(key, ENDPOINT_SECRET, row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let health = Health::from_byte(row.get(3)?);
        let endpoint = Endpoint::new(row.get(0)?, EndpointUrl::new(url.expose()), secret, health);
        directory.insert_endpoint(Arc::new(endpoint));
    }
    for domain in domains(connection, &directory)? {
        directory.insert_domain(domain);
    }
    for held in endpoint_secrets::load(connection, key)? {
        if !directory.set_secrets(held) {
            return Err(OpenCause::Damaged("secret"));
        }
    }
    directory.put_account_webhooks(webhooks::of_account(connection, &directory)?);
    bins::load(connection, &mut directory)?;
    Ok(directory)
}

/// The counts, and the number of the last event.
pub(super) fn counters(connection: &Connection) -> rusqlite::Result<(Accounting, Seq)> {
    let columns = "last_seq, accepted, acknowledged, refused, exhausted, cancelled";
    connection.query_row(&format!("SELECT {columns} FROM counters"), [], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let accounting = Accounting {
            accepted: number(1)?,
            acknowledged: number(2)?,
            refused: number(3)?,
            exhausted: number(4)?,
            cancelled: number(5)?,
        };
        Ok((accounting, number(0)?))
    })
}

/// Enters every endpoint's health and first due delivery into an empty window.
pub(super) fn backlog(
    connection: &Connection,
    directory: &Directory,
    window: &mut Window,
) -> Result<(), OpenCause> {
    for endpoint in directory.endpoints() {
        window.judge(endpoint.id(), endpoint.health() == Health::Up);
        if let Some(due) = super::deliveries::next_due(connection, endpoint.id())? {
            window.leave_unclaimed(endpoint.id(), due);
        }
    }
    window.commit();
    Ok(())
}

/// The number of pending deliveries of each endpoint. No claim of an earlier life is left, so that the index
/// of the unclaimed ones has them all.
pub(super) fn pending(connection: &Connection) -> Result<PendingChanges, OpenCause> {
    let mut counted = PendingChanges::default();
    let mut statement =
        connection.prepare("SELECT endpoint, count(*) FROM pending WHERE claim = 0 GROUP BY endpoint")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        counted.add(row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned());
    }
    Ok(counted)
}

/// Cancellations that an earlier life did not finish.
pub(super) fn cancellations(connection: &Connection) -> Result<Vec<Cancellation>, OpenCause> {
    let mut statement = connection
        .prepare("SELECT id, endpoint, domain, kind, below, reached, spared FROM cancellation ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let spared: String = row.get(6)?;
        all.push(Cancellation {
            id: row.get(0)?,
            endpoint: row.get(1)?,
            domains: webhooks::domains_of_columns(row.get(2)?, &spared)?,
            kind: webhooks::hook_kind(row, 3)?,
            below: row.get(4)?,
            reached: row.get(5)?,
        });
    }
    Ok(all)
}

/// Deletions of domains that an earlier life did not finish.
pub(super) fn deletions(connection: &Connection) -> Result<Vec<Deletion>, OpenCause> {
    let mut all = connection.prepare("SELECT domain, below, reached FROM deletion ORDER BY domain")?;
    let rows = all.query_map([], |row| {
        Ok(Deletion { domain: row.get(0)?, below: row.get(1)?, reached: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn domains(connection: &Connection, directory: &Directory) -> Result<Vec<Domain>, OpenCause> {
    let mut domains = HashMap::<DomainId, Domain>::new();
    let mut rows = connection.prepare("SELECT id, name FROM domain")?;
    for row in rows.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))? {
        let (id, name) = row?;
        domains.insert(id, Domain::new(id, &name));
    }
    let mut rows =
        connection.prepare("SELECT domain, kind, endpoint FROM webhook ORDER BY domain, kind, ordinal")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (domain, kind, endpoint) =
            (row.get(0)?, webhooks::hook_kind(row, 1)?, row.get::<_, EndpointId>(2)?);
        let domain = domains.get_mut(&domain).ok_or(OpenCause::Damaged("webhook"))?;
        let endpoint = directory.endpoint(endpoint).ok_or(OpenCause::Damaged("webhook"))?;
        let mut endpoints = domain.webhook(kind).to_vec();
        endpoints.push(endpoint.clone());
        domain.set_webhook(kind, endpoints);
    }
    let mut rows = connection.prepare("SELECT domain FROM legacy_domain")?;
    for domain in rows.query_map([], |row| row.get(0))? {
        let domain = domains.get_mut(&domain?).ok_or(OpenCause::Damaged("legacy_domain"))?;
        domain.allow_legacy(true);
    }
    Ok(domains.into_values().collect())
}

pub(super) fn meta<T: rusqlite::types::FromSql>(
    connection: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    connection.query_row("SELECT value FROM meta WHERE key = ?", [key], |row| row.get(0)).optional()
}

pub(super) fn open_text(key: &MasterKey, purpose: &str, sealed: &[u8]) -> Result<Secret, OpenCause> {
    let plain = key.open(purpose, sealed).map_err(|_| OpenCause::MasterKey)?;
    String::from_utf8(plain).map(Secret::new).map_err(|_| OpenCause::MasterKey)
}
