//! Webhooks, domains and keys.

use sealpost_core::Verdict;

use super::{A, B};
use crate::{
    secrets::Secret,
    storage::{
        Accounting, ApiKey, DomainError, Settings, ToShard, WebhookError,
        fixture::{CLICKED, DOMAIN, Fixture, event, events_of, settings, urls},
    },
};

every_store! {
    removing_a_url_cancels_its_deliveries_alone(Settings { quota: 1, ..settings() });
    a_url_that_is_set_again_gets_new_events_only(Settings { quota: 1, ..settings() });
    a_webhook_is_created_replaced_and_deleted(settings());
    a_webhook_has_at_most_three_different_urls(settings());
    a_shown_url_keeps_its_credentials_and_its_secret(settings());
    domains_and_keys_are_kept(settings());
    an_unused_endpoint_is_forgotten_when_nothing_of_it_is_pending(settings());
    domains_and_endpoints_are_bounded(Settings { max_domains: 2, max_endpoints: 2, ..settings() });
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
    let scoped = ApiKey::new([1; 32], Some("another.example"), "ghost");
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

async fn an_unused_endpoint_is_forgotten_when_nothing_of_it_is_pending(mut stage: Fixture) {
    let endpoints = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("1")]).await;
    let held = stage.claimed().await.remove(1);
    stage.store.replace_webhook(DOMAIN, CLICKED, urls(&[A])).await.unwrap();
    assert!(matches!(stage.hear().await, ToShard::Cancelled { .. }));
    assert_eq!(stage.store.forget_endpoints().await, Ok(0), "its delivery is held by the shard");

    stage.settle(&held, Verdict::Cancelled).await;
    stage.until(|store| store.accounting().cancelled == 1).await;
    assert_eq!(stage.store.forget_endpoints().await, Ok(1));
    let directory = stage.store.directory();
    assert!(
        directory.endpoint(endpoints[0].id()).is_some() && directory.endpoint(endpoints[1].id()).is_none()
    );
    let again = stage.store.replace_webhook(DOMAIN, CLICKED, urls(&[A, B])).await.unwrap();
    assert_eq!((again[0].id(), again[1].id()), (endpoints[0].id(), endpoints[1].id() + 1));
}

async fn domains_and_endpoints_are_bounded(stage: Fixture) {
    stage.store.create_domain("second.example").await.unwrap();
    let refused = stage.store.create_domain("third.example").await.unwrap_err();
    assert_eq!(refused, DomainError::TooMany { limit: 2 });
    assert!(!stage.store.create_domain("second.example").await.unwrap().1);

    stage.subscribe(&[A]).await;
    let create = |urls| stage.store.create_webhook("second.example", CLICKED, urls);
    let refused = create(urls(&[B, "https://c.example/"])).await.unwrap_err();
    assert_eq!(refused, WebhookError::TooManyEndpoints { limit: 2 });
    assert_eq!(create(urls(&[A, B])).await.unwrap().len(), 2);
}
