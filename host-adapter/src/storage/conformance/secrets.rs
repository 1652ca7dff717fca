//! The secrets of domains, and of the account, for their endpoints.

use std::{sync::Arc, time::Duration};

use sealpost_core::LegacyKind;

use super::{A, B};
use crate::storage::{
    AccountDraft, AccountEdit, AccountWebhook, EndpointSecrets, EndpointUrl, SecretOf, WebhookError,
    fixture::{CLICKED, DOMAIN, Fixture, settings, urls},
    wall_millis,
};

every_store! {
    a_rotated_secret_leaves_the_old_one_for_its_overlap_alone(settings());
    a_second_rotation_ends_the_first(settings());
    a_secret_is_rotated_by_the_url_as_it_is_shown(settings());
    each_domain_has_secrets_of_its_own(settings());
    an_unused_url_keeps_its_secret_until_it_is_forgotten(settings());
    the_account_has_secrets_of_its_own(settings());
    a_url_of_domain_and_account_is_signed_for_with_the_secrets_of_both(settings());
}

const HOUR: Duration = Duration::from_secs(3600);

fn secrets(stage: &Fixture, domain: &str, place: usize) -> EndpointSecrets {
    let directory = stage.store.directory();
    let domain = directory.domain(domain).unwrap();
    domain.secrets(domain.webhook(CLICKED)[place].id()).unwrap().clone()
}

async fn rotate(stage: &Fixture, url: &str, overlap: Duration) -> Result<EndpointSecrets, WebhookError> {
    stage.store.rotate_secret(of(DOMAIN, EndpointUrl::new(url)), overlap).await
}

fn of(domain: &str, url: EndpointUrl) -> SecretOf {
    SecretOf::Domain { domain: domain.into(), kind: CLICKED.into(), url }
}

/// A webhook of the account for `clicked`.
async fn of_account(stage: &Fixture, url: &str) -> Arc<AccountWebhook> {
    let draft = AccountDraft { description: "".into(), url: EndpointUrl::new(url), kinds: vec![CLICKED] };
    let made = stage.store.edit_account_webhooks(AccountEdit::Create(draft)).await;
    made.unwrap().unwrap()
}

async fn a_rotated_secret_leaves_the_old_one_for_its_overlap_alone(stage: Fixture) {
    stage.subscribe(&[A, B]).await;
    let (before, other) = (secrets(&stage, DOMAIN, 0), secrets(&stage, DOMAIN, 1));
    let from = wall_millis();
    let after = rotate(&stage, A, HOUR).await.unwrap();
    assert_ne!(after.current(), before.current());
    assert_eq!((secrets(&stage, DOMAIN, 0), secrets(&stage, DOMAIN, 1)), (after.clone(), other));

    let previous = after.previous(from).unwrap();
    assert_eq!(&previous.secret, before.current());
    assert!((from + 3_600_000..=wall_millis() + 3_600_000).contains(&previous.until));
    assert!(after.previous(previous.until - 1).is_some() && after.previous(previous.until).is_none());

    assert_eq!(stage.store.forget_old_secrets(previous.until - 1).await, Ok(0));
    assert_eq!(secrets(&stage, DOMAIN, 0), after);
    assert_eq!(stage.store.forget_old_secrets(previous.until).await, Ok(1));
    assert!(secrets(&stage, DOMAIN, 0).previous(0).is_none());
    assert_eq!(secrets(&stage, DOMAIN, 0).current(), after.current());
    assert_eq!(stage.store.forget_old_secrets(i64::MAX).await, Ok(0));
}

async fn a_second_rotation_ends_the_first(stage: Fixture) {
    stage.subscribe(&[A]).await;
    let first = rotate(&stage, A, HOUR).await.unwrap();
    let second = rotate(&stage, A, HOUR).await.unwrap();
    assert_eq!(&second.previous(0).unwrap().secret, first.current());
}

