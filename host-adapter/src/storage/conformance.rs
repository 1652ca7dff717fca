//! The contract as tests. Every store runs all of them.

use sealpost_core::{Duration, EventKind, Health, Verdict, WebhookKind};

use super::{
    Accounting, ApiKey, AppendError, Conflict, EventQuery, NewEvent, Settings, Settled, ToShard,
    WebhookError,
    fixture::{CLICKED, DOMAIN, Fixture, event, event_at, events_of, other_bytes, query, settings, urls},
    wall_millis,
};
use crate::secrets::Secret;

/// Makes one test per store of every named function, given the settings of its stage.
macro_rules! every_store {
    ($($name:ident($settings:expr);)*) => {
        mod memory {
            use super::{Fixture, Settings, settings};

            $(#[tokio::test]
            async fn $name() {
                super::$name(Fixture::memory($settings).await).await;
            })*
        }
        mod sqlite {
            use super::{Fixture, Settings, settings};

            $(#[tokio::test]
            async fn $name() {
                super::$name(Fixture::sqlite($settings).await).await;
            })*
        }
    };
}

every_store! {
    an_event_becomes_one_delivery_per_endpoint(settings());
    an_event_without_webhook_goes_nowhere_and_is_listed(settings());
    a_repeat_is_answered_like_the_first_time(settings());
    a_taken_id_refuses_the_whole_batch(settings());
    a_partial_batch_stores_what_it_can(settings());
    the_same_id_twice_in_a_batch_follows_the_same_rule(settings());
    ids_are_unique_per_domain_only(settings());
    an_unknown_domain_takes_no_events(settings());
    a_full_store_takes_no_deliveries(Settings { max_pending: 3, ..settings() });
    each_end_is_counted_once(settings());
    a_kept_retry_stays_with_its_shard(settings());
    a_retry_that_is_not_kept_comes_back_when_due(settings());
    beyond_its_quota_an_endpoint_waits_in_the_store(Settings { quota: 2, ..settings() });
    beyond_the_window_every_endpoint_waits(Settings { window: 1, ..settings() });
    the_window_is_bounded_in_bytes(Settings { window_bytes: 1, ..settings() });
    what_waits_goes_before_what_is_new(Settings { quota: 1, ..settings() });
    a_record_of_nothing_is_answered_and_counts_nothing(settings());
    health_is_kept_with_the_endpoint(settings());
    deliveries_go_to_the_shard_of_their_endpoint(Settings { shards: 2, ..settings() });
    removing_a_url_cancels_its_deliveries_alone(Settings { quota: 1, ..settings() });
    a_url_that_is_set_again_gets_new_events_only(Settings { quota: 1, ..settings() });
    a_webhook_is_created_replaced_and_deleted(settings());
    a_webhook_has_at_most_three_different_urls(settings());
    a_shown_url_keeps_its_credentials_and_its_secret(settings());
    domains_and_keys_are_kept(settings());
    pages_neither_skip_nor_repeat_where_timestamps_tie(settings());
    a_listing_is_bounded_by_time_kind_and_commit(settings());
    retention_spares_what_is_new_or_pending(settings());
}

const A: &str = "https://a.example/hook";
const B: &str = "https://b.example/hook";
const RETRY: Verdict = Verdict::Retry { wait: Duration::ZERO, kept: false };

async fn an_event_becomes_one_delivery_per_endpoint(mut stage: Fixture) {
    stage.subscribe(&[A, B]).await;
    let appended = stage.store.append(DOMAIN, vec![event("one")], false).await.unwrap();
    let appended = appended[0].as_ref().unwrap();
    assert_eq!((&*appended.id, appended.deliveries, appended.duplicate), ("one", 2, false));

    let deliveries = stage.claimed().await;
    let places: Vec<_> = deliveries.iter().map(|delivery| delivery.endpoint.url().expose()).collect();
    assert_eq!(places, [A, B]);
    for delivery in &deliveries {
        assert_eq!((&*delivery.event_id, delivery.kind, delivery.attempts), ("one", CLICKED, 0));
        assert_eq!((&*delivery.domain, &delivery.data), (DOMAIN, &event("one").data));
    }
    assert_eq!(stage.listed().await, [event("one").data]);
    assert_eq!(stage.store.accounting(), Accounting { accepted: 2, ..Accounting::default() });
}

