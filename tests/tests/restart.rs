//! What was accepted is delivered, however the server ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events};
use sealpost_tests::{API_KEY, Api, Receiver, Reply, Server, sealpost};

/// Long enough for every test here to come to its end.
const PATIENT: (&str, &str) =
    ("delivery.schedule", "100ms,200ms,300ms,300ms,300ms,300ms,300ms,300ms,1s,1s,1s,10s");
/// Attempts that one endpoint may have in flight, and so the most that a kill may repeat.
const IN_FLIGHT: usize = 8;

fn submit(api: &Api, ids: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    let ids = BTreeSet::from_iter(ids.into_iter().map(|id| format!("e{id}")));
    let lines: Vec<_> = ids.iter().map(|id| event("opened", id)).collect();
    let _ = api.post(&events(""), "application/x-ndjson", lines.join("\n")).expect(200);
    ids
}

/// The ids that arrived at each path, and how often, once everything in `expected` arrived at all of them.
fn arrivals(
    receiver: &Receiver,
    paths: &[&str],
    expected: &BTreeSet<String>,
) -> BTreeMap<(String, String), usize> {
    let mut count = paths.len() * expected.len();
    loop {
        let requests = receiver.wait_for(count);
        let mut arrived = BTreeMap::new();
        for request in &requests {
            *arrived.entry((request.path.clone(), request.event_id())).or_insert(0) += 1;
        }
        if paths
            .iter()
            .all(|path| expected.iter().all(|id| arrived.contains_key(&((*path).to_owned(), id.clone()))))
        {
            assert_eq!(arrived.len(), paths.len() * expected.len(), "nothing else arrives");
            return arrived;
        }
        count = requests.len() + 1;
    }
}

#[test]
fn after_a_kill_right_behind_the_answer_every_delivery_arrives() {
    let mut server = Server::with(&[PATIENT]);
    let paths = ["/a", "/b", "/c"];
    let receiver = Receiver::start();
    let urls = paths.map(|path| receiver.url(path));
    let address = receiver.stop();
    let _ = server.api().subscribe("opened", &urls).expect(200);

    let accepted = submit(&server.api(), 0..50);
    server.kill9();

    let receiver = Receiver::start_at(address);
    server.restart();
    let _ = arrivals(&receiver, &paths, &accepted);
    assert_eq!(BTreeSet::from_iter(server.api().listed()), accepted);
    assert!(server.sigterm().success());
    let accounting = server.accounting();
    assert_eq!((accounting.accepted, accounting.acknowledged), (150, 150));
}

#[test]
fn a_kill_in_the_middle_of_attempts_repeats_those_and_loses_none() {
    let mut server = Server::with(&[PATIENT]);
    let receiver = Receiver::start().otherwise(Reply::After(Duration::from_millis(20), 200));
    let _ = server.api().subscribe("opened", &[receiver.url("/a")]).expect(200);
    let accepted = submit(&server.api(), 0..60);
    let _ = receiver.wait_for(20);

    server.kill9();
    server.restart();

    let arrived = arrivals(&receiver, &["/a"], &accepted);
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().acknowledged, 60);
    let repeated: usize = arrived.values().map(|times| times - 1).sum();
    assert!(repeated <= IN_FLIGHT, "{repeated} were repeated");
}

#[test]
fn over_many_kills_a_client_that_repeats_itself_gets_everything_delivered() {
    const KILLS: usize = 4;
    let mut server = Server::with(&[PATIENT]);
    let receiver = Receiver::start();
    let _ = server.api().subscribe("opened", &[receiver.url("/a")]).expect(200);

    let mut accepted = BTreeSet::new();
    for round in 0..=KILLS {
        let api = server.api();
        let target = accepted.len() + 25;
        // The client goes on until the server is gone, and begins the next round with what had no answer.
        let client = thread::spawn(move || {
            loop {
                let id = format!("e{}", accepted.len());
                let sent = api.try_send(
                    "POST",
                    &events(""),
                    Some("application/json"),
                    event("opened", &id).as_bytes(),
                );
                match sent {
                    Ok(answer) => {
                        let _ = answer.expect(200);
                        accepted.insert(id);
                    }
                    Err(_) => return accepted,
                }
                if round == KILLS && accepted.len() >= target {
                    return accepted;
                }
            }
        });
        if round < KILLS {
            let _ = receiver.wait_for(target);
            server.kill9();
            server.restart();
        }
        accepted = client.join().expect("every answer is a 200");
    }

    let arrived = arrivals(&receiver, &["/a"], &accepted);
    assert_eq!(BTreeSet::from_iter(server.api().listed()), accepted);
    let repeated: usize = arrived.values().map(|times| times - 1).sum();
    assert!(repeated <= KILLS * IN_FLIGHT, "{repeated} were repeated");
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().acknowledged, accepted.len() as u64);
}

#[test]
fn a_stop_under_load_lets_attempts_end_and_keeps_the_rest() {
    let mut server = Server::with(&[PATIENT]);
    let receiver = Receiver::start().otherwise(Reply::After(Duration::from_millis(30), 200));
    let _ = server.api().subscribe("opened", &[receiver.url("/a")]).expect(200);
    let api = server.api();
    let stopping = AtomicBool::new(false);

    let accepted = thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut accepted = BTreeSet::new();
            while !stopping.load(Ordering::Relaxed) {
                let id = format!("e{}", accepted.len());
                let body = event("opened", &id);
                let Ok(answer) = api.try_send("POST", &events(""), Some("application/json"), body.as_bytes())
                else {
                    break;
                };
                let _ = answer.expect(200);
                accepted.insert(id);
            }
            accepted
        });
        let _ = receiver.wait_for(15);
        assert!(server.sigterm().success());
        stopping.store(true, Ordering::Relaxed);
        client.join().expect("every answer is a 200")
    });

    let arrived = receiver.requests().len();
    assert!(arrived < accepted.len(), "{arrived} of {}: no load", accepted.len());
    server.restart();
    let arrived = arrivals(&receiver, &["/a"], &accepted);
    assert!(arrived.values().all(|times| *times == 1), "a drain repeats nothing: {arrived:?}");
}

#[test]
fn a_stop_waits_for_a_hanging_receiver_until_its_deadline_and_no_longer() {
    let mut server = Server::with(&[PATIENT, ("server.drain_deadline", "300ms")]);
    let receiver = Receiver::start().answering([Reply::Hang]);
    let _ = server.api().subscribe("opened", &[receiver.url("/a")]).expect(200);
    let accepted = submit(&server.api(), 0..3);
    let _ = receiver.wait_for(1);

    let told = Instant::now();
    assert!(server.sigterm().success());
    let took = told.elapsed();
    assert!((Duration::from_millis(300)..Duration::from_secs(5)).contains(&took), "{took:?}");

    server.restart();
    let arrived = arrivals(&receiver, &["/a"], &accepted);
    assert_eq!(arrived.values().sum::<usize>(), 4, "the hanging attempt is the only one that is made again");
}

#[test]
fn a_second_server_on_the_same_data_is_refused_with_a_reason() {
    let server = Server::start();
    let mut second = sealpost();
    second.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(server.data());
    second.env("SEALPOST_API_KEY", API_KEY);

    let output = second.output().expect("the program ends");

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is in use by another process; stop it, or choose another directory"), "{said}");
    assert!(!output.status.success());
    assert_eq!(server.api().get("/healthz").status, 200);
}
