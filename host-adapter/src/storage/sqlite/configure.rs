//! Changes of the configuration: rare, each in a transaction of its own, published when it is committed.

use std::{collections::HashSet, sync::Arc};

use rusqlite::{Connection, params};
use sealpost_core::WebhookKind;

use super::{
    books::Books,
    command::Reply,
    deliveries::{Cancellation, next_id},
    endpoint_secrets::{self, Rotation},
    load::{ENDPOINT_SECRET, ENDPOINT_URL, LAST_ENDPOINT, SIGNING_KEY},
    schema::begin,
    writer::{Broken, Writer},
};
use crate::{
    secrets::{MasterKey, Secret},
    storage::{
        ApiKey, Directory, Domain, DomainError, Endpoint, EndpointId, KeyError, StoreError, ToShard,
        WebhookError,
        directory::{WebhookChange, WebhookEdit},
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
}

/// Asks to forget endpoints that no webhook of this directory has, answered by how many those were.
pub(super) struct Forget {
    pub(super) directory: Arc<Directory>,
    pub(super) unused: Vec<EndpointId>,
    pub(super) reply: Reply<Result<usize, StoreError>>,
}

/// An edit of a webhook, answered by the endpoints that it has then, or had if it was deleted.
pub(super) struct WebhookRequest {
    pub(super) domain: String,
    pub(super) kind: WebhookKind,
    pub(super) edit: WebhookEdit,
    pub(super) reply: Reply<Result<Vec<Arc<Endpoint>>, WebhookError>>,
}

impl Writer {
    pub(super) fn configure(&mut self, change: Configure) -> Result<(), Broken> {
        match change {
            Configure::Domain { name, reply } => reply.send(self.create_domain(&name)?),
            Configure::DeleteDomain { name, reply } => reply.send(self.delete_domain(&name)?),
            Configure::Webhook(request) => {
                let result = self.edit_webhook(&request)?;
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

    fn edit_webhook(
        &mut self,
        request: &WebhookRequest,
    ) -> Result<Result<Vec<Arc<Endpoint>>, WebhookError>, Broken> {
        let WebhookRequest { domain, kind, edit, .. } = request;
        let change = match self.published.current().plan(domain, *kind, edit) {
            Ok(change) => change,
            Err(error) => return Ok(Err(error)),
        };
        let sealed = seal(&self.master_key, &change.made);
        let seal =
            |(endpoint, secrets): &(_, _)| endpoint_secrets::seal(&self.master_key, *endpoint, secrets);
        let secrets: Vec<_> = change.secrets.iter().map(seal).collect();
        let cancellations = self.change(|connection, books, directory| {
            for (endpoint, columns) in change.made.iter().zip(&sealed) {
                insert_endpoint(connection, endpoint, columns)?;
            }
            for sealed in &secrets {
                endpoint_secrets::write(connection, change.domain.id(), sealed)?;
            }
            write_webhook(connection, &change)?;
            let cancellations = cancel_removed(connection, books, &change)?;
            directory.apply(&change);
            Ok(cancellations)
        })?;
        let cancellations = match cancellations {
            Ok(cancellations) => cancellations,
            Err(error) => return Ok(Err(error.into())),
        };
        for (endpoint, cancellation) in change.removed.iter().zip(&cancellations) {
            let (domain, below) = (change.domain.name().clone(), cancellation.below.cast_unsigned());
            let message = ToShard::Cancelled { endpoint: endpoint.id(), domain, kind: change.kind, below };
            self.outbox.tell(endpoint, message);
        }
        self.books.cancellations.extend(cancellations);
        Ok(Ok(if matches!(edit, WebhookEdit::Delete) { change.removed } else { change.after }))
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
        match attempt() {
            Ok(result) => {
                self.published.publish(directory);
                Ok(Ok(result))
            }
            Err(error) => self.diagnose(&error).map(Err),
        }
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

fn write_webhook(connection: &Connection, change: &WebhookChange) -> rusqlite::Result<()> {
    let (domain, kind) = (change.domain.id(), change.kind.as_str());
    connection.execute("DELETE FROM webhook WHERE domain = ? AND kind = ?", params![domain, kind])?;
    for (ordinal, endpoint) in (0_u8..).zip(&change.after) {
        connection.execute(
            "INSERT INTO webhook VALUES (?, ?, ?, ?)",
            params![domain, kind, ordinal, endpoint.id()],
        )?;
    }
    Ok(())
}

fn cancel_removed(
    connection: &Connection,
    books: &Books,
    change: &WebhookChange,
) -> rusqlite::Result<Vec<Cancellation>> {
    let (domain, kind, below) = (change.domain.id(), change.kind, next_id(books).cast_signed());
    let cancel = |endpoint: &Arc<Endpoint>| {
        let id = connection.query_row(
            "INSERT INTO cancellation (endpoint, domain, kind, below, reached) VALUES (?, ?, ?, ?, 0) RETURNING id",
            params![endpoint.id(), domain, kind.as_str(), below],
            |row| row.get(0),
        )?;
        Ok(Cancellation { id, endpoint: endpoint.id(), domain, kind, below, reached: 0 })
    };
    change.removed.iter().map(cancel).collect()
}