async fn an_event_without_webhook_goes_nowhere_and_is_listed(mut stage: Fixture) {
    stage.subscribe(&[A]).await;
    let stored = NewEvent { kind: EventKind::Stored, webhook: None, ..event("stored") };
    let opened = NewEvent { kind: EventKind::Opened, webhook: Some(WebhookKind::Opened), ..event("opened") };
    stage.append(vec![stored, opened]).await;
    stage.silence().await;
    assert_eq!(stage.listed().await.len(), 2);
    assert_eq!(stage.store.accounting().accepted, 0);
}

async fn a_repeat_is_answered_like_the_first_time(mut stage: Fixture) {
    stage.append(vec![event_at("one", 7)]).await;
    stage.subscribe(&[A]).await;
    let later = NewEvent { data: "completed at another time".into(), ..event_at("one", 9) };
    let again = stage.store.append(DOMAIN, vec![later], false).await.unwrap();
    let again = again[0].as_ref().unwrap();
    assert_eq!((again.timestamp, again.deliveries, again.duplicate), (7, 0, true));
    stage.silence().await;
    assert_eq!(stage.listed().await, [event("one").data]);
}

async fn a_taken_id_refuses_the_whole_batch(mut stage: Fixture) {
    stage.append(vec![event("one"), event("two")]).await;
    stage.subscribe(&[A]).await;
    let batch = vec![event("new"), other_bytes("two"), event("one"), other_bytes("one")];
    let refused = stage.store.append(DOMAIN, batch, false).await;
    let taken = |index, id: &str| Conflict { index, id: id.into() };
    assert_eq!(refused, Err(AppendError::Conflicts(vec![taken(1, "two"), taken(3, "one")])));
    stage.silence().await;
    assert_eq!(stage.listed().await.len(), 2);
}

async fn a_partial_batch_stores_what_it_can(mut stage: Fixture) {
    stage.append(vec![event("one")]).await;
    stage.subscribe(&[A]).await;
    let batch = vec![event("new"), other_bytes("one"), event("one")];
    let appended = stage.store.append(DOMAIN, batch, true).await.unwrap();
    assert!(!appended[0].as_ref().unwrap().duplicate);
    assert_eq!(appended[1], Err(Conflict { index: 1, id: "one".into() }));
    assert!(appended[2].as_ref().unwrap().duplicate);
    assert_eq!(events_of(&stage.claimed().await), ["new"]);
}

async fn the_same_id_twice_in_a_batch_follows_the_same_rule(mut stage: Fixture) {
    stage.subscribe(&[A]).await;
    let appended = stage.store.append(DOMAIN, vec![event("one"), event("one")], false).await.unwrap();
    let duplicates: Vec<_> = appended.iter().map(|one| one.as_ref().unwrap().duplicate).collect();
    assert_eq!(duplicates, [false, true]);
    assert_eq!(stage.claimed().await.len(), 1);

    let refused = stage.store.append(DOMAIN, vec![event("two"), other_bytes("two")], false).await;
    assert_eq!(refused, Err(AppendError::Conflicts(vec![Conflict { index: 1, id: "two".into() }])));
    assert_eq!(stage.listed().await.len(), 1);
}

async fn ids_are_unique_per_domain_only(stage: Fixture) {
    stage.append(vec![event("one")]).await;
    stage.store.create_domain("other.example").await.unwrap();
    let other = stage.store.append("other.example", vec![other_bytes("one")], false).await.unwrap();
    assert!(!other[0].as_ref().unwrap().duplicate);
    assert_eq!(stage.listed().await.len(), 1);
}

async fn an_unknown_domain_takes_no_events(stage: Fixture) {
    let refused = stage.store.append("unknown.example", vec![event("one")], false).await;
    assert_eq!(refused, Err(AppendError::UnknownDomain));
    let listed = stage.store.events(EventQuery { domain: "unknown.example".into(), ..query(9) }).await;
    assert_eq!(listed, Ok(Vec::new()));
}

async fn a_full_store_takes_no_deliveries(mut stage: Fixture) {
    stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one")]).await;
    let full = stage.store.append(DOMAIN, vec![event("two")], false).await;
    assert_eq!(full, Err(AppendError::Full { limit: 3 }));
    let stored = NewEvent { kind: EventKind::Stored, webhook: None, ..event("no deliveries") };
    stage.append(vec![stored]).await;

    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[0], Verdict::Acknowledged).await;
    stage.append(vec![event("two")]).await;
    assert_eq!(stage.store.accounting().pending(), 3);
}

