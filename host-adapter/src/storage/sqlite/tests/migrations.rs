//! Stores of earlier schemas.

use super::*;

/// A store of every schema that was released, as SQL. A new migration comes with a new one.
const EARLIER: &[&str] = &[
    include_str!("../fixtures/v1.sql"),
    include_str!("../fixtures/v2.sql"),
    include_str!("../fixtures/v3.sql"),
    include_str!("../fixtures/v4.sql"),
    include_str!("../fixtures/v5.sql"),
    include_str!("../fixtures/v6.sql"),
    include_str!("../fixtures/v7.sql"),
];

#[tokio::test]
async fn a_store_of_every_earlier_schema_is_brought_forward() {
    assert_eq!(EARLIER.len(), MIGRATIONS.len());
    let new = schema_of(Fixture::sqlite(settings()).await.directory.unwrap().path());
    for dump in EARLIER {
        let directory = tempfile::tempdir().unwrap();
        let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
        file.execute_batch(dump).unwrap();
        give_digests(&file);
        drop(file);

        let (store, inboxes) = open(directory.path(), &settings());
        let mut stage = Fixture::stage(store, inboxes, Some(directory)).await;
        assert_eq!(schema_of(path(&stage)), new);
        assert_eq!(stage.listed().await, [event("one").data, event("two").data]);
        let clicked = Arc::new(Filter::new([(Field::Event, "clicked")]).unwrap());
        let found = stage.store.events(EventQuery { filter: clicked, ..query(stage.store.snapshot()) }).await;
        assert_eq!(found.unwrap().len(), 2);
        let balance = Accounting { accepted: 4, acknowledged: 1, ..Accounting::default() };
        assert_eq!(stage.store.accounting(), balance);
        let directory = stage.store.directory();
        assert_eq!(directory.signing_key().unwrap().expose(), "key-1");
        let key = directory.api_key(&[1; 32]).unwrap();
        assert_eq!((key.id.len(), key.created_at), (17, 1_700_000_000_000));
        let domain = directory.domain(DOMAIN).unwrap();
        let endpoints = domain.webhook(CLICKED);
        for endpoint in endpoints {
            assert_eq!(domain.secrets(endpoint.id()).unwrap().current(), endpoint.secret());
        }
        assert_eq!([endpoints[0].url().expose(), endpoints[1].url().expose()], [A, B]);
        assert_eq!(events_of(&stage.refill_after_backlog(&endpoints[0]).await), ["one", "two"]);
        let again = stage.store.append(DOMAIN, vec![event("one"), event("two")], false).await.unwrap();
        assert!(again.into_iter().all(|known| known.unwrap().duplicate));
    }
}

#[tokio::test]
async fn what_schema_3_added_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
    file.execute_batch(include_str!("../fixtures/v3.sql")).unwrap();
    let (store, _inboxes) = open(directory.path(), &settings());
    let directory = store.directory();
    let domain = directory.domain(DOMAIN).unwrap();
    assert!(domain.has_legacy());
    assert_eq!(domain.webhook(LegacyKind::Click)[0].url().expose(), A);
    let webhook = directory.account_webhooks().next().unwrap();
    assert_eq!(webhook.id.to_string(), "69936a990001020304050607");
    assert_eq!((&*webhook.description, webhook.endpoint.url().expose()), ("for all", B));
    assert_eq!(webhook.kinds, [CLICKED, WebhookKind::Opened]);
}

/// The events of the dumps were written by hand, with any digest.
fn give_digests(file: &Connection) {
    let mut events = file.prepare("SELECT seq, data FROM event").unwrap();
    let mut rows = events.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let digest: [u8; 32] = Sha256::digest(row.get_ref(1).unwrap().as_blob().unwrap()).into();
        file.execute(
            "UPDATE event SET digest = ? WHERE seq = ?",
            params![digest, row.get::<_, i64>(0).unwrap()],
        )
        .unwrap();
    }
}

/// The statements that made the tables and indexes of a store.
fn schema_of(directory: &Path) -> Vec<String> {
    let file = Connection::open(directory.join("sealpost.db")).unwrap();
    let mut all = file.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    all.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
