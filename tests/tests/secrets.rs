//! Secrets stay where they belong: not in the log, not in an answer, not in the clear on the disk.

use std::fs;
use std::path::Path;

use sealpost_core::WebhookKind;
use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{API_KEY, Api, Receiver, Reply, SIGNING_KEY, Server};

const PASSWORD: &str = "pass-phrase-of-the-url";

/// A server that has done a bit of everything, and what it said about it.
fn used_server() -> (Server, String) {
    let mut server = Server::with(&[("log.level", "trace")]);
    let receiver = Receiver::start().answering([Reply::Status(500), Reply::Close, Reply::Status(301)]);
    let secret_url = |path: &str| receiver.url(path).replace("http://", &format!("http://user:{PASSWORD}@"));
    let api = server.api();
    let mut said = api.subscribe("opened", &[secret_url("/a"), secret_url("/b")]).expect(200).text();
    said += &api.submit(&event("opened", "one")).expect(200).text();
    let _ = receiver.wait_for(5);
    said +=
        &api.multipart("PUT", &webhooks("/opened/test"), &[("url", &secret_url("/t"))]).expect(200).text();
    let denied = format!("http://user:{PASSWORD}@10.0.0.1/");
    said += &api.subscribe("clicked", &[denied]).expect(400).text();
    said += &api.subscribe("clicked", &[format!("ftp://user:{PASSWORD}@8.8.8.8/")]).expect(400).text();
    said += &Api::new(&server.url(""), "key-wrong-but-still-nobodys-business").get("/v4/domains").text();
    said += &api.get(&webhooks("")).text();
    said += &server.logged("", 1).join("\n");
    assert!(server.sigterm().success());
    (server, said)
}

fn assert_without(secrets: &[&str], bytes: &[u8], place: &str) {
    for secret in secrets {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} is in {place}");
    }
}

fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect()
}

#[test]
fn neither_log_nor_answers_nor_files_show_a_secret() {
    let (server, said) = used_server();
    let secrets = server.secrets(WebhookKind::Opened);
    let whole =
        [API_KEY, SIGNING_KEY, PASSWORD, "key-wrong-but-still-nobodys-business", &secrets[0], &secrets[1]];
    let bare: Vec<_> = secrets.iter().map(|secret| secret.trim_start_matches("whsec_")).collect();

    assert_without(&whole, said.as_bytes(), "what the server said");
    let files = files(server.data());
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let bytes = fs::read(&file).expect("a readable file");
        assert_without(&[&whole[..], &bare].concat(), &bytes, &file.display().to_string());
    }
}

#[cfg(unix)]
#[test]
fn the_files_that_hold_keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = Server::with(&[("keys.api", ""), ("keys.signing", "")]);
    for name in ["master.key", "first-keys"] {
        let mode = fs::metadata(server.data().join(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn another_master_key_opens_nothing() {
    let (server, _) = used_server();
    let key = server.data().join("master.key");
    let start = || {
        let mut again = sealpost_tests::sealpost();
        again.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(server.data());
        let output = again.output().expect("the program ends");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };

    fs::write(&key, "42".repeat(32)).expect("another key");
    let said = start();
    assert!(said.contains("sealed under another master key"), "{said}");

    fs::remove_file(&key).expect("a master key");
    let said = start();
    assert!(said.contains("master.key is missing") && !key.exists(), "{said}");
}
