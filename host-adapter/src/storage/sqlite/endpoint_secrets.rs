//! The secrets for endpoints, of domains and of the account: written, rotated, forgotten, read.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::{
    OpenCause,
    command::Reply,
    load::{ENDPOINT_SECRET, open_text},
    writer::{Broken, Writer},
};
use crate::{
    secrets::{MasterKey, Secret},
    storage::{
        DomainId, EndpointId, EndpointSecrets, StoreError, WebhookError,
        endpoint_secrets::{HeldSecrets, Previous, SecretOf},
        wall_millis,
    },
};

/// Asks for a new secret.
pub(super) struct Rotation {
    pub(super) of: SecretOf,
    pub(super) overlap: Duration,
    pub(super) reply: Reply<Result<EndpointSecrets, WebhookError>>,
}

/// A row, sealed.
pub(super) struct SealedSecrets {
    endpoint: EndpointId,
    current: Vec<u8>,
    previous: Option<(Vec<u8>, i64)>,
}

impl Writer {
    pub(super) fn rotate(
        &self,
        rotation: &Rotation,
    ) -> Result<Result<EndpointSecrets, WebhookError>, Broken> {
        let planned = self.published.current().plan_rotation(&rotation.of, (wall_millis(), rotation.overlap));
        let held = match planned {
            Ok(held) => held,
            Err(error) => return Ok(Err(error)),
        };
        let sealed = seal(&self.master_key, held.endpoint, &held.secrets);
        let rotated = self.change(|connection, _, directory| {
            write(connection, held.holder, &sealed)?;
            let secrets = held.secrets.clone();
            directory.set_secrets(held);
            Ok(secrets)
        })?;
        Ok(rotated.map_err(WebhookError::Store))
    }

    pub(super) fn forget_old_secrets(&self, now: i64) -> Result<Result<usize, StoreError>, Broken> {
        self.change(|connection, _, directory| {
            connection.execute("UPDATE secret SET previous = NULL, until = NULL WHERE until <= ?", [now])?;
            Ok(directory.forget_outlived_secrets(now))
        })
    }
}

/// Seals secrets for their row.
pub(super) fn seal(key: &MasterKey, endpoint: EndpointId, secrets: &EndpointSecrets) -> SealedSecrets {
    let seal = |secret: &Secret| key.seal(ENDPOINT_SECRET, secret.expose().as_bytes());
    let previous = secrets.stored_previous().map(|Previous { secret, until }| (seal(secret), *until));
    SealedSecrets { endpoint, current: seal(secrets.current()), previous }
}

pub(super) fn write(
    connection: &Connection,
    holder: DomainId,
    sealed: &SealedSecrets,
) -> rusqlite::Result<()> {
    let SealedSecrets { endpoint, current, previous } = sealed;
    let (previous, until) = previous.as_ref().map(|(secret, until)| (secret, until)).unzip();
    connection
        .prepare_cached("INSERT OR REPLACE INTO secret VALUES (?, ?, ?, ?, ?)")?
        .execute(params![holder, endpoint, current, previous, until])?;
    Ok(())
}

/// All that are stored.
pub(super) fn load(connection: &Connection, key: &MasterKey) -> Result<Vec<HeldSecrets>, OpenCause> {
    let mut statement =
        connection.prepare("SELECT domain, endpoint, current, previous, until FROM secret")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let open = |sealed: Vec<u8>| open_text(key, ENDPOINT_SECRET, &sealed);
        let previous = match (row.get::<_, Option<Vec<u8>>>(3)?, row.get(4)?) {
            (Some(sealed), Some(until)) => Some(Previous { secret: open(sealed)?, until }),
            _ => None,
        };
        let secrets = EndpointSecrets::new(open(row.get(2)?)?, previous);
        all.push(HeldSecrets { holder: row.get(0)?, endpoint: row.get(1)?, secrets });
    }
    Ok(all)
}
