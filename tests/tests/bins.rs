//! Request bins on the running server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sealpost_tests::calls::{event, webhooks};
use sealpost_tests::{Api, Bin, DOMAIN, Receiver, Server};
use serde_json::Value;

/// The header of a request that a bin has kept.
fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    let named = |field: &&Value| field[0].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name));
    let field = request["headers"].as_array().expect("headers").iter().find(named);
    field.and_then(|field| field[1].as_str()).unwrap_or_else(|| panic!("no {name} in {request}"))
}

#[test]
fn a_bin_subscribes_beside_other_urls_and_tells_that_everything_is_verified() {
    let (server, receiver) = (Server::start(), Receiver::start());
    let bin = Bin::make(&server, "");
    let _ = server.api().subscribe("clicked", &[receiver.url("/mine"), bin.url.clone()]).expect(200);
    for id in ["one", "two", "three"] {
        let _ = server.api().submit(&event("clicked", id)).expect(200);
    }
    let list = bin.requests("?event=clicked&count=3&verified=yes&wait=30s").expect(200).json();
    assert_eq!((&list["count"], &list["verified"]), (&3.into(), &3.into()));
    let posts = receiver.wait_for(3);
    for item in list["items"].as_array().expect("items") {
        assert_eq!(item["signatures"]["standard_webhooks"]["verified"], true, "{item}");
        let data = item["body"].as_str().and_then(|body| body.split_once("\"event-data\":")).expect("data").1;
        let data = data.strip_suffix('}').expect("a brace").as_bytes();
        assert!(posts.iter().any(|post| post.event_data() == data), "{item}: as the receiver has it");
        assert!(item["latency"].as_i64().is_some_and(|latency| latency < 30_000), "{item}");
    }
}

#[test]
fn an_altered_body_is_not_verified_although_mailguns_signature_is_good() {
    let server = Server::start();
    let bin = Bin::make(&server, "");
    let _ = server.api().subscribe("clicked", std::slice::from_ref(&bin.url)).expect(200);
    let _ = server.api().submit(&event("clicked", "one")).expect(200);
    let original = bin.once(1).remove(0);
    let body = original["body"].as_str().expect("a body");
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers = names.map(|name| (name, header(&original, name)));

    let _ = bin.send(&headers, body.as_bytes()).expect(200);
    let _ = bin.send(&headers, body.replace("alice", "mallory").as_bytes()).expect(200);
    let _ = bin.send(&[], body.as_bytes()).expect(200);

    let requests = bin.once(4);
    let [without, altered, repeated, first] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!([&first["verified"], &repeated["verified"]], [&true, &true]);
    assert_eq!((&repeated["attempt"], &altered["attempt"]), (&2.into(), &3.into()));
    for (forged, why) in [(altered, "altered"), (without, "no webhook-signature header")] {
        let signatures = &forged["signatures"];
        assert_eq!((&forged["verified"], &signatures["mailgun"]["verified"]), (&false.into(), &true.into()));
        let told = signatures["standard_webhooks"]["why"].as_str().expect("a reason");
        assert!(told.contains(why), "{told}");
    }
    let wrong = body.replacen("\"token\":\"", "\"token\":\"f", 1);
    let _ = bin.send(&headers, wrong.as_bytes()).expect(200);
    let why = bin.once(5)[0]["signatures"]["mailgun"]["why"].as_str().expect("a reason").to_owned();
    assert!(why.contains("not of this signing key"), "{why}");
}

#[test]
fn scripted_answers_make_the_attempts_that_they_ask_for() {
    let server = Server::start();
    let bin = Bin::make(&server, "500, reset, 200");
    let _ = server.api().subscribe("opened", std::slice::from_ref(&bin.url)).expect(200);
    let _ = server.api().submit(&event("opened", "one")).expect(200);
    let requests = bin.once(3);
    let told = |name: &str| requests.iter().rev().map(|request| request[name].clone()).collect::<Vec<_>>();
    assert_eq!(told("attempt"), [1, 2, 3]);
    assert_eq!(told("answer"), ["500", "reset", "200"]);
    assert_eq!(told("verified"), [true, true, true], "each attempt is signed anew");
    assert_eq!(bin.requests("?count=4&wait=400ms").status, 417, "and no more");
}

#[test]
fn a_legacy_webhook_is_understood_too() {
    let server = Server::start();
    let bin = Bin::make(&server, "");
    let _ =
        server.api().urlencoded("PUT", &format!("/v3/domains/{DOMAIN}"), &[("legacy", "yes")]).expect(200);
    for kind in ["click", "drop"] {
        let _ = server.api().subscribe(kind, std::slice::from_ref(&bin.url)).expect(200);
    }
    let _ = server.api().submit(&event("clicked", "one")).expect(200);
    let dropped = r#"{"event":"failed","severity":"permanent","reason":"suppress-bounce","id":"two","recipient":"bob@example.net"}"#;
    let _ = server.api().submit(dropped).expect(200);
    for item in bin.once(2) {
        assert_eq!(item["verified"], true, "{item}");
        assert!(
            item["recipient"].as_str().is_some_and(|recipient| recipient.ends_with("@example.net")),
            "{item}"
        );
    }
}

