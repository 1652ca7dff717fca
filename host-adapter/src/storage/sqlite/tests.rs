//! What only a store on disk can show: restarts, crashes, locks, migrations, commits.

mod backlog;
mod bins;
mod ids;
mod index;
mod tenants;

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

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let mut stage = Fixture::sqlite(settings()).await;
    stage.store.set_signing_key(Secret::new("key-1")).await.unwrap();
    let before = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one")]).await;
    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[1], Verdict::Acknowledged).await;
    let identity = stage.store.identity().clone();
    let epoch = stage.store.epochs().present();

    let mut stage = restart(stage).await;
    assert_eq!(stage.store.identity().account, identity.account);
    assert_ne!(stage.store.epochs().present(), epoch);
    assert!(stage.store.epochs().hold(epoch, 1, stage.store.snapshot()));
    assert_eq!(stage.store.identity().cursor_key, identity.cursor_key);
    let directory = stage.store.directory();
    assert_eq!(directory.signing_key().unwrap().expose(), "key-1");
    let endpoints = directory.domain(DOMAIN).unwrap().webhook(CLICKED);
    for (now, then) in endpoints.iter().zip(&before) {
        assert_eq!((now.id(), now.url(), now.secret()), (then.id(), then.url(), then.secret()));
    }
    assert_eq!([endpoints[0].health(), endpoints[1].health()], [Health::UNPROVEN, Health::Up]);
    assert_eq!(stage.listed().await, [event("one").data]);
    let balance = Accounting { accepted: 2, acknowledged: 1, ..Accounting::default() };
    assert_eq!(stage.store.accounting(), balance);

    assert_eq!(stage.backlog().await.id(), endpoints[0].id());
    let (pending, more) = stage.refill(&endpoints[0], 9).await;
    assert_eq!((events_of(&pending), pending[0].id, more), (vec!["one"], deliveries[0].id, false));
    let again = stage.store.append(DOMAIN, vec![event("one")], false).await.unwrap();
    assert!(again[0].as_ref().unwrap().duplicate);
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let mut stage = Fixture::sqlite(settings()).await;
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("acknowledged"), event("in flight")]).await;
    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[0], Verdict::Acknowledged).await;

    let mut killed = kill(&stage).await;
    assert_eq!(killed.listed().await.len(), 2);
    assert_eq!(killed.backlog().await.id(), endpoint.id());
    assert_eq!(events_of(&killed.refill(&endpoint, 9).await.0), ["in flight"]);
    let balance = Accounting { accepted: 2, acknowledged: 1, ..Accounting::default() };
    assert_eq!(killed.store.accounting(), balance);
}

#[tokio::test]
async fn numbers_are_not_used_again_after_the_last_event_is_gone() {
    let stage = Fixture::sqlite(settings()).await;
    stage.append(vec![event("one"), event("two")]).await;
    while !stage.store.retain(wall_millis() + 1, 10).await.unwrap().done {}
    assert!(stage.listed().await.is_empty());
    let stage = restart(stage).await;
    stage.append(vec![event("three")]).await;
    assert_eq!(stage.store.snapshot(), 3);
}

#[tokio::test]
async fn ids_of_forgotten_endpoints_are_not_used_again() {
    let stage = Fixture::sqlite(settings()).await;
    let last = stage.subscribe(&[A, B]).await.remove(1);
    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    while stage.store.directory().endpoint(last.id()).is_some() {
        stage.store.forget_endpoints().await.unwrap();
    }
    let stage = restart(stage).await;
    assert_eq!(stage.subscribe(&[B]).await[0].id(), last.id() + 1);
}

