//! The files of a store: whose they are, what they show, and which ones are refused.

use super::*;

#[tokio::test]
async fn one_process_at_a_time() {
    let stage = Fixture::sqlite(settings()).await;
    let second = Store::open(path(&stage), &master_key(), &settings());
    assert!(matches!(second.err().unwrap().cause, OpenCause::Locked));
    restart(stage).await;
}

#[tokio::test]
async fn a_closed_store_says_so() {
    let stage = Fixture::sqlite(settings()).await;
    stage.store.close().await.unwrap();
    assert_eq!(stage.store.create_domain("late.example").await.unwrap_err(), StoreError::Broken.into());
    assert_eq!(stage.store.flush().await, Err(StoreError::Broken));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let (store, _inboxes) = open(&data, &settings());
    store.create_domain(DOMAIN).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["lock", "sealpost.db", "sealpost.db-wal", "sealpost.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_names_its_directory_and_a_way_out() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("sealpost.db"), [b'x'; 4096]).unwrap();
    let said = Store::open(directory.path(), &master_key(), &settings()).err().unwrap().to_string();
    assert!(
        said.contains(directory.path().to_str().unwrap()) && said.ends_with("restore it from a copy"),
        "{said}"
    );
}

#[tokio::test]
async fn secrets_cannot_be_read_from_the_file() {
    let stage = Fixture::sqlite(settings()).await;
    let endpoint = stage.subscribe(&[A]).await.remove(0);
    stage.store.set_signing_key(Secret::new("signing-key-1")).await.unwrap();
    let overlap = Duration::from_secs(60);
    let of = SecretOf::Domain { domain: DOMAIN.into(), kind: CLICKED.into(), url: endpoint.url().clone() };
    stage.store.rotate_secret(of, overlap).await.unwrap();
    stage.store.close().await.unwrap();
    let bytes = fs::read(path(&stage).join("sealpost.db")).unwrap();
    let holds = |secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(holds(DOMAIN), "what is no secret can be read");
    let secrets = stage.store.directory().secrets_for(DOMAIN, CLICKED.into(), &endpoint).remove(0);
    let previous = secrets.previous(0).unwrap();
    for secret in [
        "password",
        "signing-key-1",
        "a.example",
        endpoint.secret().expose(),
        secrets.current().expose(),
        previous.secret.expose(),
    ] {
        assert!(!holds(secret), "{secret}");
    }

    let refused = Store::open(path(&stage), &MasterKey::generate(), &settings()).err().unwrap();
    assert!(matches!(refused.cause, OpenCause::MasterKey));
}

#[tokio::test]
async fn other_files_are_refused() {
    let refused = |prepare: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = Connection::open(directory.path().join("sealpost.db")).unwrap();
        file.execute_batch(prepare).unwrap();
        Store::open(directory.path(), &master_key(), &settings()).err().unwrap().cause
    };
    assert!(matches!(refused("PRAGMA user_version = 99"), OpenCause::Newer { found: 99, .. }));
    assert!(matches!(refused("CREATE TABLE notes (text)"), OpenCause::Foreign));
}