async fn each_end_is_counted_once(mut stage: Fixture) {
    stage.subscribe(&[A]).await;
    stage.append(["1", "2", "3", "4", "5"].map(event).into()).await;
    let deliveries = stage.claimed().await;
    let ends = [Verdict::Acknowledged, Verdict::Refused, Verdict::Exhausted, Verdict::Cancelled];
    for (delivery, verdict) in deliveries.iter().zip(ends) {
        stage.settle(delivery, verdict).await;
        stage.settle(delivery, Verdict::Acknowledged).await;
    }
    let balance = Accounting { accepted: 5, acknowledged: 1, refused: 1, exhausted: 1, cancelled: 1 };
    assert_eq!(stage.store.accounting(), balance);
    assert_eq!(balance.pending(), 1);
}

async fn a_kept_retry_stays_with_its_shard(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);
    stage.settle(&delivery, Verdict::Retry { wait: Duration::ZERO, kept: true }).await;
    assert_eq!(stage.refill(&endpoint, 9).await.0.len(), 0);
    stage.settle(&delivery, Verdict::Acknowledged).await;
    assert_eq!(stage.store.accounting().acknowledged, 1);
}

async fn a_retry_that_is_not_kept_comes_back_when_due(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);
    let due = wall_millis() + 300;
    stage.settle_until(&delivery, RETRY, due).await;
    let (early, more) = stage.refill(&endpoint, 9).await;
    assert_eq!((early.len(), more), (0, false));

    assert_eq!(stage.backlog().await.id(), endpoint.id());
    assert!(wall_millis() >= due);
    let (back, more) = stage.refill(&endpoint, 9).await;
    assert_eq!((back[0].id, back[0].attempts, back[0].due, more), (delivery.id, 1, due, false));
    assert_eq!(back[0].data, delivery.data);
}

async fn beyond_its_quota_an_endpoint_waits_in_the_store(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(["1", "2", "3", "4", "5"].map(event).into()).await;
    let born = stage.claimed().await;
    assert_eq!(events_of(&born), ["1", "2"]);
    stage.silence().await;

    stage.settle(&born[0], Verdict::Acknowledged).await;
    assert_eq!(stage.backlog().await.id(), endpoint.id());
    stage.settle(&born[1], Verdict::Acknowledged).await;
    stage.silence().await;

    let (first, more) = stage.refill(&endpoint, 1).await;
    assert_eq!((events_of(&first), more), (vec!["3"], true));
    let (second, more) = stage.refill(&endpoint, 9).await;
    assert_eq!((events_of(&second), more), (vec!["4"], false), "the quota is spent again");
    stage.settle(&first[0], Verdict::Acknowledged).await;
    assert_eq!(stage.backlog().await.id(), endpoint.id());
    let (third, more) = stage.refill(&endpoint, 9).await;
    assert_eq!((events_of(&third), more), (vec!["5"], false));
}

async fn beyond_the_window_every_endpoint_waits(mut stage: Fixture) {
    let endpoints = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one")]).await;
    let born = stage.claimed().await;
    assert_eq!(born.len(), 1);
    assert_eq!(stage.refill(&endpoints[1], 9).await.0.len(), 0);
    stage.settle(&born[0], Verdict::Acknowledged).await;
    assert_eq!(stage.backlog().await.id(), endpoints[1].id());
    assert_eq!(events_of(&stage.refill(&endpoints[1], 9).await.0), ["one"]);
}

async fn the_window_is_bounded_in_bytes(mut stage: Fixture) {
    stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one")]).await;
    assert_eq!(stage.claimed().await.len(), 1);
    stage.silence().await;
}

async fn what_waits_goes_before_what_is_new(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("1"), event("2")]).await;
    let born = stage.claimed().await;
    stage.settle(&born[0], Verdict::Acknowledged).await;
    assert_eq!(stage.backlog().await.id(), endpoint.id());
    stage.append(vec![event("3")]).await;
    stage.silence().await;
    assert_eq!(events_of(&stage.refill(&endpoint, 1).await.0), ["2"]);
}

async fn a_record_of_nothing_is_answered_and_counts_nothing(mut stage: Fixture) {
    let health = Health::Up;
    let settled = Settled { id: 4711, verdict: Verdict::Acknowledged, attempts: 1, due: 0, health };
    stage.store.record(0, vec![settled], false);
    assert_eq!(stage.recorded().await, [4711]);
    assert_eq!(stage.store.accounting(), Accounting::default());
}

async fn health_is_kept_with_the_endpoint(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    assert_eq!(endpoint.health(), Health::UNPROVEN);
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);
    stage.settle(&delivery, Verdict::Acknowledged).await;
    assert_eq!(endpoint.health(), Health::Up);
}