#[tokio::test]
async fn events_are_found_wherever_their_facts_are() {
    let few = Settings { fresh_facts: 40, ..settings() };
    let mut stage = Fixture::sqlite(few.clone()).await;
    let clicked = Arc::new(Filter::new([(Field::Event, "clicked"), (Field::Tags, "NOT x")]).unwrap());
    let found = async |stage: &Fixture| {
        let query = EventQuery { filter: clicked.clone(), limit: 1000, ..query(stage.store.snapshot()) };
        stage.store.events(query).await.unwrap().len()
    };
    let written = |stage: &Fixture| -> i64 {
        let upto = "SELECT coalesce(max(upto), 0) FROM part WHERE state = 1";
        behind_its_back(stage).query_row(upto, [], |row| row.get(0)).unwrap()
    };
    for number in 0..100 {
        stage.append(vec![event(&number.to_string())]).await;
        assert_eq!(found(&stage).await, number + 1);
        match number % 10 {
            3 => assert_eq!(found(&kill(&stage).await).await, number + 1, "after a kill"),
            7 => stage = restart_with(stage, &few).await,
            _ => {}
        }
    }
    assert!((20..100).contains(&written(&stage)), "{} events are in parts", written(&stage));

    while !stage.store.retain(wall_millis() + 1, 7).await.unwrap().done {}
    assert_eq!((found(&stage).await, written(&stage)), (0, 0), "nothing of an event stays");
    let stage = restart_with(stage, &few).await;
    assert_eq!((found(&stage).await, written(&stage)), (0, 0));
}

#[tokio::test]
async fn a_record_under_a_stale_token_changes_nothing() {
    let mut stage = Fixture::sqlite(settings()).await;
    stage.subscribe(&[A]).await;
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);
    let other_node = 99;
    behind_its_back(&stage).execute("UPDATE pending SET claim = ?", [other_node]).unwrap();

    stage.settle(&delivery, Verdict::Acknowledged).await;
    assert_eq!(stage.store.accounting().pending(), 1);
    let claim = behind_its_back(&stage).query_row("SELECT claim FROM pending", [], |row| row.get(0));
    assert_eq!(claim, Ok(other_node));
}

#[tokio::test]
async fn one_process_at_a_time() {
    let stage = Fixture::sqlite(settings()).await;
    let second = Store::open(path(&stage), &master_key(), &settings());
    assert!(matches!(second.err().unwrap().cause, OpenCause::Locked));
    restart(stage).await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let stage = Fixture::sqlite(settings()).await;
    stage.store.close().await.unwrap();
    assert_eq!(stage.store.create_domain("late.example").await.unwrap_err(), StoreError::Broken.into());
    assert_eq!(stage.store.flush().await, Err(StoreError::Broken));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let (store, _inboxes) = open(&data, &settings());
    store.create_domain(DOMAIN).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["lock", "sealpost.db", "sealpost.db-wal", "sealpost.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_names_its_directory_and_a_way_out() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("sealpost.db"), [b'x'; 4096]).unwrap();
    let said = Store::open(directory.path(), &master_key(), &settings()).err().unwrap().to_string();
    assert!(
        said.contains(directory.path().to_str().unwrap()) && said.ends_with("restore it from a copy"),
        "{said}"
    );
}

#[tokio::test]
async fn secrets_cannot_be_read_from_the_file() {
    let stage = Fixture::sqlite(settings()).await;
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.store.set_signing_key(Secret::new("signing-key-1")).await.unwrap();
    let overlap = Duration::from_secs(60);
    let of = SecretOf::Domain { domain: DOMAIN.into(), kind: CLICKED.into(), url: endpoint.url().clone() };
    stage.store.rotate_secret(of, overlap).await.unwrap();
    stage.store.close().await.unwrap();
    let bytes = fs::read(path(&stage).join("sealpost.db")).unwrap();
    let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds(DOMAIN), "what is no secret can be read");
    let secrets = stage.store.directory().secrets_for(DOMAIN, CLICKED.into(), &endpoint).remove(0);
    let previous = secrets.previous(0).unwrap();
    for secret in [
        "password",
        "signing-key-1",
        "a.example",
        endpoint.secret().expose(),
        secrets.current().expose(),
        previous.secret.expose(),
    ] {
        assert!(!holds(secret), "{secret}");
    }

    let refused = Store::open(path(&stage), &MasterKey::generate(), &settings()).err().unwrap();
    assert!(matches!(refused.cause, OpenCause::MasterKey));
}

