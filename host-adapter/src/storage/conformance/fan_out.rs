//! Which webhooks an event fires, and what is cancelled when one of them goes.

use sealpost_core::{LegacyKind, WebhookKind};

use super::{A, B};
use crate::storage::{
    AccountDraft, AccountEdit, AccountWebhookId, Delivery, Domains, EndpointUrl, HookKind, MAX_FAN_OUT,
    NewEvent, Settings, ToShard, WebhookEdit, WebhookError,
    fixture::{CLICKED, DOMAIN, Fixture, event, settings, urls},
};

every_store! {
    a_url_of_domain_and_account_is_one_delivery(settings());
    a_url_that_the_account_still_has_keeps_its_deliveries(settings());
    a_url_that_leaves_the_account_keeps_those_of_domains_that_have_it(settings());
    one_url_in_both_formats_is_two_deliveries_and_each_goes_alone(settings());
    the_largest_fan_out_has_a_place_for_each_delivery(settings());
    an_edit_of_many_kinds_is_whole_or_nothing(settings());
    a_url_is_put_into_exactly_the_kinds_that_are_named(settings());
    the_account_has_three_urls_for_a_kind_and_none_twice(settings());
    webhooks_of_the_account_are_replaced_and_deleted(settings());
    legacy_webhooks_need_to_be_switched_on(settings());
    what_the_account_uses_is_not_forgotten(Settings { max_endpoints: 2, ..settings() });
}

const OTHER: &str = "other.example";

async fn a_url_of_domain_and_account_is_one_delivery(mut stage: Fixture) {
    account(&stage, A, &[CLICKED]).await;
    account(&stage, B, &[WebhookKind::Opened]).await;
    stage.subscribe(&[A, "https://c.example/"]).await;
    stage.append(vec![event("1")]).await;
    let targets = |born: &[Delivery]| -> Vec<String> {
        born.iter().map(|delivery| delivery.endpoint.url().expose().to_owned()).collect()
    };
    assert_eq!(targets(&stage.claimed().await), [A, "https://c.example/"]);

    stage.store.create_domain(OTHER).await.unwrap();
    stage.store.append(OTHER, vec![event("1")], false).await.unwrap();
    assert_eq!(targets(&stage.claimed().await), [A]);
    assert_eq!(stage.store.accounting().accepted, 3);
}

async fn a_url_that_the_account_still_has_keeps_its_deliveries(mut stage: Fixture) {
    let webhook = account(&stage, A, &[CLICKED]).await;
    stage.subscribe(&[A]).await;
    stage.append(vec![event("1")]).await;
    stage.claimed().await;
    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    stage.silence().await;
    assert_eq!(stage.store.accounting().cancelled, 0);

    stage.store.edit_account_webhooks(AccountEdit::Delete(vec![webhook])).await.unwrap();
    let ToShard::Cancelled { domains, .. } = stage.hear().await else { panic!("no word") };
    assert_eq!(domains, Domains::AllBut([].into()));
    stage.until(|store| store.accounting().cancelled == 1).await;
}

async fn a_url_that_leaves_the_account_keeps_those_of_domains_that_have_it(mut stage: Fixture) {
    let webhook = account(&stage, A, &[CLICKED, WebhookKind::Opened]).await;
    stage.store.create_domain(OTHER).await.unwrap();
    let own = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("1")]).await;
    let kept = stage.claimed().await.remove(0);
    stage.store.append(OTHER, vec![event("1"), opened("2")], false).await.unwrap();
    let others = stage.claimed().await;

    // Clicks go, opens stay.
    let narrower = AccountEdit::Replace(webhook, draft(A, &[WebhookKind::Opened]));
    stage.store.edit_account_webhooks(narrower).await.unwrap();
    let ToShard::Cancelled { endpoint, domains, kind, below } = stage.hear().await else { panic!("no word") };
    assert_eq!((endpoint, kind), (own.id(), CLICKED.into()));
    let covers = |delivery: &Delivery| domains.cover(delivery.domain_id) && delivery.kind == kind;
    assert_eq!([covers(&kept), covers(&others[0]), covers(&others[1])], [false, true, false]);
    assert!(others[0].id < below);
    stage.until(|store| store.accounting().cancelled == 1).await;
    assert_eq!(stage.store.accounting().pending(), 2);
}

