//! What restarts and kills leave of keys, secrets and deleted domains.

use super::*;
use crate::storage::ApiKey;

const SECOND: &str = "second.example";

/// A store whose domain has so many events that their removal takes many slices, and a neighbour with one.
async fn with_many_events() -> Fixture {
    let mut stage = Fixture::sqlite(settings()).await;
    stage.store.create_domain(SECOND).await.unwrap();
    stage.store.append(SECOND, vec![event("theirs")], false).await.unwrap();
    stage.subscribe(&[A, B]).await;
    for batch in 0..4 {
        stage.append((0..1000).map(|number| event(&format!("{batch}-{number}"))).collect()).await;
    }
    stage.claimed().await;
    stage
}

/// Rows of a table that belong to a domain.
fn rows(stage: &Fixture, table: &str, domain: u32) -> u32 {
    let count = format!("SELECT count(*) FROM {table} WHERE domain = ?");
    behind_its_back(stage).query_row(&count, [domain], |row| row.get(0)).unwrap()
}

/// Waits until nothing is left of a domain, and compares the accounts.
async fn wait_until_nothing_is_left(stage: &Fixture, domain: u32) {
    stage.until(|_| rows(stage, "deletion", domain) == 0).await;
    for table in ["event", "chunk", "pending", "webhook", "secret"] {
        assert_eq!(rows(stage, table, domain), 0, "{table}");
    }
    let balance = Accounting { accepted: 8000, cancelled: 8000, ..Accounting::default() };
    assert_eq!(stage.store.accounting(), balance);
    let theirs = EventQuery { domain: SECOND.into(), ..query(stage.store.snapshot()) };
    assert_eq!(stage.store.events(theirs).await.unwrap().len(), 1);
}

#[tokio::test]
async fn nothing_is_left_of_a_deleted_domain_and_appends_do_not_wait_for_it() {
    let stage = with_many_events().await;
    let domain = stage.store.directory().domain(DOMAIN).unwrap().id();
    stage.store.delete_domain(DOMAIN).await.unwrap();
    stage.store.append(SECOND, vec![event("meanwhile")], false).await.unwrap();
    assert!(rows(&stage, "event", domain) > 0, "an append is answered between the slices");
    stage.until(|_| rows(&stage, "deletion", domain) == 0).await;
    assert_eq!(rows(&stage, "event", domain), 0);
}

#[tokio::test]
async fn a_deletion_that_a_kill_cut_short_goes_on() {
    let stage = with_many_events().await;
    let domain = stage.store.directory().domain(DOMAIN).unwrap().id();
    stage.store.delete_domain(DOMAIN).await.unwrap();
    // What the deletion does is copied while it does it; the copies are opened when there is time.
    let mut left = Vec::new();
    while left.len() < 5 && rows(&stage, "deletion", domain) > 0 {
        left.push(copy_of(&stage));
        stage.store.flush().await.unwrap();
    }
    assert!(!left.is_empty(), "it was never cut short");
    let mut killed = Vec::new();
    for left in left {
        let (store, inboxes) = open(left.path(), &settings());
        killed.push(Fixture::stage(store, inboxes, Some(left)).await);
    }
    for stage in killed.iter().chain([&stage]) {
        wait_until_nothing_is_left(stage, domain).await;
    }
    // The kill made the domain again.
    assert!(killed[0].store.directory().domain(DOMAIN).unwrap().id() > domain);
}

#[tokio::test]
async fn ids_of_deleted_domains_are_not_used_again() {
    let stage = Fixture::sqlite(settings()).await;
    let (last, _) = stage.store.create_domain(SECOND).await.unwrap();
    stage.store.delete_domain(SECOND).await.unwrap();
    let stage = restart(stage).await;
    let (next, _) = stage.store.create_domain(SECOND).await.unwrap();
    assert_eq!(next.id(), last.id() + 1);
}

#[tokio::test]
async fn keys_and_secrets_are_as_they_were_after_a_restart() {
    let stage = Fixture::sqlite(settings()).await;
    stage.subscribe(&[A, B]).await;
    let overlap = Duration::from_secs(3600);
    let of = SecretOf::Domain { domain: DOMAIN.into(), kind: CLICKED.into(), url: EndpointUrl::new(A) };
    stage.store.rotate_secret(of, overlap).await.unwrap();
    let key = ApiKey::new([1; 32], Some(DOMAIN), "kept");
    let revoked = ApiKey::new([2; 32], None, "revoked");
    stage.store.add_api_key(key.clone()).await.unwrap();
    stage.store.add_api_key(revoked.clone()).await.unwrap();
    stage.store.revoke_api_key(&revoked.id, true).await.unwrap();
    let secrets = |stage: &Fixture| {
        let directory = stage.store.directory();
        let domain = directory.domain(DOMAIN).unwrap();
        domain.webhook(CLICKED).iter().map(|e| domain.secrets(e.id()).cloned()).collect::<Vec<_>>()
    };
    let before = secrets(&stage);
    assert!(before[0].as_ref().unwrap().previous(0).is_some());

    let stage = restart(stage).await;
    assert_eq!(secrets(&stage), before);
    assert_eq!(stage.store.directory().api_keys().collect::<Vec<_>>(), [&key]);
    stage.store.forget_old_secrets(i64::MAX).await.unwrap();
    let left = behind_its_back(&stage).query_row(
        "SELECT count(*) FROM secret WHERE previous IS NOT NULL",
        [],
        |row| row.get::<_, u32>(0),
    );
    assert_eq!(left, Ok(0));
    let stage = restart(stage).await;
    assert!(secrets(&stage)[0].as_ref().unwrap().previous(0).is_none());
}
