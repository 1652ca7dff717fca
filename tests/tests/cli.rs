//! The command line: what the commands print, and their exit codes.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use sealpost_core::WebhookKind;
use sealpost_tests::{API_KEY, Api, Receiver, SIGNING_KEY, Server, sealpost, signature};

/// Signed at 1529006854 with [`SIGNING_KEY`].
const PAYLOAD: &str = r#"{"signature":{"timestamp":"1529006854","token":"a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0","signature":"b27078a1ce4b5ec8416040232b242b1c682ef71248cdad5a811e7867ab1498a8"},"event-data":{"event":"opened","id":"e1"}}"#;

fn run(command: &mut Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    // A program that does not read its input closes the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

/// Exit code, standard output and standard error.
fn outcome(command: &mut Command, input: &str) -> (Option<i32>, String, String) {
    let output = run(command, input);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn verify(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    outcome(sealpost().env("SEALPOST_SIGNING_KEY", SIGNING_KEY).arg("verify").args(arguments), input)
}

#[test]
fn verify_says_valid_and_exits_with_0() {
    let (code, said, _) = verify(&["--max-age", "none"], PAYLOAD);
    assert!(said.starts_with("valid: signed ") && said.contains("event opened, id e1"), "{said}");
    assert_eq!(code, Some(0));
}

#[test]
fn verify_says_why_not_and_exits_with_1() {
    let altered = PAYLOAD.replace("1529006854", "1529006855");
    for (arguments, input, why) in [
        (&[][..], PAYLOAD, "not valid: the signature is too old"),
        (&["--max-age", "none"], altered.as_str(), "not valid: the signature is not of this signing key"),
        (&["--max-age", "none", "--key", "key-other"], PAYLOAD, "not valid: the signature is not of this"),
        (&[], "", "not valid: the payload is not JSON"),
    ] {
        let (code, said, _) = verify(arguments, input);
        assert!(said.starts_with(why), "{said}");
        assert_eq!(code, Some(1), "{said}");
    }
}

#[test]
fn wrong_usage_exits_with_64_and_says_what_would_be_right() {
    for (arguments, right) in [
        (&[][..], "Usage: sealpost"),
        (&["deliver"], "unrecognized subcommand"),
        (&["verify"], "no signing key: set SEALPOST_SIGNING_KEY, or pass --key"),
        (&["verify", "--key", "two words"], "1 to 256 visible ASCII characters"),
        (&["verify", "--max-age", "soon"], "such as 30s, 5m or 1h, or none"),
        (&["send", "--key", "k", "sample:bounced"], "there are accepted, clicked, complained"),
        (&["send", "--key", "k", "--server", "localhost:8925", "-"], "an absolute http or https URL"),
        (&["send", "--key", "k", "--domain", "exa mple.com", "-"], "a domain name, such as example.com"),
        (&["send", "-"], "no API key: set SEALPOST_API_KEY, or pass --key"),
    ] {
        let (code, _, why) = outcome(sealpost().args(arguments), "");
        assert!(why.contains(right), "{arguments:?}: {why}");
        assert_eq!(code, Some(64), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let version = format!("sealpost {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(outcome(sealpost().arg("--version"), ""), (Some(0), version, String::new()));
    for command in ["send", "verify"] {
        let (code, short, _) = outcome(sealpost().args([command, "-h"]), "");
        let (_, long, _) = outcome(sealpost().args(["help", command]), "");
        assert!(long.len() > short.len() && code == Some(0), "{command}");
    }
}

#[test]
fn send_names_the_item_at_fault() {
    let send = ["send", "--server", "http://127.0.0.1:1", "--key", "k", "-"];
    let (code, _, why) = outcome(sealpost().args(send), "7");
    assert_eq!(
        why,
        "sealpost: item 1 (line 1): expected an event, which is a JSON object; all before it was stored\n"
    );
    assert_eq!(code, Some(1));
}

#[test]
fn a_wrong_configuration_exits_with_64_and_names_place_key_and_reason() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("sealpost.toml");
    std::fs::write(&file, "[delivery]\ndeadline = \"soon\"\n").expect("a file");
    let file = file.to_str().expect("a path of text");
    let in_file = format!("sealpost: {file}: delivery.deadline = \"soon\" is wrong; it must be a duration");
    for (arguments, why) in [
        (&["serve", "--config", file][..], in_file.as_str()),
        (&["dev", "--config", file], in_file.as_str()),
        (
            &["serve", "--schedule", "5m,later"],
            "sealpost: --schedule: delivery.schedule = \"5m,later\" is wrong",
        ),
        (
            &["serve", "--config", "/nonexistent.toml"],
            "sealpost: /nonexistent.toml: the configuration file cannot",
        ),
        (
            &["dev", "--listen", "0.0.0.0:0"],
            "sealpost: 0.0.0.0:0 is not loopback, and everyone knows the keys",
        ),
    ] {
        let (code, _, said) = outcome(sealpost().args(arguments), "");
        assert!(said.starts_with(why), "{said}");
        assert_eq!(code, Some(64), "{arguments:?}");
    }
    let wrong = outcome(sealpost().arg("serve").env("SEALPOST_DELIVERY_SHARDS", "many"), "");
    assert!(wrong.2.contains("environment variable SEALPOST_DELIVERY_SHARDS: delivery.shards = \"many\""));
}

fn send(server: &Server, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = sealpost();
    command.env("SEALPOST_API_KEY", API_KEY).args(["send", "--server", &server.url("")]).args(arguments);
    outcome(&mut command, input)
}

fn receiver_of_clicks(server: &Server) -> Receiver {
    let receiver = Receiver::start();
    let webhook = [("id", "clicked"), ("url", &receiver.url("/hook"))];
    let _ = server.api().multipart("POST", "/v3/domains/example.com/webhooks", &webhook).expect(200);
    receiver
}

#[test]
fn a_sample_is_a_new_event_each_time() {
    let server = Server::start();
    let receiver = receiver_of_clicks(&server);

    for _ in 0..2 {
        let (code, said, why) = send(&server, &["sample:clicked"], "");
        assert!(said.ends_with(" 1 delivery\n") && code == Some(0), "{said}{why}");
    }

    let requests = receiver.wait_for(2);
    assert_ne!(requests[0].event_id(), requests[1].event_id());
    requests.iter().for_each(|request| signature::check(&request.body, SIGNING_KEY));
}

#[test]
fn a_file_sent_again_is_the_same_events_again() {
    let server = Server::start();
    let receiver = receiver_of_clicks(&server);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("events.ndjson");
    let click =
        "{\"event\":\"clicked\",\"recipient\":\"alice@example.net\",\"url\":\"https://example.com/\"}\n";
    std::fs::write(&file, click.repeat(2500)).expect("a file");
    let file = file.to_str().expect("a path of text");

    let (first, second) = (send(&server, &[file], ""), send(&server, &[file], ""));

    assert_eq!((first.0, first.1.lines().count()), (Some(0), 2500), "{}", first.2);
    assert_eq!(second.0, Some(0), "{}", second.2);
    for (once, again) in first.1.lines().zip(second.1.lines()) {
        assert_eq!(again, format!("{once} (known already)"));
    }
    assert_eq!(receiver.wait_for(2500).len(), 2500);
}

#[test]
fn an_item_that_the_server_refuses_is_named() {
    let server = Server::start();
    let events = "[{\"event\":\"opened\"},\n{\"event\":\"opened\",\"timestamp\":\"now\"}]";
    let (code, _, why) = send(&server, &["-"], events);
    assert!(why.contains("none of the items 1 to 2 was stored\n  item 2 (line 2): timestamp: "), "{why}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_wrong_key_or_domain_is_told() {
    let server = Server::start();
    let wrong_key = send(&server, &["--key", "key-other", "sample:opened"], "");
    assert!(wrong_key.2.contains("401: the API key is wrong"), "{}", wrong_key.2);
    let wrong_domain = send(&server, &["--domain", "example.net", "sample:opened"], "");
    assert!(wrong_domain.2.contains("404: Domain not found"), "{}", wrong_domain.2);
    assert_eq!((wrong_key.0, wrong_domain.0), (Some(1), Some(1)));
}

#[test]
fn serve_makes_keys_at_its_first_start_and_does_not_print_them_without_a_terminal() {
    let mut server = Server::with(&[("keys.api", ""), ("keys.signing", "")]);
    let said = server.output_with("listening on http://").join("\n");
    assert!(said.contains("keys made for this first start are in "), "{said}");
    assert!(!said.contains("key-"), "{said}");
    let file = std::fs::read_to_string(server.data().join("first-keys")).expect("a file of keys");
    let key = file.lines().find_map(|line| line.strip_prefix("SEALPOST_API_KEY=")).expect("an API key");

    assert_eq!(Api::new(&server.url(""), key).get("/v4/domains").status, 200);
    assert!(server.sigterm().success());
}

#[test]
fn dev_shows_the_main_job_and_says_what_to_try() {
    let mut server = Server::dev(&[], &[]);
    let said = server.output_with("Ctrl-C ends the server").join("\n");
    for kind in WebhookKind::ALL {
        let received = format!("received {:<14} id ", kind.as_str());
        let line = said.lines().find(|line| line.starts_with(&received));
        assert!(line.is_some_and(|line| line.ends_with("at /demo  signature valid")), "{kind}: {said}");
    }
    let commands: Vec<&str> = said.lines().filter(|line| line.starts_with("  ")).collect();
    for command in &commands {
        let command = command.replace("curl -s", "curl -sS --fail");
        let run = Command::new("sh").args(["-c", &command]).output().expect("a shell");
        assert!(run.status.success(), "{command}: {}", String::from_utf8_lossy(&run.stderr));
    }
    assert_eq!(commands.len(), 4);
    let _ = server.output_with("at /mine  signature valid");
    assert!(server.sigterm().success());
}
