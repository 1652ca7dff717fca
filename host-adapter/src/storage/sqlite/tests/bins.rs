//! Request bins on disk.

use super::*;
use crate::storage::{BinDraft, BinError, Capture, CaptureQuery, Script};

fn request() -> Capture {
    Capture {
        received_at: 1,
        kind: Some("clicked".into()),
        message: Some("m".into()),
        verified: true,
        details: "{}".into(),
        body: Bytes::from_static(b"body"),
    }
}

#[tokio::test]
async fn what_schema_4_added_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
    file.execute_batch(include_str!("../fixtures/v4.sql")).unwrap();
    let (store, _inboxes) = open(directory.path(), &settings());
    let directory = store.directory();
    assert_eq!(directory.bins().len(), 1, "the other one is gone");
    let bin = directory.bin("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    assert_eq!((bin.domain.as_deref(), bin.expires_at), (Some(DOMAIN), 4_102_444_800_000));
    let kept = store.captures(bin, CaptureQuery::ALL).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((&kept[1].body[..], kept[1].message.as_deref(), kept[0].size), (&b"one"[..], Some("one"), 4));
    let captured =
        store.capture(&bin.id, Capture { message: Some("one".into()), ..request() }).await.unwrap();
    let answer = captured.answer.status;
    assert_eq!((captured.number, captured.attempt, answer), (3, 2, Some(500)), "one 500 is left");
}

#[tokio::test]
async fn bins_and_what_they_kept_survive_a_kill() {
    let stage = Fixture::sqlite(settings()).await;
    let script = Script::parse("500*, 200").unwrap();
    let draft = BinDraft { domain: Some(DOMAIN.into()), lifetime: Duration::from_secs(60), script };
    let (bin, gone) =
        (stage.store.create_bin(draft.clone()).await.unwrap(), stage.store.create_bin(draft).await.unwrap());
    stage.store.capture(&bin.id, request()).await.unwrap();
    stage.store.capture(&gone.id, request()).await.unwrap();
    stage.store.script_bin(&bin.id, Script::parse("410, 503").unwrap()).await.unwrap();
    stage.store.capture(&bin.id, request()).await.unwrap();
    stage.store.delete_bin(&gone.id).await.unwrap();

    let killed = kill(&stage).await;
    let directory = killed.store.directory();
    assert_eq!((directory.bins().len(), directory.bin(&gone.id)), (1, None));
    let bin = directory.bin(&bin.id).unwrap();
    assert_eq!((bin.script.to_string().as_str(), bin.domain.as_deref()), ("410, 503", Some(DOMAIN)));
    assert_eq!(killed.store.captures(bin, CaptureQuery::ALL).await.unwrap().len(), 2);
    let captured = killed.store.capture(&bin.id, request()).await.unwrap();
    let answer = captured.answer.status;
    assert_eq!((captured.number, captured.attempt, answer), (3, 3, Some(503)));
    assert_eq!(killed.store.forget_bins(0, 100).await.unwrap().removed, 1, "what the other one kept");
}

#[tokio::test]
async fn little_free_disk_refuses_what_is_sent_to_a_bin() {
    let stage = Fixture::sqlite(Settings { min_free: u64::MAX, ..settings() }).await;
    let draft = BinDraft { domain: None, lifetime: Duration::from_secs(60), script: Script::default() };
    let bin = stage.store.create_bin(draft).await.unwrap();
    let refused = stage.store.capture(&bin.id, request()).await;
    assert_eq!(refused, Err(BinError::Store(StoreError::Disk)));
}
