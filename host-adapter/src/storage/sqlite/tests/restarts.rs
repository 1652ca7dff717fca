//! What there is after a restart, and after a kill.

use super::*;

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let mut stage = Fixture::sqlite(settings()).await;
    stage.store.set_signing_key(Secret::new("key-1")).await.unwrap();
    let before = stage.subscribe(&[A, B]).await;
    stage.append(vec![event("one")]).await;
    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[1], Verdict::Acknowledged).await;
    let identity = stage.store.identity().clone();
    let epoch = stage.store.epochs().present();

    let mut stage = restart(stage).await;
    assert_eq!(stage.store.identity().account, identity.account);
    assert_ne!(stage.store.epochs().present(), epoch);
    assert!(stage.store.epochs().hold(epoch, 1, stage.store.snapshot()));
    assert_eq!(stage.store.identity().cursor_key, identity.cursor_key);
    let directory = stage.store.directory();
    assert_eq!(directory.signing_key().unwrap().expose(), "key-1");
    let endpoints = directory.domain(DOMAIN).unwrap().webhook(CLICKED);
    for (now, then) in endpoints.iter().zip(&before) {
        assert_eq!((now.id(), now.url(), now.secret()), (then.id(), then.url(), then.secret()));
    }
    assert_eq!([endpoints[0].health(), endpoints[1].health()], [Health::UNPROVEN, Health::Up]);
    assert_eq!(stage.listed().await, [event("one").data]);
    let balance = Accounting { accepted: 2, acknowledged: 1, ..Accounting::default() };
    assert_eq!(stage.store.accounting(), balance);

    assert_eq!(stage.backlog().await.id(), endpoints[0].id());
    let (pending, more) = stage.refill(&endpoints[0], 9).await;
    assert_eq!((events_of(&pending), pending[0].id, more), (vec!["one"], deliveries[0].id, false));
    let again = stage.store.append(DOMAIN, vec![event("one")], false).await.unwrap();
    assert!(again[0].as_ref().unwrap().duplicate);
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let mut stage = Fixture::sqlite(settings()).await;
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.append(vec![event("acknowledged"), event("in flight")]).await;
    let deliveries = stage.claimed().await;
    stage.settle(&deliveries[0], Verdict::Acknowledged).await;

    let mut killed = kill(&stage).await;
    assert_eq!(killed.listed().await.len(), 2);
    assert_eq!(killed.backlog().await.id(), endpoint.id());
    assert_eq!(events_of(&killed.refill(&endpoint, 9).await.0), ["in flight"]);
    let balance = Accounting { accepted: 2, acknowledged: 1, ..Accounting::default() };
    assert_eq!(killed.store.accounting(), balance);
}

#[tokio::test]
async fn numbers_are_not_used_again_after_the_last_event_is_gone() {
    let stage = Fixture::sqlite(settings()).await;
    stage.append(vec![event("one"), event("two")]).await;
    while !stage.store.retain(wall_millis() + 1, 10).await.unwrap().done {}
    assert!(stage.listed().await.is_empty());
    let stage = restart(stage).await;
    stage.append(vec![event("three")]).await;
    assert_eq!(stage.store.snapshot(), 3);
}

#[tokio::test]
async fn ids_of_forgotten_endpoints_are_not_used_again() {
    let stage = Fixture::sqlite(settings()).await;
    let last = stage.subscribe(&[A, B]).await.remove(1);
    stage.store.delete_webhook(DOMAIN, CLICKED).await.unwrap();
    while stage.store.directory().endpoint(last.id()).is_some() {
        stage.store.forget_endpoints().await.unwrap();
    }
    let stage = restart(stage).await;
    assert_eq!(stage.subscribe(&[B]).await[0].id(), last.id() + 1);
}

#[tokio::test]
async fn events_are_found_wherever_their_facts_are() {
    let few = Settings { fresh_facts: 40, ..settings() };
    let mut stage = Fixture::sqlite(few.clone()).await;
    let clicked = Arc::new(Filter::new([(Field::Event, "clicked"), (Field::Tags, "NOT x")]).unwrap());
    let found = async |stage: &Fixture| {
        let query = EventQuery { filter: clicked.clone(), limit: 1000, ..query(stage.store.snapshot()) };
        stage.store.events(query).await.unwrap().len()
    };
    let written = |stage: &Fixture| -> i64 {
        let upto = "SELECT coalesce(max(upto), 0) FROM part WHERE state = 1";
        behind_its_back(stage).query_row(upto, [], |row| row.get(0)).unwrap()
    };
    for number in 0..100 {
        stage.append(vec![event(&number.to_string())]).await;
        assert_eq!(found(&stage).await, number + 1);
        match number % 10 {
            3 => assert_eq!(found(&kill(&stage).await).await, number + 1, "after a kill"),
            7 => stage = restart_with(stage, &few).await,
            _ => {}
        }
    }
    assert!((20..100).contains(&written(&stage)), "{} events are in parts", written(&stage));

    while !stage.store.retain(wall_millis() + 1, 7).await.unwrap().done {}
    assert_eq!((found(&stage).await, written(&stage)), (0, 0), "nothing of an event stays");
    let stage = restart_with(stage, &few).await;
    assert_eq!((found(&stage).await, written(&stage)), (0, 0));
}

