//! Webhooks as rows.

use std::sync::Arc;

use rusqlite::{Connection, Row, params, types::Type};
use sealpost_core::WebhookKind;

use super::OpenCause;
use crate::storage::{
    AccountWebhook, AccountWebhookId, Directory, DomainId, Domains, EndpointId, HookKind,
    webhooks::Configured,
};

/// Writes what was configured within the open transaction.
pub(super) fn write(connection: &Connection, configured: &Configured) -> rusqlite::Result<()> {
    match configured {
        Configured::Domain { domain, kinds, .. } => {
            let sql = match domain.has_legacy() {
                true => "INSERT OR IGNORE INTO legacy_domain VALUES (?)",
                false => "DELETE FROM legacy_domain WHERE domain = ?",
            };
            connection.execute(sql, [domain.id()])?;
            for &kind in kinds {
                connection.execute(
                    "DELETE FROM webhook WHERE domain = ? AND kind = ?",
                    params![domain.id(), kind.as_str()],
                )?;
                for (ordinal, endpoint) in (0_u8..).zip(domain.webhook(kind)) {
                    connection.execute(
                        "INSERT INTO webhook VALUES (?, ?, ?, ?)",
                        params![domain.id(), kind.as_str(), ordinal, endpoint.id()],
                    )?;
                }
            }
        }
        Configured::Account { put, removed } => {
            for webhook in removed {
                let id = webhook.id.as_bytes();
                connection.execute("DELETE FROM account_webhook WHERE id = ?", [id])?;
            }
            if let Some(AccountWebhook { id, description, endpoint, kinds, created_at }) = put.as_deref() {
                let kinds: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
                connection.execute(
                    "INSERT OR REPLACE INTO account_webhook VALUES (?, ?, ?, ?, ?)",
                    params![id.as_bytes(), description, endpoint.id(), kinds.join(","), created_at],
                )?;
            }
        }
    }
    Ok(())
}

/// Reads the webhooks of the account, whose endpoints the directory has.
pub(super) fn of_account(
    connection: &Connection,
    directory: &Directory,
) -> Result<Vec<Arc<AccountWebhook>>, OpenCause> {
    const DAMAGED: OpenCause = OpenCause::Damaged("account_webhook");
    let mut webhooks =
        connection.prepare("SELECT id, description, endpoint, kinds, created_at FROM account_webhook")?;
    let mut rows = webhooks.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let kinds: String = row.get(3)?;
        let kinds: Option<Vec<_>> = kinds.split(',').map(WebhookKind::parse).collect();
        all.push(Arc::new(AccountWebhook {
            id: AccountWebhookId::from_bytes(&row.get::<_, Vec<u8>>(0)?).ok_or(DAMAGED)?,
            description: row.get(1)?,
            endpoint: directory.endpoint(row.get::<_, EndpointId>(2)?).ok_or(DAMAGED)?.clone(),
            kinds: kinds.ok_or(DAMAGED)?,
            created_at: row.get(4)?,
        }));
    }
    Ok(all)
}

/// A column that names a webhook.
pub(super) fn hook_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<HookKind> {
    let unknown = || rusqlite::Error::InvalidColumnType(column, "kind".to_owned(), Type::Text);
    HookKind::parse(row.get_ref(column)?.as_str()?).ok_or_else(unknown)
}

/// The columns `domain` and `spared` of a cancellation: one domain, or 0 and the ids of all that are not meant.
pub(super) fn domains_to_columns(domains: &Domains) -> (DomainId, String) {
    match domains {
        Domains::Only(domain) => (*domain, "[]".to_owned()),
        Domains::AllBut(spared) => (0, format!("{spared:?}")),
    }
}

/// What [`domains_to_columns`] wrote.
pub(super) fn domains_of_columns(domain: DomainId, spared: &str) -> Result<Domains, OpenCause> {
    match domain {
        0 => serde_json::from_str::<Vec<_>>(spared)
            .map(|spared| Domains::AllBut(spared.into()))
            .map_err(|_| OpenCause::Damaged("cancellation")),
        domain => Ok(Domains::Only(domain)),
    }
}
