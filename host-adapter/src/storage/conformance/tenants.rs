//! API keys, and domains that go.

use sealpost_core::Verdict;

use super::{A, B};
use crate::storage::{
    Accounting, ApiKey, AppendError, DomainError, EventQuery, KeyError, Settings, ToShard,
    fixture::{CLICKED, DOMAIN, Fixture, event, events_of, query, settings, urls},
};

every_store! {
    a_key_is_kept_by_its_hash_and_revoked_by_its_id(settings());
    the_last_key_of_the_account_is_not_revoked_unless_asked_to(settings());
    keys_are_bounded(Settings { max_keys: 1, ..settings() });
    a_deleted_domain_is_gone_with_all_it_had(settings());
    deliveries_of_a_deleted_domain_are_cancelled(Settings { quota: 1, ..settings() });
    the_deliveries_of_other_domains_stay(Settings { quota: 1, ..settings() });
    a_domain_of_the_same_name_starts_anew(settings());
    what_is_not_there_cannot_be_deleted(settings());
}

async fn a_key_is_kept_by_its_hash_and_revoked_by_its_id(stage: Fixture) {
    let store = &stage.store;
    let (one, two) = (ApiKey::new([1; 32], Some(DOMAIN), "one"), ApiKey::new([2; 32], None, "two"));
    assert_ne!(one.id, two.id);
    store.add_api_key(one.clone()).await.unwrap();
    store.add_api_key(two.clone()).await.unwrap();
    assert_eq!(store.directory().api_key(&[1; 32]), Some(&one));
    assert_eq!(store.revoke_api_key(&one.id, false).await, Ok(one.clone()));
    assert_eq!(store.directory().api_keys().collect::<Vec<_>>(), [&two]);
    assert_eq!(store.revoke_api_key(&one.id, false).await, Err(KeyError::Unknown));
    let elsewhere = store.add_api_key(ApiKey::new([3; 32], Some("b.example"), "")).await;
    assert_eq!(elsewhere, Err(KeyError::UnknownDomain));
}

async fn the_last_key_of_the_account_is_not_revoked_unless_asked_to(stage: Fixture) {
    let store = &stage.store;
    let (account, domain) = (ApiKey::new([1; 32], None, ""), ApiKey::new([2; 32], Some(DOMAIN), ""));
    store.add_api_key(account.clone()).await.unwrap();
    store.add_api_key(domain.clone()).await.unwrap();
    assert_eq!(store.revoke_api_key(&account.id, false).await, Err(KeyError::Last));
    assert!(store.revoke_api_key(&domain.id, false).await.is_ok());
    assert!(store.revoke_api_key(&account.id, true).await.is_ok());
}

async fn keys_are_bounded(stage: Fixture) {
    let key = ApiKey::new([1; 32], None, "");
    stage.store.add_api_key(key.clone()).await.unwrap();
    let refused = stage.store.add_api_key(ApiKey::new([2; 32], None, "")).await;
    assert_eq!(refused, Err(KeyError::TooMany { limit: 1 }));
    stage.store.add_api_key(ApiKey { label: "again".into(), ..key }).await.unwrap();
}

async fn a_deleted_domain_is_gone_with_all_it_had(stage: Fixture) {
    let store = &stage.store;
    store.create_domain("second.example").await.unwrap();
    for (hash, domain) in [([1; 32], DOMAIN), ([2; 32], "second.example")] {
        store.add_api_key(ApiKey::new(hash, Some(domain), "")).await.unwrap();
    }
    stage.subscribe(&[A]).await;
    stage.append(vec![event("1")]).await;
    store.delete_domain(DOMAIN).await.unwrap();

    let directory = store.directory();
    assert!(directory.domain(DOMAIN).is_none() && directory.domain("second.example").is_some());
    assert!(directory.api_key(&[1; 32]).is_none() && directory.api_key(&[2; 32]).is_some());
    assert!(stage.listed().await.is_empty());
    assert!(store.append(DOMAIN, vec![event("2")], false).await.is_err());
}

