//! The command line: what the commands print, and their exit codes.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use sealpost_tests::{SIGNING_KEY, sealpost};

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
