//! What shares a commit, what waits for one, and what comes too late for it.

use super::*;

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