async fn deliveries_go_to_the_shard_of_their_endpoint(mut stage: Fixture) {
    let endpoints = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one")]).await;
    let first = stage.claimed().await;
    let Some(ToShard::Claimed(second)) = stage.others[0].recv().await else { panic!("nothing") };
    for (shard, delivery) in [(0, &first[0]), (1, &second[0])] {
        assert_eq!(delivery.endpoint.shard(2), shard);
    }
    assert_ne!(endpoints[0].shard(2), endpoints[1].shard(2));
}

async fn removing_a_url_cancels_its_deliveries_alone(mut stage: Fixture) {
    let endpoints = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("1"), event("2"), event("3")]).await;
    let born = stage.claimed().await;
    stage.store.replace_webhook(DOMAIN, CLICKED, urls(&[B])).await.unwrap();

    let ToShard::Cancelled { endpoint, domain, kind, below } = stage.hear().await else { panic!("no word") };
    assert_eq!((endpoint, &*domain, kind), (endpoints[0].id(), DOMAIN, CLICKED));
    assert!(born.iter().all(|delivery| delivery.id < below));
    stage.until(|store| store.accounting().cancelled == 3).await;

    stage.settle(&born[0], Verdict::Acknowledged).await;
    let balance = Accounting { accepted: 6, cancelled: 3, ..Accounting::default() };
    assert_eq!(stage.store.accounting(), balance, "it was cancelled already");
    stage.settle(&born[1], Verdict::Acknowledged).await;
    assert_eq!(stage.backlog().await.id(), endpoints[1].id());
}

async fn a_url_that_is_set_again_gets_new_events_only(mut stage: Fixture) {
    let before = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("1"), event("2")]).await;
    let born = stage.claimed().await.remove(0);
    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    assert!(matches!(stage.hear().await, ToShard::Cancelled { .. }));
    let after = stage.subscribe(&[A]).await.remove(0);
    assert_eq!((after.id(), after.secret()), (before.id(), before.secret()));

    stage.settle(&born, Verdict::Cancelled).await;
    stage.until(|store| store.accounting().cancelled == 2).await;
    stage.append(vec![event("3")]).await;
    assert_eq!(events_of(&stage.claimed().await), ["3"]);
}

async fn a_webhook_is_created_replaced_and_deleted(stage: Fixture) {
    let store = &stage.store;
    let shown = || -> Vec<String> {
        let directory = store.directory();
        let webhook = directory.domain(DOMAIN).unwrap().webhook(CLICKED);
        webhook.iter().map(|endpoint| endpoint.url().shown().to_owned()).collect()
    };
    let kind = CLICKED;
    assert_eq!(store.replace_webhook(DOMAIN, kind, urls(&[A])).await.unwrap_err(), WebhookError::NotSet);
    assert_eq!(store.delete_webhook(DOMAIN, kind).await.unwrap_err(), WebhookError::NotSet);
    let unknown = store.create_webhook("unknown.example", kind, urls(&[A])).await;
    assert_eq!(unknown.unwrap_err(), WebhookError::UnknownDomain);

    assert_eq!(store.create_webhook(DOMAIN, kind, urls(&[A, B])).await.unwrap().len(), 2);
    assert_eq!(shown(), [A, B]);
    assert_eq!(store.create_webhook(DOMAIN, kind, urls(&[A])).await.unwrap_err(), WebhookError::AlreadySet);
    assert_eq!(store.replace_webhook(DOMAIN, kind, urls(&[B])).await.unwrap().len(), 1);
    assert_eq!(shown(), [B]);
    let removed = store.delete_webhook(DOMAIN, kind).await.unwrap();
    assert_eq!(removed[0].url().expose(), B);
    assert!(shown().is_empty());
}

async fn a_webhook_has_at_most_three_different_urls(stage: Fixture) {
    let four = urls(&[A, B, "https://c.example/", "https://d.example/"]);
    let refused = stage.store.create_webhook(DOMAIN, CLICKED, four).await;
    assert_eq!(refused.unwrap_err(), WebhookError::TooManyUrls);
    assert_eq!(stage.subscribe(&[A, B, A, "https://c.example/", B]).await.len(), 3);
}

async fn a_shown_url_keeps_its_credentials_and_its_secret(stage: Fixture) {
    let full = "https://user:password@a.example/hook";
    let before = stage.subscribe(&[full]).await.remove(0);
    let listed = before.url().shown();
    let after = stage.store.replace_webhook(DOMAIN, CLICKED, urls(&[listed, B])).await.unwrap();
    assert_eq!(after[0].url().expose(), full);
    assert_eq!(after[0].secret(), before.secret());
    assert!(after[1].secret().expose().starts_with("whsec_"));
    assert_ne!(after[1].secret(), before.secret());
}

