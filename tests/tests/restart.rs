//! What was accepted is delivered, however the server ends.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, events};
use sealpost_tests::{API_KEY, Api, Receiver, Reply, Server, UNRECORDED, extent, sealpost};

/// Long enough for every test here to come to its end.
const PATIENT: (&str, &str) =
    ("delivery.schedule", "100ms,200ms,300ms,300ms,300ms,300ms,300ms,300ms,1s,1s,1s,10s");

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
    let accepted = submit(&server.api(), 0..120);
    // More than may be repeated, so that the bound is put to the test.
    let _ = receiver.wait_for(2 * UNRECORDED);

    server.kill9();
    server.restart();

    let arrived = arrivals(&receiver, &["/a"], &accepted);
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().acknowledged, 120);
    let repeated: usize = arrived.values().map(|times| times - 1).sum();
    assert!(repeated <= UNRECORDED, "{repeated} were repeated");
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
        let target = accepted.len() + 50;
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
    assert!(repeated <= KILLS * UNRECORDED, "{repeated} were repeated");
    assert!(server.sigterm().success());
    assert_eq!(server.accounting().acknowledged, accepted.len() as u64);
}

#[test]
fn a_stop_under_load_lets_attempts_end_and_keeps_the_rest() {
    // What the contract says holds with the settings that are the default; a hanging attempt takes its deadline.
    let (deadline, longest) = extent(("3s", 8), ("10s", 15));
    let mut server = Server::with(&[PATIENT, ("delivery.deadline", deadline)]);
    let paths = [("/a", 5), ("/b", 100), ("/c", 1500)];
    let receivers = paths
        .map(|(_, millis)| Receiver::start().otherwise(Reply::After(Duration::from_millis(millis), 200)));
    let urls: Vec<_> = receivers.iter().zip(paths).map(|(receiver, (path, _))| receiver.url(path)).collect();
    let _ = server.api().subscribe("opened", &urls).expect(200);
    let hanging = Receiver::start().otherwise(Reply::Hang);
    let _ = server.api().subscribe("clicked", &[hanging.url("/")]).expect(200);
    let _ = server.api().submit(&event("clicked", "hangs")).expect(200);
    let stopping = AtomicBool::new(false);

    let (accepted, told, took) = thread::scope(|scope| {
        let submitters: Vec<_> = (0..3)
            .map(|name| {
                let (api, stopping) = (server.api(), &stopping);
                scope.spawn(move || submit_until(&api, stopping, name))
            })
            .collect();
        let _ = (receivers[0].wait_for(60), receivers[2].wait_for(2), hanging.wait_for(1));
        let told = Instant::now();
        assert!(server.sigterm().success());
        let took = told.elapsed();
        stopping.store(true, Ordering::Relaxed);
        let accepted =
            submitters.into_iter().flat_map(|submitter| submitter.join().expect("answers are 200s"));
        (BTreeSet::from_iter(accepted), told, took)
    });

    println!("stopped in {took:?}");
    assert!(took < Duration::from_secs(longest), "{took:?}");
    let arrived: usize = receivers.iter().map(|receiver| receiver.requests().len()).sum();
    assert!(arrived < 3 * accepted.len(), "{arrived} of three times {}: no load", accepted.len());
    for receiver in &receivers {
        assert_none_begins(receiver, told);
    }
    let _ = hanging.stop();
    server.restart();
    for (receiver, (path, _)) in receivers.iter().zip(paths) {
        if path != "/c" {
            let arrived = arrivals(receiver, &[path], &accepted);
            assert!(arrived.values().all(|times| *times == 1), "a drain repeats nothing: {arrived:?}");
        }
    }
    // The slow one would take minutes for all of it; what came twice would have come early on.
    let slow = receivers[2].requests();
    let ids = BTreeSet::from_iter(slow.iter().map(sealpost_tests::Request::event_id));
    assert_eq!(ids.len(), slow.len(), "a drain repeats nothing");
}

#[test]
fn a_stop_starts_no_attempt_while_a_request_is_still_under_way() {
    let mut server = Server::with(&[PATIENT, ("server.drain_deadline", "6s")]);
    let receiver = Receiver::start().otherwise(Reply::After(Duration::from_millis(20), 200));
    let _ = server.api().subscribe("opened", &[receiver.url("/")]).expect(200);
    let accepted = submit(&server.api(), 0..2000);
    // It keeps the listener for half of the deadline.
    let address = server.url("").split_off("http://".len());
    let mut request = TcpStream::connect(address).expect("a connection");
    request.write_all(b"POST /v3/example.com/events HTTP/1.1\r\nHost: h\r\nContent-Le").expect("a server");
    let _ = receiver.wait_for(20);

    let told = Instant::now();
    assert!(server.sigterm().success());

    assert!(told.elapsed() >= Duration::from_millis(2900), "the request did not keep it");
    assert!(receiver.requests().len() < accepted.len(), "no load");
    assert_none_begins(&receiver, told);
}

/// Submits one event after the other until told to stop, or until nobody answers; the ids that were accepted.
fn submit_until(api: &Api, stopping: &AtomicBool, name: usize) -> Vec<String> {
    let mut accepted = Vec::new();
    while !stopping.load(Ordering::Relaxed) {
        let id = format!("s{name}-{}", accepted.len());
        let body = event("opened", &id);
        let Ok(answer) = api.try_send("POST", &events(""), Some("application/json"), body.as_bytes()) else {
            break;
        };
        let _ = answer.expect(200);
        accepted.push(id);
        thread::sleep(Duration::from_millis(15));
    }
    accepted
}

/// No attempt arrives after the server was told to stop, but for those that were on their way.
fn assert_none_begins(receiver: &Receiver, told: Instant) {
    const ON_THEIR_WAY: Duration = Duration::from_secs(1);
    let late = receiver.requests().iter().filter(|request| request.at > told + ON_THEIR_WAY).count();
    assert_eq!(late, 0, "attempts began after the order to stop");
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
