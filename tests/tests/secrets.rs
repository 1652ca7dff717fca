//! Secrets stay where they belong: not in the log, not in an answer, not in the clear on the disk.

use std::fs;
use std::path::Path;

use sealpost_core::WebhookKind;
use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{API_KEY, Api, Bin, Receiver, Reply, SIGNING_KEY, Server, basic};

const PASSWORD: &str = "pass-phrase-of-the-url";

/// A server that has done a bit of everything, what it said about it, and the secrets that were made meanwhile.
fn used_server() -> (Server, String, Vec<String>) {
    let server = Server::with(&[("log.level", "trace"), ("delivery.schedule", "10ms,20ms,1h")]);
    let receiver = Receiver::start().answering([Reply::Status(500), Reply::Close, Reply::Status(301)]);
    let secret_url = |path: &str| receiver.url(path).replace("http://", &format!("http://user:{PASSWORD}@"));
    let api = server.api();
    let made: Vec<_> = ["kind=domain&domain_name=example.com", "kind=user"]
        .map(|form| api.post("/v1/keys", "application/x-www-form-urlencoded", form).expect(200).json())
        .map(|made| made["key"]["secret"].as_str().expect("a key").to_owned())
        .into();
    let bin = Bin::make(&server, "500");
    let mut said =
        api.subscribe("opened", &[secret_url("/a"), secret_url("/b"), bin.url.clone()]).expect(200).text();
    said += &api.submit(&event("opened", "one")).expect(200).text();
    let _ = receiver.wait_for(5);
    said +=
        &api.multipart("PUT", &webhooks("/opened/test"), &[("url", &secret_url("/t"))]).expect(200).text();
    let denied = format!("http://user:{PASSWORD}@10.0.0.1/");
    said += &api.subscribe("clicked", &[denied]).expect(400).text();
    said += &api.subscribe("clicked", &[format!("ftp://user:{PASSWORD}@8.8.8.8/")]).expect(400).text();
    for key in ["key-wrong-but-still-nobodys-business", &made[0], &made[1]] {
        said += &Api::new(&server.url(""), key).get("/v4/domains").text();
        said += &Api::new(&server.url(""), key).submit("{").text();
    }
    // What somebody else's client shows to a bin stays between those two.
    let stranger = Api::anonymous(&server.url(""))
        .with_header("Authorization", &basic("user", PASSWORD))
        .with_header("Cookie", &format!("session={PASSWORD}"))
        .with_header("X-Api-Key", PASSWORD);
    let _ = stranger.post(&bin.url, "application/json", "{}");
    said += &bin.requests("?count=2&wait=10s").text();
    for path in ["", "/v1/keys", "/metrics", "/v5/accounts/accounting", "/v3/example.com/events"] {
        said += &api.get(if path.is_empty() { &bin.page } else { path }).expect(200).text();
    }
    said += &api.get(&webhooks("")).text();
    said += &server.logged("", 1).join("\n");
    assert!(said.contains("sealpost_attempts_total") && said.contains("\"level\":\"DEBUG\""));
    (server, said, made)
}

fn assert_without(secrets: &[Vec<u8>], bytes: &[u8], place: &str) {
    for secret in secrets {
        let starts = |window: &[u8]| window.first() == secret.first() && window == secret;
        let found = bytes.windows(secret.len()).any(starts);
        assert!(!found, "{} is in {place}", String::from_utf8_lossy(secret));
    }
}

/// The files of a directory, by name.
fn contents(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    let files = entries.filter(|entry| entry.path().is_file());
    let named = files.map(|file| (file.file_name().into_string().expect("UTF-8"), fs::read(file.path())));
    named.map(|(name, bytes)| (name, bytes.expect("a readable file"))).collect()
}

/// A secret, and what it looks like in the usual disguises, whatever stands around it.
fn disguises(secret: &str) -> Vec<Vec<u8>> {
    let base64 = ["", "a", "ab"].map(|before| {
        let text = basic(before, secret).replace("Basic ", "");
        text.as_bytes()[4..text.len() - 4].to_vec()
    });
    let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    [secret.as_bytes().to_vec(), hexadecimal.into_bytes()].into_iter().chain(base64).collect()
}

#[test]
fn neither_log_nor_metrics_nor_answers_nor_files_show_a_secret() {
    let (mut server, said, made) = used_server();
    let while_it_runs = contents(server.data());
    server.kill9();
    let secrets = server.secrets(WebhookKind::Opened);
    assert_eq!(secrets.len(), 3);
    let given = [API_KEY, SIGNING_KEY, PASSWORD, "key-wrong-but-still-nobodys-business"].map(str::to_owned);
    let whole: Vec<_> = given.into_iter().chain(made).chain(secrets.clone()).collect();
    let bare = secrets.iter().map(|secret| secret.trim_start_matches("whsec_").to_owned());
    let whole: Vec<_> = whole.iter().flat_map(|secret| disguises(secret)).collect();
    let bare: Vec<_> = bare.flat_map(|secret| disguises(&secret)).collect();

    assert_without(&whole, said.as_bytes(), "what the server said");
    assert_without(&bare, said.as_bytes(), "what the server said");
    let names: Vec<_> = while_it_runs.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"sealpost.db-wal") && names.contains(&"sealpost.db"), "{names:?}");
    for (name, bytes) in while_it_runs.iter().chain(&contents(server.data())) {
        assert_without(&whole, bytes, name);
        assert_without(&bare, bytes, name);
    }
}

#[test]
fn the_query_of_a_url_which_may_hold_a_token_is_not_logged() {
    let server = Server::with(&[("log.level", "trace"), ("delivery.schedule", "10ms")]);
    let receiver = Receiver::start().answering([Reply::Status(500)]);
    let api = server.api();
    let _ = api.subscribe("opened", &[receiver.url("/hook?token=hidden")]).expect(200);
    let _ = api.subscribe("clicked", &["http://10.0.0.1/hook?token=hidden".to_owned()]).expect(400);
    let _ = api.subscribe("clicked", &["http://exa mple/hook?token=hidden".to_owned()]).expect(400);
    let tested = receiver.url("/test?token=hidden");
    let _ = api.multipart("PUT", &webhooks("/opened/test"), &[("url", &tested)]).expect(200);
    let _ = api.submit(&event("opened", "one")).expect(200);
    assert_eq!(receiver.wait_for(2)[1].path, "/hook?token=hidden");
    let _ = api.delete(&webhooks("/opened")).expect(200);
    let _ = server.logged("\"acknowledged\"", 1);
    let shown: Vec<_> = server.log().into_iter().filter(|line| line.contains("hidden")).collect();
    assert_eq!(shown, [""; 0]);
}

#[test]
fn the_master_key_is_in_its_file_and_nowhere_else() {
    let (server, said, _) = used_server();
    let key = fs::read_to_string(server.data().join("master.key")).expect("a key").trim().to_owned();
    assert!(key.len() >= 44, "a text of 32 bytes");
    assert_without(&[key.clone().into_bytes()], said.as_bytes(), "what the server said");
    for (name, bytes) in contents(server.data()).iter().filter(|(name, _)| name != "master.key") {
        assert_without(&[key.clone().into_bytes()], bytes, name);
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
    let (mut server, ..) = used_server();
    server.kill9();
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
