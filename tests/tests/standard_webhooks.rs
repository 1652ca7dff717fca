//! Standard Webhooks signatures against the library that the scheme's authors keep for Python: each side
//! verifies what the other one signed, and refuses what was altered or comes too late.

use std::io::Seek as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use sealpost_core::UnixTime;
use sealpost_core::sign::{DEFAULT_WINDOW, EndpointSecret, ReplayGuard, StandardHeaders, VerifyError};
use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Receiver, Request, Server, packages, tools};
use serde::Serialize;

const PACKAGE: &str = "standardwebhooks==1.1.0";
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const ID: &str = "MXcc2gEpS-eN8HfkOnmK2w";
const BODY: &str = r#"{"signature":{},"event-data":{"event":"opened","tags":["été"]}}"#;

#[test]
fn the_library_verifies_what_the_core_signs() {
    let Some(library) = Library::install() else { return };
    let verdict = |secs: u64, body: &str| {
        let signature = secret().sign(ID, UnixTime::new(secs, 0), &[BODY.as_bytes()]);
        library.verify(&Message::new(secs, signature.as_str(), body))
    };
    assert_eq!(verdict(now(), BODY), "verified");
    assert_eq!(verdict(now(), &BODY.replace("opened", "failed")), "No matching signature found");
    assert_eq!(verdict(now() - 310, BODY), "Message timestamp too old");
}

#[test]
fn the_core_verifies_what_the_library_signs() {
    let Some(library) = Library::install() else { return };
    let signed = now();
    let timestamp = signed.to_string();
    let signatures = library.sign(&Message::new(signed, "", BODY));
    let headers = StandardHeaders { id: ID, timestamp: &timestamp, signatures: &signatures };

    let mut guard = ReplayGuard::<4>::new();
    let mut verdict = |body: &str, secs| {
        secret().verify(headers, &[body.as_bytes()], UnixTime::new(secs, 0), DEFAULT_WINDOW, &mut guard)
    };
    let altered = BODY.replace("opened", "failed");
    assert_eq!(verdict(&altered, signed), Err(VerifyError::WrongSignature));
    assert_eq!(verdict(BODY, signed + 301), Err(VerifyError::Stale { age: 301 }));
    assert_eq!(verdict(BODY, signed + 300), Ok(()));
    assert_eq!(verdict(BODY, signed), Err(VerifyError::Replayed));
}

#[test]
fn while_a_secret_is_replaced_the_library_verifies_with_either_and_afterwards_with_the_new_one() {
    let Some(library) = Library::install() else { return };
    let mut server = Server::start();
    let receiver = Receiver::start();
    let url = receiver.url("/hook");
    let _ = server.api().subscribe("opened", std::slice::from_ref(&url)).expect(200);
    let secret = |server: &Server| {
        let shown = server.api().get(&webhooks("/opened/secrets")).expect(200).json();
        shown["secrets"][0]["secret"].as_str().expect("a secret").to_owned()
    };
    let rotate = |server: &Server, overlap| {
        let fields = [("url", url.as_str()), ("overlap", overlap)];
        let path = webhooks("/opened/secrets");
        let answer = server.api().multipart("POST", &path, &fields).expect(200).json();
        answer["secret"]["old_secret_until"].as_str().map(str::to_owned)
    };
    let verdicts = |request: &Request, secrets: [&str; 2]| {
        let body = String::from_utf8_lossy(&request.body);
        let header = |name| request.header(name).expect("a header");
        secrets.map(|secret| {
            let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp").to_owned());
            let signature = header("webhook-signature");
            library.verify(&Message { secret, id, timestamp, signature, body: &body })
        })
    };

    let old = secret(&server);
    assert!(rotate(&server, "24h").is_some());
    let new = secret(&server);
    for (count, restarted) in [(1, false), (2, true)] {
        if restarted {
            server.restart();
        }
        let _ = server.api().submit(&event("opened", &format!("during-{count}"))).expect(200);
        let request = receiver.wait_for(count).pop().expect("a request");
        assert_eq!(verdicts(&request, [&new, &old]), ["verified", "verified"]);
        let newest =
            request.header("webhook-signature").and_then(|both| both.split_once(' ')).expect("two").0;
        let newest = Request {
            headers: [("webhook-signature".to_owned(), newest.to_owned())]
                .into_iter()
                .chain(request.headers.clone())
                .collect(),
            ..request.clone()
        };
        assert_eq!(verdicts(&newest, [&new, &old]), ["verified", "No matching signature found"]);
    }

    assert_eq!(rotate(&server, "0s"), None);
    let newest = secret(&server);
    let _ = server.api().submit(&event("opened", "after")).expect(200);
    let request = receiver.wait_for(3).pop().expect("a request");
    assert_eq!(verdicts(&request, [&newest, &new]), ["verified", "No matching signature found"]);
    assert!(!request.header("webhook-signature").expect("it").contains(' '), "one signature");
}

fn secret() -> EndpointSecret {
    EndpointSecret::parse(SECRET).expect("a secret")
}

/// The library has a clock of its own, so the messages are of today.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970").as_secs()
}

#[derive(Serialize)]
struct Message<'a> {
    secret: &'a str,
    id: &'a str,
    timestamp: String,
    signature: &'a str,
    body: &'a str,
}

impl<'a> Message<'a> {
    fn new(secs: u64, signature: &'a str, body: &'a str) -> Self {
        Self { secret: SECRET, id: ID, timestamp: secs.to_string(), signature, body }
    }
}

/// The library, and the program that calls it.
struct Library {
    directory: PathBuf,
}

impl Library {
    fn install() -> Option<Self> {
        Some(Self { directory: packages::python(PACKAGE)? })
    }

    fn sign(&self, message: &Message<'_>) -> String {
        self.call("sign", message)
    }

    fn verify(&self, message: &Message<'_>) -> String {
        self.call("verify", message)
    }

    fn call(&self, verb: &str, message: &Message<'_>) -> String {
        let mut input = tempfile::tempfile().expect("a file");
        serde_json::to_writer(&mut input, message).expect("written");
        input.rewind().expect("a file");
        tools::run(
            Command::new("python3")
                .arg(tools::root().join("tests/tests/standard_webhooks/library.py"))
                .arg(verb)
                .env("PYTHONPATH", &self.directory)
                .stdin(input),
        )
    }
}