#[tokio::test]
async fn webhooks_of_the_account_and_legacy_ones_are_there_after_a_restart() {
    let mut stage = Fixture::sqlite(Settings { quota: 1, ..settings() }).await;
    let draft = || AccountDraft { description: "all".into(), url: EndpointUrl::new(A), kinds: vec![CLICKED] };
    let made = stage.store.edit_account_webhooks(AccountEdit::Create(draft())).await.unwrap().unwrap();
    stage.store.edit_webhooks(DOMAIN, WebhookEdit::AllowLegacy(true)).await.unwrap();
    stage.store.create_webhook(DOMAIN, LegacyKind::Click, vec![EndpointUrl::new(B)]).await.unwrap();
    let legacy = |event| NewEvent { legacy: Some(LegacyKind::Click), ..event };
    stage.append(vec![legacy(event("1")), legacy(event("2"))]).await;
    let born = stage.claimed().await;
    assert_eq!(born.iter().map(|delivery| delivery.kind.format()).collect::<Vec<_>>(), [0, 1]);

    let mut stage = restart_with(stage, &settings()).await;
    let directory = stage.store.directory();
    assert_eq!(directory.account_webhook(made.id).unwrap().endpoint.id(), made.endpoint.id());
    assert_eq!(directory.account_endpoints(CLICKED)[0].id(), made.endpoint.id());
    let domain = directory.domain(DOMAIN).unwrap();
    let form = domain.webhook(LegacyKind::Click)[0].clone();
    let left = stage.refill_after_backlog(&form).await;
    assert_eq!((events_of(&left), left[0].kind), (vec!["1", "2"], LegacyKind::Click.into()));
}

#[tokio::test]
async fn many_deliveries_are_cancelled_in_slices_across_a_kill() {
    let mut stage = Fixture::sqlite(Settings { quota: 2, ..settings() }).await;
    let endpoints = stage.subscribe(&[A, B]).await;
    for batch in 0..3 {
        stage.append((0..9000).map(|number| event(&format!("{batch}-{number}"))).collect()).await;
    }
    stage.store.replace_webhook(DOMAIN, CLICKED, vec![EndpointUrl::new(B)]).await.unwrap();
    let mut killed = kill(&stage).await;

    stage.store.refill(endpoints[0].id(), 100);
    stage.append(vec![event("meanwhile")]).await;
    stage.until(|store| store.accounting().cancelled == 27_000).await;
    assert_eq!(stage.store.accounting().pending(), 27_001);
    stage.store.flush().await.unwrap();
    while let Ok(message) = stage.inbox.try_recv() {
        if let ToShard::Refilled { deliveries, .. } = message {
            assert!(deliveries.is_empty(), "a covered delivery was handed out");
        }
    }

    killed.until(|store| store.accounting().cancelled == 27_000).await;
    assert_eq!(killed.store.accounting().pending(), 27_000);
    let left = killed.refill_after_backlog(&endpoints[1]).await;
    assert_eq!(events_of(&left), ["0-0", "0-1"]);
}

#[tokio::test]
async fn a_withdrawal_from_all_domains_but_one_goes_on_after_a_kill() {
    let stage = Fixture::sqlite(Settings { quota: 1, ..settings() }).await;
    let other = "other.example";
    stage.store.create_domain(other).await.unwrap();
    let draft = AccountDraft { description: "".into(), url: EndpointUrl::new(A), kinds: vec![CLICKED] };
    stage.store.edit_account_webhooks(AccountEdit::Create(draft)).await.unwrap();
    let own = stage.subscribe(&[A]).await.remove(0);
    for batch in 0..2 {
        let events = || (0..9000).map(|number| event(&format!("{batch}-{number}"))).collect();
        stage.append(events()).await;
        stage.store.append(other, events(), false).await.unwrap();
    }
    stage.store.edit_account_webhooks(AccountEdit::DeleteAll).await.unwrap();
    let mut killed = kill(&stage).await;
    killed.until(|store| store.accounting().cancelled == 18_000).await;
    assert_eq!(killed.store.accounting().pending(), 18_000);
    assert!(killed.refill_after_backlog(&own).await.iter().all(|delivery| &*delivery.domain == DOMAIN));
}