#[tokio::test]
async fn concurrent_appends_share_commits() {
    let stage = Fixture::sqlite(settings()).await;
    let before = commits(&stage);
    let appends = (0..256).map(|number| {
        let store = stage.store.clone();
        tokio::spawn(async move { store.append(DOMAIN, vec![event(&number.to_string())], false).await })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap().unwrap();
    }
    assert!(commits(&stage) - before <= 64, "{} commits for 256 appends", commits(&stage) - before);
    assert_eq!(stage.store.snapshot(), 256);
}

#[tokio::test]
async fn the_log_stays_short_while_commits_keep_coming() {
    let stage = Fixture::sqlite(settings()).await;
    let log = path(&stage).join("sealpost.db-wal");
    let submit = async |lane: usize| {
        for turn in 0..100 {
            let large = NewEvent { data: vec![b' '; 256 << 10].into(), ..event(&format!("{lane}-{turn}")) };
            stage.store.append(DOMAIN, vec![large], false).await.unwrap();
        }
    };
    tokio::join!(submit(0), submit(1), submit(2), submit(3), submit(4), submit(5), submit(6), submit(7));
    let length = fs::metadata(log).unwrap().len();
    assert!(length < 128 << 20, "{length} bytes of log for 200 MiB of events");
}

#[tokio::test]
async fn patient_records_wait_for_company() {
    let patient = Settings { outcome_linger: Duration::from_secs(60), ..settings() };
    let mut stage = Fixture::sqlite(patient).await;
    stage.subscribe(&[A]).await;
    stage.append(vec![event("one"), event("two")]).await;
    let deliveries = stage.claimed().await;
    let before = commits(&stage);
    for delivery in &deliveries {
        stage.store.record(0, vec![acknowledged(delivery)], false);
    }
    stage.store.flush().await.unwrap();
    assert_eq!(stage.recorded().await, [deliveries[0].id]);
    assert_eq!(stage.recorded().await, [deliveries[1].id]);
    assert_eq!(commits(&stage) - before, 1);
}

#[tokio::test]
async fn many_deliveries_are_cancelled_in_slices_across_a_kill() {
    let mut stage = Fixture::sqlite(Settings { quota: 2, ..settings() }).await;
    let endpoints = stage.subscribe(&[A, B]).await;
    for batch in 0..3 {
        stage.append((0..9000).map(|number| event(&format!("{batch}-{number}"))).collect()).await;
    }
    stage.store.replace_webhook(DOMAIN, CLICKED, vec![EndpointUrl::new(B)]).await.unwrap();
    let mut killed = kill(&stage).await;

    stage.store.refill(endpoints[0].id(), 100);
    stage.append(vec![event("meanwhile")]).await;
    stage.until(|store| store.accounting().cancelled == 27_000).await;
    assert_eq!(stage.store.accounting().pending(), 27_001);
    stage.store.flush().await.unwrap();
    while let Ok(message) = stage.inbox.try_recv() {
        if let ToShard::Refilled { deliveries, .. } = message {
            assert!(deliveries.is_empty(), "a covered delivery was handed out");
        }
    }

    killed.until(|store| store.accounting().cancelled == 27_000).await;
    assert_eq!(killed.store.accounting().pending(), 27_000);
    let left = killed.refill_after_backlog(&endpoints[1]).await;
    assert_eq!(events_of(&left), ["0-0", "0-1"]);
}

#[tokio::test]
async fn little_free_disk_refuses_events() {
    let stage = Fixture::sqlite(Settings { min_free: u64::MAX, ..Settings::default() }).await;
    let refused = stage.store.append(DOMAIN, vec![event("one")], false).await;
    assert_eq!(refused, Err(AppendError::Store(StoreError::Disk)));
    assert_eq!(stage.store.append(DOMAIN, Vec::new(), false).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_loses_no_record() {
    let patient = Settings { outcome_linger: Duration::from_secs(60), ..settings() };
    let directory = tempfile::tempdir().unwrap();
    let (sqlite, inboxes) = Sqlite::open_with(directory.path(), &master_key(), &patient, |connection, _| {
        connection.pragma_update(None, "max_page_count", 40)
    })
    .unwrap();
    let mut stage = Fixture::stage(Store::Sqlite(sqlite), inboxes, Some(directory)).await;
    stage.subscribe(&[A]).await;
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);

    stage.store.record(0, vec![acknowledged(&delivery)], false);
    let large = NewEvent { data: vec![b' '; 1 << 20].into(), ..event("large") };
    let refused = stage.store.append(DOMAIN, vec![event("two"), large], false).await;
    assert_eq!(refused, Err(AppendError::Store(StoreError::Disk)));
    assert_eq!(stage.recorded().await, [delivery.id], "the batch that it shared with the events failed");
    assert_eq!(stage.listed().await, [event("one").data], "nothing of the refused batch is stored");

    stage.append(vec![event("two")]).await;
    assert_eq!(events_of(&stage.claimed().await), ["two"]);
    let balance = Accounting { accepted: 2, acknowledged: 1, ..Accounting::default() };
    assert_eq!(stage.store.accounting(), balance);
    stage.store.close().await.unwrap();
}

#[tokio::test]
async fn another_programs_lock_refuses_changes_and_loses_no_record() {
    let directory = tempfile::tempdir().unwrap();
    let (sqlite, inboxes) =
        Sqlite::open_with(directory.path(), &master_key(), &settings(), |connection, _| {
            connection.busy_timeout(Duration::from_millis(20))
        })
        .unwrap();
    let mut stage = Fixture::stage(Store::Sqlite(sqlite), inboxes, Some(directory)).await;
    stage.subscribe(&[A]).await;
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);

    let other = behind_its_back(&stage);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    stage.store.record(0, vec![acknowledged(&delivery)], true);
    let refused = stage.store.append(DOMAIN, vec![event("two")], false).await;
    assert_eq!(refused, Err(AppendError::Store(StoreError::Busy)));
    assert_eq!(stage.store.create_domain("late.example").await.unwrap_err(), StoreError::Busy.into());
    other.execute_batch("COMMIT").unwrap();

    assert_eq!(stage.recorded().await, [delivery.id]);
    stage.append(vec![event("two")]).await;
    assert_eq!(events_of(&stage.claimed().await), ["two"]);
}

#[tokio::test]
async fn a_writer_that_panics_is_a_broken_store() {
    struct Bomb;
    impl AsRef<[u8]> for Bomb {
        fn as_ref(&self) -> &[u8] {
            b"{}"
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the writer is to survive everything but this");
        }
    }

    let stage = Fixture::sqlite(settings()).await;
    let deadly = NewEvent { data: Bytes::from_owner(Bomb), ..event("one") };
    let _ = stage.store.append(DOMAIN, vec![deadly], false).await;
    let why = tokio::time::timeout(Duration::from_secs(10), stage.store.broken()).await;
    assert!(why.unwrap().contains("panicked"));
    assert_eq!(stage.store.flush().await, Err(StoreError::Broken));
}

#[tokio::test]
async fn the_log_is_in_the_file_before_anything_is_accepted() {
    let stage = Fixture::sqlite(settings()).await;
    stage.append(vec![event("one")]).await;
    let left = copy_of(&stage);
    let log = left.path().join("sealpost.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    let _writer = open_writer(&left.path().join("sealpost.db")).unwrap();
    assert_eq!(fs::metadata(&log).unwrap().len(), 0);
}

#[tokio::test]
async fn a_failed_write_breaks_the_store_for_good() {
    let stage = Fixture::sqlite(settings()).await;
    stage.subscribe(&[A]).await;
    behind_its_back(&stage).execute_batch("DROP TABLE pending").unwrap();
    let lost = stage.store.append(DOMAIN, vec![event("one")], false).await;
    assert_eq!(lost, Err(AppendError::Store(StoreError::Broken)));
    assert!(stage.store.broken().await.contains("pending"));
    assert_eq!(stage.store.flush().await, Err(StoreError::Broken));
}

#[tokio::test]
async fn nothing_is_accepted_beside_a_checkpoint_that_failed() {
    let (stage, alarm) = with_alarm().await;
    alarm.raise("the log's sync");
    let late = stage.store.append(DOMAIN, vec![event("late")], false).await;
    assert_eq!(late, Err(AppendError::Store(StoreError::Broken)));
}

#[tokio::test]
async fn nothing_is_configured_beside_a_checkpoint_that_failed() {
    let (stage, alarm) = with_alarm().await;
    alarm.raise("the log's sync");
    let late = stage.store.create_domain("late.example").await;
    assert_eq!(late.map(drop), Err(DomainError::Store(StoreError::Broken)));
    assert!(stage.store.directory().domain("late.example").is_none());
}

#[tokio::test]
async fn closing_does_not_try_again_a_checkpoint_that_failed() {
    let (stage, alarm) = with_alarm().await;
    alarm.raise("the log's sync");
    assert_eq!(stage.store.close().await, Err(StoreError::Broken));
    assert!(fs::metadata(path(&stage).join("sealpost.db-wal")).unwrap().len() > 0, "the log was moved");
}

#[tokio::test]
async fn retention_gives_file_space_back() {
    let stage = Fixture::sqlite(settings()).await;
    for number in 0..20 {
        let large = NewEvent { data: vec![b' '; 256 << 10].into(), ..event(&number.to_string()) };
        stage.append(vec![large]).await;
    }
    let full = restart(stage).await;
    let size = |stage: &Fixture| fs::metadata(path(stage).join("sealpost.db")).unwrap().len();
    let before = size(&full);
    while !full.store.retain(wall_millis() + 1, 5).await.unwrap().done {}
    let emptied = restart(full).await;
    assert!(before > 5 << 20 && size(&emptied) < 1 << 20, "{before} bytes became {}", size(&emptied));
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_stop_retention() {
    let stage = Fixture::sqlite(settings()).await;
    stage.append(["future", "recent", "one", "two"].map(event).into()).await;
    let (now, old) = (wall_millis(), 1_000_000);
    let accept = |id: &str, at: i64| {
        let file = behind_its_back(&stage);
        file.execute("UPDATE event SET accepted_at = ? WHERE id = ?", params![at, id]).unwrap();
    };
    accept("future", now + 1_000_000_000);
    accept("recent", now);
    accept("one", old);
    accept("two", old);

    let mut removed = 0;
    loop {
        let slice = stage.store.retain(old + 1, 3).await.unwrap();
        removed += slice.removed;
        if slice.done {
            break;
        }
    }
    assert_eq!((removed, stage.listed().await), (2, vec![event("future").data, event("recent").data]));
}

#[tokio::test]
async fn a_slice_of_retention_is_bounded_in_bytes_and_the_last_gives_all_space_back() {
    let stage = Fixture::sqlite(settings()).await;
    for number in 0..40 {
        let large = NewEvent { data: vec![b' '; 1 << 20].into(), ..event(&number.to_string()) };
        stage.append(vec![large]).await;
    }
    assert_eq!(stage.store.retain(wall_millis() + 1, 1000).await, Ok(Retained { removed: 8, done: false }));
    while !stage.store.retain(wall_millis() + 1, 1000).await.unwrap().done {}
    let free = behind_its_back(&stage).query_row("PRAGMA freelist_count", [], |row| row.get::<_, u32>(0));
    assert_eq!((free, stage.listed().await.len()), (Ok(0), 0));
}

#[tokio::test]
async fn other_files_are_refused() {
    let refused = |prepare: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
        file.execute_batch(prepare).unwrap();
        Store::open(directory.path(), &master_key(), &settings()).err().unwrap().cause
    };
    assert!(matches!(refused("PRAGMA user_version = 99"), OpenCause::Newer { found: 99, .. }));
    assert!(matches!(refused("CREATE TABLE notes (text)"), OpenCause::Foreign));
}

/// A store of every schema that was released, as SQL. A new migration comes with a new one.
const EARLIER: &[&str] = &[
    include_str!("fixtures/v1.sql"),
    include_str!("fixtures/v2.sql"),
    include_str!("fixtures/v3.sql"),
    include_str!("fixtures/v4.sql"),
    include_str!("fixtures/v5.sql"),
    include_str!("fixtures/v6.sql"),
    include_str!("fixtures/v7.sql"),
];

#[tokio::test]
async fn a_store_of_every_earlier_schema_is_brought_forward() {
    assert_eq!(EARLIER.len(), MIGRATIONS.len());
    let new = schema_of(Fixture::sqlite(settings()).await.directory.unwrap().path());
    for dump in EARLIER {
        let directory = tempfile::tempdir().unwrap();
        let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
        file.execute_batch(dump).unwrap();
        give_digests(&file);
        drop(file);

        let (store, inboxes) = open(directory.path(), &settings());
        let mut stage = Fixture::stage(store, inboxes, Some(directory)).await;
        assert_eq!(schema_of(path(&stage)), new);
        assert_eq!(stage.listed().await, [event("one").data, event("two").data]);
        let clicked = Arc::new(Filter::new([(Field::Event, "clicked")]).unwrap());
        let found = stage.store.events(EventQuery { filter: clicked, ..query(stage.store.snapshot()) }).await;
        assert_eq!(found.unwrap().len(), 2);
        let balance = Accounting { accepted: 4, acknowledged: 1, ..Accounting::default() };
        assert_eq!(stage.store.accounting(), balance);
        let directory = stage.store.directory();
        assert_eq!(directory.signing_key().unwrap().expose(), "key-1");
        let key = directory.api_key(&[1; 32]).unwrap();
        assert_eq!((key.id.len(), key.created_at), (17, 1_700_000_000_000));
        let domain = directory.domain(DOMAIN).unwrap();
        let endpoints = domain.webhook(CLICKED);
        for endpoint in endpoints {
            assert_eq!(domain.secrets(endpoint.id()).unwrap().current(), endpoint.secret());
        }
        assert_eq!([endpoints[0].url().expose(), endpoints[1].url().expose()], [A, B]);
        assert_eq!(events_of(&stage.refill_after_backlog(&endpoints[0]).await), ["one", "two"]);
        let again = stage.store.append(DOMAIN, vec![event("one"), event("two")], false).await.unwrap();
        assert!(again.into_iter().all(|known| known.unwrap().duplicate));
    }
}

#[tokio::test]
async fn what_schema_3_added_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
    file.execute_batch(include_str!("fixtures/v3.sql")).unwrap();
    let (store, _inboxes) = open(directory.path(), &settings());
    let directory = store.directory();
    let domain = directory.domain(DOMAIN).unwrap();
    assert!(domain.has_legacy());
    assert_eq!(domain.webhook(LegacyKind::Click)[0].url().expose(), A);
    let webhook = directory.account_webhooks().next().unwrap();
    assert_eq!(webhook.id.to_string(), "69936a990001020304050607");
    assert_eq!((&*webhook.description, webhook.endpoint.url().expose()), ("for all", B));
    assert_eq!(webhook.kinds, [CLICKED, WebhookKind::Opened]);
}

#[tokio::test]
async fn webhooks_of_the_account_and_legacy_ones_are_there_after_a_restart() {
    let mut stage = Fixture::sqlite(Settings { quota: 1, ..settings() }).await;
    let draft = || AccountDraft { description: "all".into(), url: EndpointUrl::new(A), kinds: vec![CLICKED] };
    let made = stage.store.edit_account_webhooks(AccountEdit::Create(draft())).await.unwrap().unwrap();
    stage.store.edit_webhooks(DOMAIN, WebhookEdit::AllowLegacy(true)).await.unwrap();
    stage.store.create_webhook(DOMAIN, LegacyKind::Click, vec![EndpointUrl::new(B)]).await.unwrap();
    let legacy = |event| NewEvent { legacy: Some(LegacyKind::Click), ..event };
    stage.append(vec![legacy(event("1")), legacy(event("2"))]).await;
    let born = stage.claimed().await;
    assert_eq!(born.iter().map(|delivery| delivery.kind.format()).collect::<Vec<_>>(), [0, 1]);

    let mut stage = restart_with(stage, &settings()).await;
    let directory = stage.store.directory();
    assert_eq!(directory.account_webhook(made.id).unwrap().endpoint.id(), made.endpoint.id());
    assert_eq!(directory.account_endpoints(CLICKED)[0].id(), made.endpoint.id());
    let domain = directory.domain(DOMAIN).unwrap();
    let form = domain.webhook(LegacyKind::Click)[0].clone();
    let left = stage.refill_after_backlog(&form).await;
    assert_eq!((events_of(&left), left[0].kind), (vec!["1", "2"], LegacyKind::Click.into()));
}

#[tokio::test]
async fn a_withdrawal_from_all_domains_but_one_goes_on_after_a_kill() {
    let stage = Fixture::sqlite(Settings { quota: 1, ..settings() }).await;
    let other = "other.example";
    stage.store.create_domain(other).await.unwrap();
    let draft = AccountDraft { description: "".into(), url: EndpointUrl::new(A), kinds: vec![CLICKED] };
    stage.store.edit_account_webhooks(AccountEdit::Create(draft)).await.unwrap();
    let own = stage.subscribe(&[A]).await.remove(0);
    for batch in 0..2 {
        let events = || (0..9000).map(|number| event(&format!("{batch}-{number}"))).collect();
        stage.append(events()).await;
        stage.store.append(other, events(), false).await.unwrap();
    }
    stage.store.edit_account_webhooks(AccountEdit::DeleteAll).await.unwrap();
    let mut killed = kill(&stage).await;
    killed.until(|store| store.accounting().cancelled == 18_000).await;
    assert_eq!(killed.store.accounting().pending(), 18_000);
    assert!(killed.refill_after_backlog(&own).await.iter().all(|delivery| &*delivery.domain == DOMAIN));
}

/// The record of a delivery whose first attempt was acknowledged.
fn acknowledged(delivery: &Delivery) -> Settled {
    Settled { id: delivery.id, verdict: Verdict::Acknowledged, attempts: 1, due: 0, health: Health::Up }
}

/// The events of the dumps were written by hand, with any digest.
fn give_digests(file: &Connection) {
    let mut events = file.prepare("SELECT seq, data FROM event").unwrap();
    let mut rows = events.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let digest: [u8; 32] = Sha256::digest(row.get_ref(1).unwrap().as_blob().unwrap()).into();
        file.execute(
            "UPDATE event SET digest = ? WHERE seq = ?",
            params![digest, row.get::<_, i64>(0).unwrap()],
        )
        .unwrap();
    }
}

/// A store whose writer waits, and the alarm by which its threads say that they have failed.
async fn with_alarm() -> (Fixture, Alarm) {
    let directory = tempfile::tempdir().unwrap();
    let mut alarm = None;
    let (sqlite, inboxes) = Sqlite::open_with(directory.path(), &master_key(), &settings(), |_, of_store| {
        alarm = Some(of_store.clone());
        Ok(())
    })
    .unwrap();
    let stage = Fixture::stage(Store::Sqlite(sqlite), inboxes, Some(directory)).await;
    // The writer has looked at the alarm before it waits for commands again.
    tokio::time::sleep(Duration::from_millis(100)).await;
    (stage, alarm.unwrap())
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

/// The statements that made the tables and indexes of a store.
fn schema_of(directory: &Path) -> Vec<String> {
    let file = Connection::open(directory.join("sealpost.db")).unwrap();
    let mut all = file.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    all.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
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
