//! Request bins: what they keep, what they answer, and how they go.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::storage::{
    Bin, BinDraft, BinError, BinLimits, Capture, CaptureQuery, KindCount, Script, Settings, StoredCapture,
    fixture::{DOMAIN, Fixture, settings},
    wall_millis,
};

every_store! {
    a_request_is_kept_as_it_came_and_numbered(settings());
    a_full_bin_lets_the_oldest_go(with(BinLimits { requests: 2, ..BinLimits::default() }));
    a_bin_is_full_by_its_bytes_too_and_the_newest_stays(with(BinLimits { bytes: 25, ..BinLimits::default() }));
    attempts_are_counted_by_message(settings());
    answers_follow_the_script_from_the_request_on_that_comes_next(settings());
    requests_are_listed_from_either_end_by_kind_and_within_bytes(settings());
    bins_are_bounded_in_a_domain_and_in_all(with(BinLimits { per_domain: 1, in_all: 2, ..BinLimits::default() }));
    a_deleted_bin_is_gone_and_its_requests_are_removed_in_slices(settings());
    an_expired_bin_is_gone_and_others_stay(settings());
    a_deleted_domain_takes_its_bins_along_and_no_others(settings());
    what_is_no_bin_does_nothing(settings());
}

fn with(bins: BinLimits) -> Settings {
    Settings { bins, ..settings() }
}

async fn bin(stage: &Fixture, domain: Option<&str>) -> Arc<Bin> {
    let draft = BinDraft {
        domain: domain.map(Into::into),
        lifetime: Duration::from_secs(3600),
        script: Script::default(),
    };
    stage.store.create_bin(draft).await.unwrap()
}

fn request(kind: &str, message: &str) -> Capture {
    Capture {
        received_at: 1_700_000_000_000,
        kind: Some(kind.into()),
        message: Some(message.into()),
        verified: kind == "clicked",
        details: "{}".into(),
        body: Bytes::from_static(b"0123456789"),
    }
}

async fn numbers(stage: &Fixture, bin: &Arc<Bin>, query: CaptureQuery) -> Vec<u32> {
    stage.store.captures(bin, query).await.unwrap().iter().map(|kept| kept.number).collect()
}

async fn a_request_is_kept_as_it_came_and_numbered(stage: Fixture) {
    let bin = bin(&stage, Some(DOMAIN)).await;
    assert_eq!((bin.id.len(), bin.domain.as_deref()), (22, Some(DOMAIN)));
    assert!(!bin.has_expired(wall_millis()) && bin.has_expired(wall_millis() + 3_600_001));
    for number in 1..=2 {
        let captured = stage.store.capture(&bin.id, request("clicked", &format!("m{number}"))).await.unwrap();
        assert_eq!((captured.number, captured.attempt, captured.answer.status), (number, 1, Some(200)));
    }
    let kept = stage.store.captures(&bin, CaptureQuery { limit: 1, ..CaptureQuery::ALL }).await.unwrap();
    let newest = StoredCapture {
        number: 2,
        received_at: 1_700_000_000_000,
        kind: Some("clicked".into()),
        message: Some("m2".into()),
        attempt: 1,
        verified: true,
        answer: "200".into(),
        details: "{}".into(),
        size: 10,
        body: Bytes::from_static(b"0123456789"),
    };
    assert_eq!(kept, [newest]);
}

async fn a_full_bin_lets_the_oldest_go(stage: Fixture) {
    let bin = bin(&stage, None).await;
    for _ in 0..5 {
        stage.store.capture(&bin.id, request("clicked", "m")).await.unwrap();
    }
    assert_eq!(numbers(&stage, &bin, CaptureQuery::ALL).await, [5, 4]);
    assert_eq!(stage.store.capture_counts(&bin).await.unwrap()[0].count, 2);
}