async fn domains_and_keys_are_kept(stage: Fixture) {
    let store = &stage.store;
    let (domain, new) = store.create_domain("another.example").await.unwrap();
    assert!(new);
    let (same, new) = store.create_domain("another.example").await.unwrap();
    assert_eq!((same.id(), new), (domain.id(), false));
    let scoped = ApiKey { hash: [1; 32], domain: Some("another.example".into()), label: "ghost".into() };
    store.add_api_key(scoped.clone()).await.unwrap();
    assert!(store.directory().signing_key().is_none());
    store.set_signing_key(Secret::new("key-1")).await.unwrap();
    store.set_signing_key(Secret::new("key-2")).await.unwrap();

    let directory = store.directory();
    let names: Vec<_> = directory.domains().map(|domain| domain.name().to_string()).collect();
    assert_eq!(names, ["another.example", DOMAIN]);
    assert_eq!(directory.api_key(&[1; 32]), Some(&scoped));
    assert_eq!(directory.api_key(&[2; 32]), None);
    assert_eq!(directory.signing_key().unwrap().expose(), "key-2");
}

async fn pages_neither_skip_nor_repeat_where_timestamps_tie(stage: Fixture) {
    let times = [5, 3, 3, 3, 1, 3, 5];
    let ids = ["a", "b", "c", "d", "e", "f", "g"];
    for (id, time) in ids.into_iter().zip(times) {
        stage.append(vec![event_at(id, time)]).await;
    }
    let ordered = ["e", "b", "c", "d", "f", "a", "g"].map(|id| event(id).data);
    for ascending in [true, false] {
        for kinds in [Vec::new(), vec![EventKind::Clicked, EventKind::Opened]] {
            let mut query = EventQuery { ascending, kinds, limit: 2, ..query(stage.store.snapshot()) };
            let mut walked = Vec::new();
            loop {
                let page = stage.store.events(query.clone()).await.unwrap();
                let Some(last) = page.last() else { break };
                query.after = Some(last.position);
                walked.extend(page.into_iter().map(|event| event.data));
            }
            if !ascending {
                walked.reverse();
            }
            assert_eq!(walked, ordered);
        }
    }
}

async fn a_listing_is_bounded_by_time_kind_and_commit(stage: Fixture) {
    let opened = NewEvent { kind: EventKind::Opened, webhook: None, ..event_at("opened", 2) };
    stage.append(vec![event_at("1", 1), opened, event_at("3", 3)]).await;
    let snapshot = stage.store.snapshot();
    stage.append(vec![event_at("late", 2)]).await;
    let ids = async |query| -> Vec<i64> {
        let events = stage.store.events(query).await.unwrap();
        events.into_iter().map(|event| event.position.timestamp).collect()
    };
    assert_eq!(ids(query(snapshot)).await, [1, 2, 3]);
    assert_eq!(ids(EventQuery { from: 2, to: 2, ..query(snapshot) }).await, [2]);
    assert_eq!(ids(EventQuery { kinds: vec![EventKind::Clicked], ..query(snapshot) }).await, [1, 3]);
    assert_eq!(ids(EventQuery { floor: snapshot, ..query(u64::MAX) }).await, [2]);
    let late = EventQuery { floor: snapshot, kinds: vec![EventKind::Opened], ..query(u64::MAX) };
    assert_eq!(ids(late).await, [0; 0]);
}

async fn retention_spares_what_is_new_or_pending(mut stage: Fixture) {
    stage.subscribe(&[A]).await;
    stage.append(vec![event("ended"), event("pending")]).await;
    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[0], Verdict::Acknowledged).await;
    let ages = stage.store.retain(wall_millis() - 60_000, 100).await.unwrap();
    assert_eq!((ages.removed, ages.done), (0, true));

    let mut removed = 0;
    loop {
        let retained = stage.store.retain(wall_millis() + 1, 1).await.unwrap();
        removed += retained.removed;
        if retained.done {
            break;
        }
    }
    assert_eq!(removed, 1);
    assert_eq!(stage.listed().await, [event("pending").data]);
    let before = stage.store.snapshot();
    stage.append(vec![other_bytes("ended")]).await;
    assert_eq!(stage.store.snapshot(), before + 1, "the id is free again, its number is not");
}
