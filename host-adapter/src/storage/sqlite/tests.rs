//! What only a store on disk can show: restarts, crashes, locks, migrations, commits.

mod backlog;
mod bins;
mod commits;
mod files;
mod ids;
mod index;
mod migrations;
mod restarts;
mod retention;
mod tenants;
mod trouble;

use std::{fs, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use rusqlite::{Connection, params};
use sealpost_core::{Health, LegacyKind, Verdict, WebhookKind};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{
    OpenCause, Sqlite,
    alarm::Alarm,
    schema::{MIGRATIONS, open_writer},
};
use crate::{
    filter::{Field, Filter},
    secrets::{MasterKey, Secret},
    storage::{
        AccountDraft, AccountEdit, Accounting, AppendError, Delivery, DomainError, EndpointUrl, EventQuery,
        NewEvent, QueryError, Retained, SecretOf, Settings, Settled, Store, StoreError, ToShard, WebhookEdit,
        fixture::{CLICKED, DOMAIN, Fixture, event, events_of, master_key, open, query, settings},
        wall_millis,
    },
};

const A: &str = "https://user:password@a.example/hook";
const B: &str = "https://b.example/hook";

/// The record of a delivery whose first attempt was acknowledged.
fn acknowledged(delivery: &Delivery) -> Settled {
    Settled { id: delivery.id, verdict: Verdict::Acknowledged, attempts: 1, due: 0, health: Health::Up }
}

/// Closes a store and opens it again.
async fn restart(stage: Fixture) -> Fixture {
    restart_with(stage, &settings()).await
}

/// Closes a store and opens it again with these settings.
async fn restart_with(stage: Fixture, settings: &Settings) -> Fixture {
    stage.store.close().await.unwrap();
    let directory = stage.directory.unwrap();
    let (store, inboxes) = open(directory.path(), settings);
    Fixture::stage(store, inboxes, Some(directory)).await
}

/// What a kill at this moment would leave on disk, opened again. The original lives on.
async fn kill(stage: &Fixture) -> Fixture {
    kill_with(stage, &Settings { quota: 2, ..settings() }).await
}

/// The same, opened with these settings.
async fn kill_with(stage: &Fixture, settings: &Settings) -> Fixture {
    let left = copy_of(stage);
    let (store, inboxes) = open(left.path(), settings);
    Fixture::stage(store, inboxes, Some(left)).await
}

/// A copy of a store's files as they are now.
fn copy_of(stage: &Fixture) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in ["sealpost.db", "sealpost.db-wal"] {
        fs::copy(path(stage).join(file), copy.path().join(file)).unwrap();
    }
    copy
}

/// Another connection to the store's file.
fn behind_its_back(stage: &Fixture) -> Connection {
    Connection::open(path(stage).join("sealpost.db")).unwrap()
}

fn path(stage: &Fixture) -> &Path {
    stage.directory.as_ref().map(TempDir::path).unwrap()
}

fn commits(stage: &Fixture) -> u64 {
    match &stage.store {
        Store::Sqlite(store) => store.commits(),
        Store::Memory(_) => unreachable!("these tests are of the store on disk"),
    }
}
