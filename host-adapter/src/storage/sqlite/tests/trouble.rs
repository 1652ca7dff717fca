//! Trouble that passes, and trouble that breaks the store.

use super::*;

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
