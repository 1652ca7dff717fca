//! Changes of the configuration: rare, each in a transaction of its own, published when it is committed.

use std::{collections::HashSet, sync::Arc};

use rusqlite::{Connection, params};

use super::{
    books::Books,
    command::Reply,
    deliveries::{Cancellation, next_id},
    endpoint_secrets::{self, Rotation},
    load::{ENDPOINT_SECRET, ENDPOINT_URL, LAST_ENDPOINT, SIGNING_KEY},
    schema::begin,
    webhooks,
    writer::{Broken, Writer},
};
use crate::{
    secrets::{MasterKey, Secret},
    storage::{
        ApiKey, Directory, Domain, DomainError, Endpoint, EndpointId, KeyError, StoreError, WebhookError,
        bin::{Bin, BinDraft, BinError, Script},
        webhooks::{Edit, WebhookChange, Withdrawn},
    },
};

/// Endpoints that one transaction forgets.
const FORGET_AT_ONCE: usize = 1000;

/// A change of the configuration, and who waits for it.
pub(super) enum Configure {
    Domain { name: String, reply: Reply<Result<(Arc<Domain>, bool), DomainError>> },
    DeleteDomain { name: String, reply: Reply<Result<(), DomainError>> },
    Webhook(WebhookRequest),
    SigningKey { key: Secret, reply: Reply<Result<(), StoreError>> },
    ApiKey { key: ApiKey, reply: Reply<Result<(), KeyError>> },
    RevokeKey { id: String, even_the_last: bool, reply: Reply<Result<ApiKey, KeyError>> },
    Rotate(Rotation),
    ForgetSecrets { now: i64, reply: Reply<Result<usize, StoreError>> },
    Forget(Forget),
    Bin { draft: BinDraft, reply: Reply<Result<Arc<Bin>, BinError>> },
    ScriptBin { id: String, script: Script, reply: Reply<Result<Arc<Bin>, BinError>> },
    DeleteBin { id: String, reply: Reply<Result<(), BinError>> },
    ExpireBins { now: i64, reply: Reply<Result<(), StoreError>> },
}

/// Asks to forget endpoints that no webhook of this directory has, answered by how many those were.
pub(super) struct Forget {
    pub(super) directory: Arc<Directory>,
    pub(super) unused: Vec<EndpointId>,
    pub(super) reply: Reply<Result<usize, StoreError>>,
}

/// An edit of webhooks, answered by what it came to.
pub(super) struct WebhookRequest {
    pub(super) edit: Edit,
    pub(super) reply: Reply<Result<WebhookChange, WebhookError>>,
}

impl Writer {
    pub(super) fn configure(&mut self, change: Configure) -> Result<(), Broken> {
        match change {
            Configure::Domain { name, reply } => reply.send(self.create_domain(&name)?),
            Configure::DeleteDomain { name, reply } => reply.send(self.delete_domain(&name)?),
            Configure::Webhook(request) => {
                let result = self.edit_webhooks(&request.edit)?;
                request.reply.send(result);
            }
            Configure::SigningKey { key, reply } => {
                let sealed = self.master_key.seal(SIGNING_KEY, key.expose().as_bytes());
                reply.send(self.change(|connection, _, directory| {
                    connection.execute("INSERT OR REPLACE INTO meta VALUES ('signing_key', ?)", [sealed])?;
                    directory.replace_signing_key(key);
                    Ok(())
                })?);
            }
            Configure::ApiKey { key, reply } => reply.send(self.add_api_key(key)?),
            Configure::RevokeKey { id, even_the_last, reply } => {
                reply.send(self.revoke_api_key(&id, even_the_last)?);
            }
            Configure::Rotate(rotation) => {
                let result = self.rotate(&rotation)?;
                rotation.reply.send(result);
            }
            Configure::ForgetSecrets { now, reply } => reply.send(self.forget_old_secrets(now)?),
            Configure::Forget(Forget { directory, unused, reply }) => {
                reply.send(self.forget_endpoints(&directory, unused)?);
            }
            Configure::Bin { draft, reply } => reply.send(self.create_bin(draft)?),
            Configure::ScriptBin { id, script, reply } => reply.send(self.script_bin(&id, script)?),
            Configure::DeleteBin { id, reply } => reply.send(self.delete_bin(&id)?),
            Configure::ExpireBins { now, reply } => reply.send(self.expire_bins(now)?),
        }
        Ok(())
    }

