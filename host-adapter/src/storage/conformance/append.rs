//! What is accepted, and what is refused.

use sealpost_core::{EventKind, Verdict, WebhookKind};

use super::{A, B};
use crate::storage::{
    Accounting, AppendError, Conflict, EventQuery, NewEvent, Settings,
    fixture::{CLICKED, DOMAIN, Fixture, event, event_at, events_of, other_bytes, query, settings},
};

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
}

async fn an_event_becomes_one_delivery_per_endpoint(mut stage: Fixture) {
    stage.subscribe(&[A, B]).await;
    let appended = stage.store.append(DOMAIN, vec![event("one")], false).await.unwrap();
    let appended = appended[0].as_ref().unwrap();
    assert_eq!((&*appended.id, appended.deliveries, appended.duplicate), ("one", 2, false));

    let deliveries = stage.claimed().await;
    let places: Vec<_> = deliveries.iter().map(|delivery| delivery.endpoint.url().expose()).collect();
    assert_eq!(places, [A, B]);
    for delivery in &deliveries {
        assert_eq!((&*delivery.event_id, delivery.kind, delivery.attempts), ("one", CLICKED.into(), 0));
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