async fn one_url_in_both_formats_is_two_deliveries_and_each_goes_alone(mut stage: Fixture) {
    let store = &stage.store;
    store.edit_webhooks(DOMAIN, WebhookEdit::AllowLegacy(true)).await.unwrap();
    store.create_webhook(DOMAIN, CLICKED, urls(&[A])).await.unwrap();
    let legacy = store.create_webhook(DOMAIN, LegacyKind::Click, urls(&[A])).await.unwrap().remove(0);
    assert_eq!(store.directory().legacy_urls(), 1);
    stage.append(vec![NewEvent { legacy: Some(LegacyKind::Click), ..event("1") }]).await;
    let born = stage.claimed().await;
    let kinds: Vec<HookKind> = born.iter().map(|delivery| delivery.kind).collect();
    assert_eq!(kinds, [CLICKED.into(), LegacyKind::Click.into()]);
    assert!(born.iter().all(|delivery| delivery.endpoint.id() == legacy.id()));

    stage.store.delete_webhook(DOMAIN, LegacyKind::Click).await.unwrap();
    let ToShard::Cancelled { kind, .. } = stage.hear().await else { panic!("no word") };
    assert_eq!(kind, LegacyKind::Click.into());
    stage.until(|store| store.accounting().cancelled == 1).await;
    assert_eq!(stage.store.accounting().pending(), 1);
}

async fn the_largest_fan_out_has_a_place_for_each_delivery(mut stage: Fixture) {
    for number in 0..3 {
        account(&stage, &format!("https://account{number}.example/"), &[CLICKED]).await;
    }
    stage.subscribe(&[A, B, "https://c.example/"]).await;
    stage.store.edit_webhooks(DOMAIN, WebhookEdit::AllowLegacy(true)).await.unwrap();
    stage.store.create_webhook(DOMAIN, LegacyKind::Click, urls(&[A])).await.unwrap();
    let both = |id| NewEvent { legacy: Some(LegacyKind::Click), ..event(id) };
    stage.append(vec![both("1"), both("2")]).await;
    let ids: Vec<_> =
        stage.claimed().await.iter().map(|delivery| (delivery.id >> 4, delivery.id & 15)).collect();
    let places = |seq| (0..MAX_FAN_OUT as u64).map(move |place| (seq, place));
    assert_eq!(ids, places(1).chain(places(2)).collect::<Vec<_>>());
}

async fn an_edit_of_many_kinds_is_whole_or_nothing(stage: Fixture) {
    let kinds = vec![WebhookKind::Opened, CLICKED];
    stage.subscribe(&[A]).await;
    let add = |url| stage.store.edit_webhooks(DOMAIN, WebhookEdit::Add(EndpointUrl::new(url), kinds.clone()));
    assert_eq!(add(A).await.unwrap_err(), WebhookError::HasUrl(CLICKED));
    assert!(stage.store.directory().domain(DOMAIN).unwrap().webhook(WebhookKind::Opened).is_empty());
    for url in [B, "https://c.example/"] {
        assert_eq!(add(url).await.unwrap().webhook(CLICKED).last().unwrap().url().expose(), url);
    }
    assert_eq!(add("https://d.example/").await.unwrap_err(), WebhookError::TooManyUrls(CLICKED.into()));
    let unchanged = stage.store.directory();
    let domain = unchanged.domain(DOMAIN).unwrap();
    assert_eq!((domain.webhook(WebhookKind::Opened).len(), domain.webhook(CLICKED).len()), (2, 3));
}

async fn a_url_is_put_into_exactly_the_kinds_that_are_named(stage: Fixture) {
    let edit = |edit| stage.store.edit_webhooks(DOMAIN, edit);
    let assign = |url, kinds: &[WebhookKind]| WebhookEdit::Assign(EndpointUrl::new(url), kinds.to_vec());
    stage.subscribe(&[A, B]).await;
    assert_eq!(edit(assign("https://c.example/", &[CLICKED])).await.unwrap_err(), WebhookError::NotSet);
    let domain = edit(assign(A, &[WebhookKind::Opened, WebhookKind::Accepted])).await.unwrap();
    let urls = |kind| -> Vec<_> { domain.webhook(kind).iter().map(|known| known.url().expose()).collect() };
    assert_eq!([urls(WebhookKind::Accepted), urls(CLICKED), urls(WebhookKind::Opened)], [[A], [B], [A]]);

    let unknown = WebhookEdit::Remove(self::urls(&["https://c.example/"]));
    assert_eq!(edit(unknown).await.unwrap_err(), WebhookError::NotSet);
    let domain = edit(WebhookEdit::Remove(self::urls(&[A, "https://c.example/"]))).await.unwrap();
    assert!(domain.webhook(WebhookKind::Opened).is_empty() && domain.webhook(CLICKED).len() == 1);
}