    /// Forgets the endpoints that have no pending delivery either, if the directory is still the current one.
    fn forget_endpoints(
        &mut self,
        directory: &Arc<Directory>,
        unused: Vec<EndpointId>,
    ) -> Result<Result<usize, StoreError>, Broken> {
        if !Arc::ptr_eq(directory, &self.published.current()) {
            return Ok(Ok(0));
        }
        let Books { window, cancellations, .. } = &self.books;
        let cancelled: HashSet<_> = cancellations.iter().map(|cancellation| cancellation.endpoint).collect();
        let idle = |id: &EndpointId| window.is_idle(*id) && !cancelled.contains(id);
        let forgotten: Vec<_> = unused.into_iter().filter(idle).take(FORGET_AT_ONCE).collect();
        if forgotten.is_empty() {
            return Ok(Ok(0));
        }
        let result = self.change(|connection, _, directory| {
            let last = directory.last_endpoint().to_be_bytes();
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", params![LAST_ENDPOINT, last])?;
            let mut delete = connection.prepare_cached("DELETE FROM endpoint WHERE id = ?")?;
            for &endpoint in &forgotten {
                delete.execute([endpoint])?;
            }
            for (domain, endpoint) in directory.forget_endpoints(&forgotten) {
                connection
                    .prepare_cached("DELETE FROM secret WHERE domain = ? AND endpoint = ?")?
                    .execute([domain, endpoint])?;
            }
            Ok(forgotten.len())
        })?;
        if result.is_ok() {
            forgotten.iter().for_each(|&endpoint| self.books.window.forget(endpoint));
        }
        Ok(result)
    }

    fn edit_webhooks(&mut self, edit: &Edit) -> Result<Result<WebhookChange, WebhookError>, Broken> {
        let change = match self.published.current().plan(edit) {
            Ok(change) => change,
            Err(error) => return Ok(Err(error)),
        };
        let sealed = seal(&self.master_key, &change.made);
        let seal =
            |(endpoint, secrets): &(_, _)| endpoint_secrets::seal(&self.master_key, *endpoint, secrets);
        let (domain, secrets) = change.configured.secrets();
        let secrets: Vec<_> = secrets.iter().map(seal).collect();
        let cancellations = self.change(|connection, books, directory| {
            for (endpoint, columns) in change.made.iter().zip(&sealed) {
                insert_endpoint(connection, endpoint, columns)?;
            }
            for sealed in &secrets {
                endpoint_secrets::write(connection, domain, sealed)?;
            }
            webhooks::write(connection, &change.configured)?;
            let cancellations = cancel(connection, books, &change.withdrawn)?;
            directory.apply(&change);
            Ok(cancellations)
        })?;
        let cancellations = match cancellations {
            Ok(cancellations) => cancellations,
            Err(error) => return Ok(Err(error.into())),
        };
        for (withdrawn, cancellation) in change.withdrawn.iter().zip(&cancellations) {
            self.outbox.cancelled(withdrawn, cancellation.below.cast_unsigned());
        }
        self.books.cancellations.extend(cancellations);
        Ok(Ok(change))
    }

    /// Runs a change in a transaction on a copy of the directory, and publishes the copy after the commit.
    pub(super) fn change<T>(
        &self,
        write: impl FnOnce(&Connection, &Books, &mut Directory) -> rusqlite::Result<T>,
    ) -> Result<Result<T, StoreError>, Broken> {
        let mut directory = Directory::clone(&self.published.current());
        let attempt = || {
            let transaction = begin(&self.connection)?;
            let result = write(&transaction, &self.books, &mut directory)?;
            transaction.commit()?;
            Ok(result)
        };
        let result = self.judge(attempt())?;
        if result.is_ok() {
            self.published.publish(directory);
        }
        Ok(result)
    }
}

/// An endpoint's sealed columns.
struct Sealed {
    digest: [u8; 32],
    url: Vec<u8>,
    secret: Vec<u8>,
}

/// Seals endpoints for their rows.
fn seal(key: &MasterKey, endpoints: &[Arc<Endpoint>]) -> Vec<Sealed> {
    let seal = |endpoint: &Arc<Endpoint>| {
        let url = endpoint.url().expose();
        Sealed {
            digest: key.digest(ENDPOINT_URL, url),
            url: key.seal(ENDPOINT_URL, url.as_bytes()),
            secret: key.seal(ENDPOINT_SECRET, endpoint.secret().expose().as_bytes()),
        }
    };
    endpoints.iter().map(seal).collect()
}

fn insert_endpoint(connection: &Connection, endpoint: &Endpoint, sealed: &Sealed) -> rusqlite::Result<()> {
    let health = endpoint.health().to_byte();
    connection.execute(
        "INSERT INTO endpoint VALUES (?, ?, ?, ?, ?)",
        params![endpoint.id(), sealed.digest, sealed.url, sealed.secret, health],
    )?;
    Ok(())
}

fn cancel(
    connection: &Connection,
    books: &Books,
    withdrawn: &[Withdrawn],
) -> rusqlite::Result<Vec<Cancellation>> {
    let below = next_id(books).cast_signed();
    let cancel = |withdrawn: &Withdrawn| {
        let Withdrawn { endpoint, domains, kind } = withdrawn;
        let (domain, spared) = webhooks::domains_to_columns(domains);
        let id = connection.query_row(
            "INSERT INTO cancellation (endpoint, domain, kind, below, reached, spared)
             VALUES (?, ?, ?, ?, 0, ?) RETURNING id",
            params![endpoint.id(), domain, kind.as_str(), below, spared],
            |row| row.get(0),
        )?;
        let domains = domains.clone();
        Ok(Cancellation { id, endpoint: endpoint.id(), domains, kind: *kind, below, reached: 0 })
    };
    withdrawn.iter().map(cancel).collect()
}
