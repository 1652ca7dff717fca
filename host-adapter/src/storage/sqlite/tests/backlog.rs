//! What is read of a backlog, and what is not delivered of it.

use super::*;
use crate::storage::Endpoint;

#[tokio::test]
async fn an_altered_event_is_neither_shown_nor_delivered() {
    let (mut stage, endpoint) = two_wait().await;
    let replace = |stage: &Fixture, from: &str, to: &str| {
        let alter = "UPDATE event SET data = CAST(replace(CAST(data AS TEXT), ?, ?) AS BLOB)";
        assert_eq!(behind_its_back(stage).execute(alter, [from, to]), Ok(2));
    };
    replace(&stage, "\"one\"", "\"0ne\"");
    assert_eq!(events_of(&stage.refill_after_backlog(&endpoint).await), ["two"]);
    let shown = stage.store.events(query(stage.store.snapshot())).await;
    assert_eq!(shown, Err(QueryError::Store(StoreError::Broken)));
    assert_eq!(stage.store.accounting().pending(), 2, "it stays, for whoever restores it");

    replace(&stage, "\"0ne\"", "\"one\"");
    assert_eq!(stage.listed().await.len(), 2);
}

#[tokio::test]
async fn a_delivery_without_its_event_is_held_back_and_the_others_go_on() {
    let (mut stage, endpoint) = two_wait().await;
    assert_eq!(behind_its_back(&stage).execute("DELETE FROM event WHERE id = 'one'", []), Ok(1));
    assert_eq!(events_of(&stage.refill_after_backlog(&endpoint).await), ["two"]);
    assert_eq!(stage.store.accounting().pending(), 2, "it stays, for whoever restores it");
}

#[tokio::test]
async fn a_backlog_of_several_endpoints_has_each_event_in_memory_once() {
    let stage = Fixture::sqlite(settings()).await;
    let endpoints = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one"), event("two")]).await;
    let mut stage = restart(stage).await;
    let mut copies = Vec::new();
    endpoints.iter().for_each(|endpoint| stage.store.refill(endpoint.id(), 9));
    while copies.len() < endpoints.len() {
        let ToShard::Refilled { deliveries, .. } = stage.hear().await else { continue };
        assert_eq!(events_of(&deliveries), ["one", "two"]);
        copies.push(deliveries.iter().map(|delivery| delivery.data.as_ptr()).collect::<Vec<_>>());
    }
    assert_eq!(copies[0], copies[1]);
}

/// A store that was opened with two deliveries for one endpoint.
async fn two_wait() -> (Fixture, Arc<Endpoint>) {
    let stage = Fixture::sqlite(settings()).await;
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("one"), event("two")]).await;
    (restart(stage).await, endpoint)
}