async fn deliveries_of_a_deleted_domain_are_cancelled(mut stage: Fixture) {
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("1"), event("2"), event("3")]).await;
    let held = stage.claimed().await.remove(0);
    stage.store.delete_domain(DOMAIN).await.unwrap();
    let ToShard::DomainDeleted { domain, below } = stage.hear().await else { panic!("no word") };
    assert!(&*domain == DOMAIN && held.id < below);

    stage.until(|store| store.accounting().cancelled == 3).await;
    stage.settle(&held, Verdict::Cancelled).await;
    let balance = Accounting { accepted: 3, cancelled: 3, ..Accounting::default() };
    assert_eq!(stage.store.accounting(), balance, "it was cancelled already");
    let (refilled, more) = stage.refill(&endpoint, 9).await;
    assert!(refilled.is_empty() && !more);
    while stage.store.directory().endpoint(endpoint.id()).is_some() {
        stage.store.forget_endpoints().await.unwrap();
    }
}

async fn the_deliveries_of_other_domains_stay(mut stage: Fixture) {
    let second = "second.example";
    stage.store.create_domain(second).await.unwrap();
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.store.create_webhook(second, CLICKED, urls(&[A, B])).await.unwrap();
    stage.append(vec![event("1"), event("2")]).await;
    let held = stage.claimed().await.remove(0);
    stage.store.append(second, vec![event("3")], false).await.unwrap();
    let others = stage.claimed().await;
    stage.store.delete_domain(DOMAIN).await.unwrap();
    assert!(matches!(stage.hear().await, ToShard::DomainDeleted { .. }));

    stage.until(|store| store.accounting().cancelled == 2).await;
    stage.settle(&held, Verdict::Cancelled).await;
    assert_eq!(events_of(&others), ["3"], "of the endpoint that held nothing");
    assert_eq!(events_of(&stage.refill_after_backlog(&endpoint).await), ["3"]);
    assert_eq!(stage.store.accounting().pending(), 2);
    let all = EventQuery { domain: second.into(), ..query(stage.store.snapshot()) };
    assert_eq!(stage.store.events(all).await.unwrap().len(), 1);
}

async fn a_domain_of_the_same_name_starts_anew(stage: Fixture) {
    let deleted = stage.store.directory().domain(DOMAIN).unwrap().clone();
    let old = stage.subscribe(&[A]).await.remove(0);
    let secret = stage.store.directory().secrets_for(DOMAIN, CLICKED.into(), &old);
    stage.append(vec![event("1")]).await;
    stage.store.delete_domain(DOMAIN).await.unwrap();
    let (domain, new) = stage.store.create_domain(DOMAIN).await.unwrap();
    assert!(new && domain.id() > deleted.id() && domain.webhook(CLICKED).is_empty());
    let late = stage.store.append(&deleted, vec![event("late")], false).await;
    assert_eq!(late, Err(AppendError::UnknownDomain), "an event that was on its way to the other");
    assert!(stage.listed().await.is_empty());

    let endpoint = stage.subscribe(&[A]).await.remove(0);
    assert_ne!(stage.store.directory().secrets_for(DOMAIN, CLICKED.into(), &endpoint), secret);
    stage.append(vec![event("1")]).await;
    assert_eq!(stage.listed().await, [event("1").data]);
    stage.until(|store| store.accounting().cancelled == 1).await;
    assert_eq!(stage.store.accounting().pending(), 1);
}

async fn what_is_not_there_cannot_be_deleted(stage: Fixture) {
    assert_eq!(stage.store.delete_domain("second.example").await, Err(DomainError::Unknown));
    stage.store.delete_domain(DOMAIN).await.unwrap();
    assert_eq!(stage.store.delete_domain(DOMAIN).await, Err(DomainError::Unknown));
}
