//! The window, and what becomes of a delivery.

use sealpost_core::{Duration, Health, Verdict};

use super::{A, B};
use crate::storage::{
    Accounting, NewEvent, OldestDue, Settings, Settled, ToShard,
    fixture::{CLICKED, DOMAIN, Fixture, event, events_of, settings, urls},
    steady_millis,
};

every_store! {
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
    dead_endpoints_leave_room_for_the_healthy(Settings { window: 64, quota: 16, ..settings() });
    an_endpoint_knows_how_many_deliveries_are_pending_for_it(settings());
    the_oldest_due_delivery_is_known(settings());
    an_endpoint_has_its_whole_quota_while_it_is_up(Settings { quota: 64, ..settings() });
}

const RETRY: Verdict = Verdict::Retry { wait: Duration::ZERO, kept: false };

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

async fn an_endpoint_knows_how_many_deliveries_are_pending_for_it(mut stage: Fixture) {
    let endpoints = stage.subscribe(&[A, B]).await;
    let pending = || endpoints.iter().map(|endpoint| endpoint.tally().pending()).collect::<Vec<_>>();
    stage.append(["1", "2", "3"].map(event).into()).await;
    assert_eq!(pending(), [3, 3]);
    let deliveries = stage.claimed().await;
    let to_a = deliveries.iter().find(|delivery| delivery.endpoint.id() == endpoints[0].id());
    stage.settle(to_a.expect("a delivery"), Verdict::Refused).await;
    stage.settle(to_a.expect("a delivery"), Verdict::Refused).await;
    assert_eq!(pending(), [2, 3]);
    stage.store.replace_webhook(DOMAIN, CLICKED, urls(&[A])).await.expect("replaced");
    stage.until(|_| pending() == [2, 0]).await;
    stage.store.delete_domain(DOMAIN).await.expect("deleted");
    stage.until(|_| pending() == [0, 0]).await;
}

async fn the_oldest_due_delivery_is_known(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    let before = steady_millis();
    stage.append(vec![event("one")]).await;
    let delivery = stage.claimed().await.remove(0);
    let oldest = stage.store.oldest_due().await.expect("a store");
    assert!(oldest.up.is_none() && oldest.others >= Some(before), "{oldest:?}");
    let due = steady_millis() + 60_000;
    let kept = Verdict::Retry { wait: Duration::ZERO, kept: true };
    for verdict in [kept, RETRY] {
        stage.settle_until(&delivery, verdict, due).await;
        assert_eq!(stage.store.oldest_due().await, Ok(OldestDue { up: Some(due), others: None }));
    }
    assert_eq!(endpoint.health(), Health::Up);
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
    let due = steady_millis() + 300;
    stage.settle_until(&delivery, RETRY, due).await;
    let (early, more) = stage.refill(&endpoint, 9).await;
    assert_eq!((early.len(), more), (0, false));

    assert_eq!(stage.backlog().await.id(), endpoint.id());
    assert!(steady_millis() >= due);
    let (back, more) = stage.refill(&endpoint, 9).await;
    assert_eq!((back[0].id, back[0].attempts, back[0].due, more), (delivery.id, 1, due, false));
    assert_eq!((&back[0].data, back[0].accepted_at), (&delivery.data, delivery.accepted_at));
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

async fn dead_endpoints_leave_room_for_the_healthy(mut stage: Fixture) {
    let dead: Vec<_> = (0..9).map(|number| format!("dead{number}.example")).collect();
    for domain in &dead {
        stage.store.create_domain(domain).await.unwrap();
        let url = format!("https://{domain}/");
        stage.store.create_webhook(domain, CLICKED, urls(&[&url])).await.unwrap();
        stage.store.append(domain.as_str(), batch("e", 200), false).await.unwrap();
    }
    stage.subscribe(&[A]).await;
    stage.append(vec![event("first")]).await;
    let first = loop {
        match stage.hear().await {
            ToShard::Claimed(mut own) if &*own[0].domain == DOMAIN => break own.remove(0),
            _ => {}
        }
    };
    stage.settle(&first, Verdict::Acknowledged).await;
    stage.append(batch("more", 16)).await;
    assert_eq!(stage.claimed().await.len(), 16);
}

async fn an_endpoint_has_its_whole_quota_while_it_is_up(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(batch("a", 100)).await;
    let unproven = stage.claimed().await;
    assert_eq!(unproven.len(), 16);

    stage.settle(&unproven[0], Verdict::Acknowledged).await;
    assert_eq!(stage.backlog().await.id(), endpoint.id());
    assert_eq!(stage.refill(&endpoint, 99).await.0.len(), 49, "64 in all");

    let health = Health::Suspect { failures: 1 };
    for failed in &unproven[1..] {
        let settled = Settled { id: failed.id, verdict: RETRY, attempts: 1, due: steady_millis(), health };
        stage.store.record(0, vec![settled], true);
        assert_eq!(stage.recorded().await, [failed.id]);
    }
    stage.silence().await;
}

fn batch(prefix: &str, size: usize) -> Vec<NewEvent> {
    (0..size).map(|number| event(&format!("{prefix}{number}"))).collect()
}