async fn a_bin_is_full_by_its_bytes_too_and_the_newest_stays(stage: Fixture) {
    let bin = bin(&stage, None).await;
    for _ in 0..3 {
        stage.store.capture(&bin.id, request("clicked", "m")).await.unwrap();
    }
    assert_eq!(numbers(&stage, &bin, CaptureQuery::ALL).await, [3, 2]);
    let large = Capture { body: Bytes::from(vec![b'x'; 100]), ..request("clicked", "m") };
    stage.store.capture(&bin.id, large).await.unwrap();
    assert_eq!(numbers(&stage, &bin, CaptureQuery::ALL).await, [4]);
}

async fn attempts_are_counted_by_message(stage: Fixture) {
    let (one, two) = (bin(&stage, None).await, bin(&stage, None).await);
    let capture = async |bin: &Arc<Bin>, message: Option<&str>| {
        let request = Capture { message: message.map(Into::into), ..request("clicked", "") };
        stage.store.capture(&bin.id, request).await.unwrap().attempt
    };
    assert_eq!(capture(&one, Some("m")).await, 1);
    assert_eq!(capture(&one, Some("m")).await, 2);
    assert_eq!(capture(&one, Some("n")).await, 1);
    assert_eq!(capture(&one, None).await, 1);
    assert_eq!(capture(&one, None).await, 1);
    assert_eq!(capture(&two, Some("m")).await, 1, "in another bin");
    assert_eq!(capture(&one, Some("m")).await, 3);
}

async fn answers_follow_the_script_from_the_request_on_that_comes_next(stage: Fixture) {
    let bin = bin(&stage, Some(DOMAIN)).await;
    let answer =
        async || stage.store.capture(&bin.id, request("clicked", "m")).await.unwrap().answer.to_string();
    assert_eq!(answer().await, "200");
    let scripted =
        stage.store.script_bin(&bin.id, Script::parse("500 delay=1s, reset").unwrap()).await.unwrap();
    assert_eq!(scripted.script.to_string(), "500 delay=1s, reset");
    assert_eq!([answer().await, answer().await, answer().await], ["500 delay=1s", "reset", "200"]);
    stage.store.script_bin(&bin.id, Script::parse("410*").unwrap()).await.unwrap();
    assert_eq!([answer().await, answer().await], ["410", "410"]);
    let kept = stage.store.captures(&bin, CaptureQuery::ALL).await.unwrap();
    let answers: Vec<_> = kept.iter().map(|kept| kept.answer.as_str()).collect();
    assert_eq!(answers, ["410", "410", "200", "reset", "500 delay=1s", "200"]);
}

async fn requests_are_listed_from_either_end_by_kind_and_within_bytes(stage: Fixture) {
    let bin = bin(&stage, Some(DOMAIN)).await;
    for kind in ["clicked", "opened", "clicked", "opened", "opened"] {
        stage.store.capture(&bin.id, request(kind, "m")).await.unwrap();
    }
    let all = CaptureQuery::ALL;
    let opened = Some(vec!["opened".to_owned(), "failed".to_owned()]);
    assert_eq!(numbers(&stage, &bin, all.clone()).await, [5, 4, 3, 2, 1]);
    assert_eq!(numbers(&stage, &bin, CaptureQuery { below: 4, limit: 2, ..all.clone() }).await, [3, 2]);
    let upwards = CaptureQuery { above: 1, newest_first: false, ..all.clone() };
    assert_eq!(numbers(&stage, &bin, upwards.clone()).await, [2, 3, 4, 5]);
    assert_eq!(numbers(&stage, &bin, CaptureQuery { kinds: opened, limit: 2, ..upwards }).await, [2, 4]);
    assert_eq!(numbers(&stage, &bin, CaptureQuery { bytes: 13, ..all.clone() }).await, [5, 4]);
    let cut = stage.store.captures(&bin, CaptureQuery { body: 3, ..all }).await.unwrap();
    assert_eq!((&cut[0].body[..], cut[0].size), (&b"012"[..], 10));
    let counts = stage.store.capture_counts(&bin).await.unwrap();
    let count = |kind: &str, count, verified| KindCount { kind: Some(kind.into()), count, verified };
    assert_eq!(counts, [count("clicked", 2, 2), count("opened", 3, 0)]);
}