async fn the_account_has_three_urls_for_a_kind_and_none_twice(stage: Fixture) {
    let create = |url, kinds| stage.store.edit_account_webhooks(AccountEdit::Create(draft(url, kinds)));
    for url in [A, B, "https://c.example/"] {
        create(url, &[CLICKED]).await.unwrap();
    }
    let fourth = create("https://d.example/", &[WebhookKind::Opened, CLICKED]).await;
    assert_eq!(fourth.unwrap_err(), WebhookError::TooManyUrls(CLICKED.into()));
    assert_eq!(create(A, &[CLICKED]).await.unwrap_err(), WebhookError::HasUrl(CLICKED));
    create(A, &[WebhookKind::Opened]).await.unwrap();
    assert_eq!(stage.store.directory().account_webhooks().len(), 4);
}

async fn webhooks_of_the_account_are_replaced_and_deleted(stage: Fixture) {
    let edit = |edit| stage.store.edit_account_webhooks(edit);
    let hidden = "https://user:password@a.example/";
    let id = account(&stage, hidden, &[CLICKED]).await;
    let before = stage.store.directory().account_webhook(id).unwrap().clone();
    let shown = before.endpoint.url().shown().to_owned();
    let after = edit(AccountEdit::Replace(id, draft(&shown, &[WebhookKind::Opened]))).await.unwrap().unwrap();
    assert_eq!((after.id, after.created_at), (id, before.created_at));
    assert_eq!((after.endpoint.id(), &*after.kinds), (before.endpoint.id(), &[WebhookKind::Opened][..]));
    assert!(stage.store.directory().account_endpoints(CLICKED).is_empty());

    edit(AccountEdit::Delete(vec![id, id])).await.unwrap();
    assert_eq!(edit(AccountEdit::Delete(vec![id])).await.unwrap_err(), WebhookError::NotSet);
    assert_eq!(edit(AccountEdit::Replace(id, draft(A, &[CLICKED]))).await.unwrap_err(), WebhookError::NotSet);
    assert_eq!(edit(AccountEdit::DeleteAll).await.unwrap_err(), WebhookError::NotSet);
}

async fn legacy_webhooks_need_to_be_switched_on(stage: Fixture) {
    let store = &stage.store;
    let kind = LegacyKind::Open;
    assert_eq!(store.create_webhook(DOMAIN, kind, urls(&[A])).await.unwrap_err(), WebhookError::NoLegacy);
    assert!(store.edit_webhooks(DOMAIN, WebhookEdit::AllowLegacy(true)).await.unwrap().has_legacy());
    let two = store.create_webhook(DOMAIN, kind, urls(&[A, B])).await;
    assert_eq!(two.unwrap_err(), WebhookError::TooManyUrls(kind.into()));
    store.create_webhook(DOMAIN, kind, urls(&[A])).await.unwrap();
    let off = || store.edit_webhooks(DOMAIN, WebhookEdit::AllowLegacy(false));
    assert_eq!(off().await.unwrap_err(), WebhookError::LegacyInUse);
    store.delete_webhook(DOMAIN, kind).await.unwrap();
    assert!(!off().await.unwrap().has_legacy());
}

async fn what_the_account_uses_is_not_forgotten(stage: Fixture) {
    let id = account(&stage, A, &[CLICKED]).await;
    stage.subscribe(&[B]).await;
    let full =
        stage.store.edit_account_webhooks(AccountEdit::Create(draft("https://c.example/", &[CLICKED])));
    assert_eq!(full.await.unwrap_err(), WebhookError::TooManyEndpoints { limit: 2 });
    assert_eq!(stage.store.forget_endpoints().await, Ok(0));
    stage.store.edit_account_webhooks(AccountEdit::Delete(vec![id])).await.unwrap();
    stage.until(|store| store.directory().account_webhooks().len() == 0).await;
    let forgotten = async { while stage.store.forget_endpoints().await != Ok(1) {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), forgotten)
        .await
        .expect("it is forgotten in time");
}

fn draft(url: &str, kinds: &[WebhookKind]) -> AccountDraft {
    AccountDraft { description: "a test".into(), url: EndpointUrl::new(url), kinds: kinds.to_vec() }
}

/// Makes a webhook of the account.
async fn account(stage: &Fixture, url: &str, kinds: &[WebhookKind]) -> AccountWebhookId {
    let made = stage.store.edit_account_webhooks(AccountEdit::Create(draft(url, kinds))).await;
    made.unwrap().unwrap().id
}

fn opened(id: &str) -> NewEvent {
    NewEvent { webhook: Some(WebhookKind::Opened), ..event(id) }
}