async fn a_secret_is_rotated_by_the_url_as_it_is_shown(stage: Fixture) {
    let endpoint = stage.subscribe(&["https://user:password@a.example/hook"]).await.remove(0);
    assert!(rotate(&stage, endpoint.url().shown(), HOUR).await.is_ok());
    assert_eq!(rotate(&stage, B, HOUR).await, Err(WebhookError::UnknownUrl));
    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    assert_eq!(rotate(&stage, endpoint.url().shown(), HOUR).await, Err(WebhookError::NotSet));
    let elsewhere = stage.store.rotate_secret(of("b.example", endpoint.url().clone()), HOUR).await;
    assert_eq!(elsewhere, Err(WebhookError::UnknownDomain));
}

async fn each_domain_has_secrets_of_its_own(stage: Fixture) {
    stage.store.create_domain("second.example").await.unwrap();
    stage.subscribe(&[A]).await;
    stage.store.create_webhook("second.example", CLICKED, urls(&[A])).await.unwrap();
    let (ours, theirs) = (secrets(&stage, DOMAIN, 0), secrets(&stage, "second.example", 0));
    assert_ne!(ours.current(), theirs.current());
    rotate(&stage, A, HOUR).await.unwrap();
    assert_eq!(secrets(&stage, "second.example", 0), theirs);
    let endpoint = stage.store.directory().domain(DOMAIN).unwrap().webhook(CLICKED)[0].clone();
    assert_eq!(stage.store.directory().secrets_for("second.example", CLICKED.into(), &endpoint), [theirs]);
}

async fn an_unused_url_keeps_its_secret_until_it_is_forgotten(stage: Fixture) {
    stage.subscribe(&[A]).await;
    let before = secrets(&stage, DOMAIN, 0);
    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    stage.subscribe(&[A]).await;
    assert_eq!(secrets(&stage, DOMAIN, 0), before);

    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    stage.store.flush().await.unwrap();
    while stage.store.directory().endpoints().next().is_some() {
        stage.store.forget_endpoints().await.unwrap();
    }
    stage.subscribe(&[A]).await;
    assert_ne!(secrets(&stage, DOMAIN, 0).current(), before.current());
}

async fn the_account_has_secrets_of_its_own(stage: Fixture) {
    let webhook = of_account(&stage, A).await;
    let before = stage.store.directory().account_secrets(&webhook.endpoint);
    let after = stage.store.rotate_secret(SecretOf::Account(webhook.id), HOUR).await.unwrap();
    assert_eq!(&after.previous(0).unwrap().secret, before.current());
    let signs =
        |stage: &Fixture| stage.store.directory().secrets_for(DOMAIN, CLICKED.into(), &webhook.endpoint);
    assert_eq!(signs(&stage), std::slice::from_ref(&after));
    assert_eq!(stage.store.forget_old_secrets(i64::MAX).await, Ok(1));
    assert_eq!(signs(&stage)[0].current(), after.current());

    stage.store.edit_account_webhooks(AccountEdit::DeleteAll).await.unwrap();
    let gone = stage.store.rotate_secret(SecretOf::Account(webhook.id), HOUR).await;
    assert_eq!(gone, Err(WebhookError::NotSet));
    assert_eq!(signs(&stage)[0].current(), after.current(), "what is still pending is signed as before");
}

async fn a_url_of_domain_and_account_is_signed_for_with_the_secrets_of_both(stage: Fixture) {
    let webhook = of_account(&stage, A).await;
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    assert_eq!(endpoint.id(), webhook.endpoint.id());
    let directory = stage.store.directory();
    let both = [secrets(&stage, DOMAIN, 0), directory.account_secrets(&endpoint)];
    assert_ne!(both[0].current(), both[1].current());
    assert_eq!(directory.secrets_for(DOMAIN, CLICKED.into(), &endpoint), both);
    assert_eq!(directory.secrets_for(DOMAIN, LegacyKind::Click.into(), &endpoint), both[..1]);
}