async fn bins_are_bounded_in_a_domain_and_in_all(stage: Fixture) {
    let draft = |domain: Option<&str>| BinDraft {
        domain: domain.map(Into::into),
        lifetime: Duration::from_secs(1),
        script: Script::default(),
    };
    stage.store.create_domain("second.example").await.unwrap();
    stage.store.create_bin(draft(Some(DOMAIN))).await.unwrap();
    assert_eq!(stage.store.create_bin(draft(Some(DOMAIN))).await, Err(BinError::TooMany { limit: 1 }));
    let last = stage.store.create_bin(draft(None)).await.unwrap();
    let refused = stage.store.create_bin(draft(Some("second.example"))).await;
    assert_eq!(refused, Err(BinError::TooManyInAll { limit: 2 }));
    stage.store.delete_bin(&last.id).await.unwrap();
    stage.store.create_bin(draft(Some("second.example"))).await.unwrap();
}

async fn a_deleted_bin_is_gone_and_its_requests_are_removed_in_slices(stage: Fixture) {
    let (gone, stays) = (bin(&stage, Some(DOMAIN)).await, bin(&stage, Some(DOMAIN)).await);
    for _ in 0..5 {
        stage.store.capture(&gone.id, request("clicked", "m")).await.unwrap();
        stage.store.capture(&stays.id, request("clicked", "m")).await.unwrap();
    }
    stage.store.delete_bin(&gone.id).await.unwrap();
    assert!(stage.store.directory().bin(&gone.id).is_none());
    assert_eq!(numbers(&stage, &gone, CaptureQuery::ALL).await, [0; 0]);
    assert_eq!(stage.store.capture(&gone.id, request("clicked", "m")).await, Err(BinError::Unknown));
    let mut removed = 0;
    for _ in 0..9 {
        let slice = stage.store.forget_bins(wall_millis(), 2).await.unwrap();
        removed += slice.removed;
        if slice.done {
            break;
        }
    }
    assert_eq!(removed, 5);
    assert!(stage.store.forget_bins(wall_millis(), 2).await.unwrap().done);
    assert_eq!(numbers(&stage, &stays, CaptureQuery::ALL).await, [5, 4, 3, 2, 1]);
}

async fn an_expired_bin_is_gone_and_others_stay(stage: Fixture) {
    let draft = BinDraft { domain: None, lifetime: Duration::ZERO, script: Script::default() };
    let (expired, stays) = (stage.store.create_bin(draft).await.unwrap(), bin(&stage, None).await);
    stage.store.forget_bins(wall_millis(), 100).await.unwrap();
    let directory = stage.store.directory();
    assert!(directory.bin(&expired.id).is_none() && directory.bin(&stays.id).is_some());
}

async fn a_deleted_domain_takes_its_bins_along_and_no_others(stage: Fixture) {
    let (gone, stays) = (bin(&stage, Some(DOMAIN)).await, bin(&stage, None).await);
    stage.store.capture(&gone.id, request("clicked", "m")).await.unwrap();
    stage.store.delete_domain(DOMAIN).await.unwrap();
    stage.store.create_domain(DOMAIN).await.unwrap();
    let directory = stage.store.directory();
    assert!(directory.bin(&gone.id).is_none() && directory.bin(&stays.id).is_some());
    assert_eq!(stage.store.forget_bins(wall_millis(), 100).await.unwrap().removed, 1);
}

async fn what_is_no_bin_does_nothing(stage: Fixture) {
    let elsewhere = BinDraft {
        domain: Some("second.example".into()),
        lifetime: Duration::from_secs(1),
        script: Script::default(),
    };
    assert_eq!(stage.store.create_bin(elsewhere).await, Err(BinError::UnknownDomain));
    assert_eq!(stage.store.script_bin("x", Script::default()).await, Err(BinError::Unknown));
    assert_eq!(stage.store.delete_bin("x").await, Err(BinError::Unknown));
    assert_eq!(stage.store.capture("x", request("clicked", "m")).await, Err(BinError::Unknown));
}