#[test]
fn nothing_else_of_the_servers_own_listener_is_reached_and_no_bin_of_another_server() {
    let (server, other) = (Server::start(), Server::with(&[("egress.allow", "")]));
    let bin = Bin::make(&server, "");
    let save = |server: &Server, url: &str| server.api().subscribe("clicked", &[url.to_owned()]);
    for url in [
        server.url("/v3/domains"),
        server.url("/healthz"),
        bin.page.clone(),
        format!("{}/requests", bin.page),
        format!("{}/in/more", bin.page),
        bin.url.replace("/bins/", "/bins/../bins/x/"),
        bin.url.replace("127.0.0.1", "127.0.0.1.").replace("/in", "/answers"),
        bin.url.replace("http://", "http://user:password@"),
    ] {
        let refused = save(&server, &url).expect(400).text();
        assert!(
            refused.contains("this server's own") || refused.contains("no such request bin"),
            "{url}: {refused}"
        );
    }
    let gone = bin.url.replace(&bin.id, "AAAAAAAAAAAAAAAAAAAAAA");
    assert!(save(&server, &gone).expect(400).text().contains("no such request bin"));
    let foreign = save(&other, &bin.url).expect(400).text();
    assert!(foreign.contains("127.0.0.1"), "{foreign}");
    let own = Bin::make(&other, "");
    let _ = save(&other, &own.url).expect(200);
    let _ = other.api().submit(&event("clicked", "one")).expect(200);
    assert_eq!(own.once(1)[0]["verified"], true, "whatever the egress guard allows");
    let tested = other.api().multipart("PUT", &webhooks("/clicked/test"), &[("url", &own.url)]).expect(200);
    assert!(tested.text().contains("answered 200"));
}

#[test]
fn a_public_url_is_what_a_bin_is_known_by() {
    let server = Server::with(&[("server.public_url", "https://events.example.com/x")]);
    let made = server.api().urlencoded("POST", "/bins", &[("domain", DOMAIN)]).expect(200).json();
    let url = made["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("https://events.example.com/x/bins/"), "{url}");
    let _ = server.api().subscribe("clicked", &[url]).expect(200);
    let _ = server.api().submit(&event("clicked", "one")).expect(200);
    let bin = Bin::at(&server.url(&format!("/bins/{}", made["id"].as_str().expect("an id"))));
    assert_eq!(bin.once(1)[0]["verified"], true, "no name was looked up for it");
}

/// A raw request to a bin; what comes back, and how that ends.
fn raw(bin: &Bin) -> (Vec<u8>, std::io::Result<usize>, Duration) {
    let authority = bin.url.trim_start_matches("http://").split('/').next().expect("an authority");
    let mut stream = TcpStream::connect(authority).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let path = format!("/bins/{}/in", bin.id);
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    );
    stream.write_all(request.as_bytes()).expect("written");
    let (started, mut read) = (Instant::now(), Vec::new());
    let end = stream.read_to_end(&mut read);
    (read, end, started.elapsed())
}

#[test]
fn faults_are_seen_by_whoever_comes_over_a_connection() {
    let server = Server::start();
    let bin = Bin::make(&server, "reset, 204 delay=300ms, 200 drip=400ms, 410");
    let (read, end, _) = raw(&bin);
    assert!(read.is_empty() && end.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset));
    let (read, _, took) = raw(&bin);
    assert!(read.starts_with(b"HTTP/1.1 204") && took >= Duration::from_millis(300), "{took:?}");
    let (read, _, took) = raw(&bin);
    assert!(read.starts_with(b"HTTP/1.1 200") && took >= Duration::from_millis(390), "{took:?}");
    assert!(raw(&bin).0.starts_with(b"HTTP/1.1 410"));
    assert!(raw(&bin).0.starts_with(b"HTTP/1.1 200"));
    assert_eq!(bin.once(5).len(), 5, "the reset one, too");
}

#[test]
fn a_bin_and_what_it_kept_are_there_after_a_kill_and_gone_with_their_domain() {
    let mut server = Server::start();
    let bin = Bin::make(&server, "500*");
    assert_eq!(bin.send(&[], b"kept").status, 500);
    server.kill9();
    server.restart();
    let again = Bin::at(&server.url(&format!("/bins/{}", bin.id)));
    assert_eq!(again.once(1)[0]["body"], "kept");
    assert_eq!(again.send(&[], b"more").status, 500);
    let _ = server.api().delete(&format!("/v3/domains/{DOMAIN}")).expect(200);
    assert_eq!(again.requests("").status, 404);
    assert_eq!(again.send(&[], b"late").status, 406);
}

#[test]
fn pages_that_listen_do_not_keep_a_server_from_stopping() {
    let mut server = Server::start();
    let bin = Bin::make(&server, "200 delay=60s");
    let (page, slow) = (bin.page.clone(), Bin::at(&bin.page));
    let streams: Vec<_> = (0..3)
        .map(|_| {
            let page = page.clone();
            std::thread::spawn(move || Api::anonymous(&page).get("/stream").text())
        })
        .collect();
    let late = std::thread::spawn(move || slow.send(&[], b"x").status);
    let _ = bin.once(1);
    let started = Instant::now();
    assert!(server.sigterm().success());
    assert!(started.elapsed() < Duration::from_secs(7), "half of the drain deadline");
    for stream in streams {
        assert!(stream.join().expect("a stream that ends").starts_with("retry: 1000"));
    }
    assert_eq!(late.join().expect("an answer"), 200);
}

#[test]
fn dev_opens_a_bin_that_shows_the_demonstration() {
    let server = Server::dev(&[], &[]);
    let said = server.printed("Its page shows what arrives: ", 1).remove(0);
    let bin = Bin::at(said.rsplit(' ').next().expect("an address"));
    let list = bin.requests("?count=8&verified=yes&wait=30s").expect(200).json();
    assert_eq!((&list["count"], &list["verified"]), (&8.into(), &8.into()));
    assert!(Api::anonymous(&bin.page).get("").expect(200).text().contains("permanent_fail"));
}
