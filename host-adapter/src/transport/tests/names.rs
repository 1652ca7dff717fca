//! Names whose owner means harm: whatever they resolve to, nothing that is denied is connected to.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::transport::resolve::{Found, ResolveError};

const TRAP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8));

/// At saving, at a test call and at an attempt: nothing but a denial, and no connection.
async fn is_denied(rules: EgressRules, answer: fn(&str) -> Found) {
    let trap = Receiver::start(|_| Reply::text(OK)).await;
    let config = ClientConfig { guard: Guard::new(rules), ..config() };
    let client = Client::new(config).unwrap().answered_by(answer);
    let url = format!("http://rebinding.example:{}/", trap.address.port());
    let url = Url::parse(&url).unwrap();
    assert!(client.check_endpoint(&url).await.is_err());
    for answer in [client.test(&url, &[], &payload()).await, client.post(&url, &[], &payload()).await] {
        assert_eq!(answer.outcome, retry(Fault::Egress), "{}", answer.detail);
    }
    assert_eq!(trap.accepted(), 0);
}

#[tokio::test]
async fn one_denied_address_among_public_ones_denies_the_name() {
    is_denied(EgressRules::default(), |_| Ok(vec![PUBLIC, TRAP])).await;
    is_denied(EgressRules::default(), |_| Ok(vec![TRAP, PUBLIC])).await;
}

#[tokio::test]
async fn every_disguise_of_loopback_is_denied() {
    for nat64 in [false, true] {
        let rules = || EgressRules { nat64, ..EgressRules::default() };
        is_denied(rules(), |_| Ok(vec!["::ffff:127.0.0.1".parse().unwrap()])).await;
        is_denied(rules(), |_| Ok(vec!["::127.0.0.1".parse().unwrap()])).await;
        is_denied(rules(), |_| Ok(vec!["64:ff9b::127.0.0.1".parse().unwrap()])).await;
        is_denied(rules(), |_| Ok(vec!["2002:7f00:1::".parse().unwrap()])).await;
        is_denied(rules(), |_| Ok(vec!["2001:0:7f00:1::".parse().unwrap()])).await;
        is_denied(rules(), |_| Ok(vec!["::".parse().unwrap()])).await;
        is_denied(rules(), |_| Ok(vec!["0.0.0.0".parse().unwrap()])).await;
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_denied_and_one_that_does_not_resolve_is_no_connection() {
    is_denied(EgressRules::default(), |_| Ok(vec![])).await;
    let client = Client::new(config()).unwrap().answered_by(|_| Err(ResolveError::Unknown));
    assert_eq!(post(&client, "http://looping.example/").await.outcome, retry(Fault::Dns));
}

#[tokio::test]
async fn a_name_that_was_public_when_it_was_saved_is_judged_again_at_the_attempt() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let trap = Receiver::start(|_| Reply::text(OK)).await;
    let guard = Guard::new(EgressRules::default());
    // Public for whoever looks first, loopback for everybody after.
    let client = Client::new(ClientConfig { guard, ..config() })
        .unwrap()
        .answered_by(|_| Ok(vec![if ASKED.fetch_add(1, Ordering::SeqCst) == 0 { PUBLIC } else { TRAP }]));
    let url = format!("http://rebinding.example:{}/", trap.address.port());
    assert_eq!(client.check_endpoint(&Url::parse(&url).unwrap()).await, Ok(()));
    assert_eq!(post(&client, &url).await.outcome, retry(Fault::Egress));
    assert_eq!((trap.accepted(), ASKED.load(Ordering::SeqCst)), (0, 2));
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_vetted() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let receiver = Receiver::start(|_| Reply::text(OK)).await;
    // Were the name resolved once more for the connection, it would lead elsewhere.
    let client = Client::new(config())
        .unwrap()
        .answered_by(|_| Ok(vec![if ASKED.fetch_add(1, Ordering::SeqCst) == 0 { TRAP } else { PUBLIC }]));
    let url = format!("http://receiver.example:{}/", receiver.address.port());
    assert_eq!(post(&client, &url).await.outcome, Outcome::Acknowledged);
    assert_eq!((receiver.accepted(), ASKED.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_redirect_of_any_code_leads_nowhere() {
    for status in 300..=308 {
        let trap = Receiver::start(|_| Reply::text(OK)).await;
        let location = trap.url("/");
        let text = format!("HTTP/1.1 {status} There\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        let answer = answer_to(Reply::text(&text)).await;
        assert_eq!(answer.outcome, retry(Fault::Status(status)));
        assert!(answer.detail.contains("redirects are not followed"), "{}", answer.detail);
        assert_eq!(trap.accepted(), 0, "{status}");
    }
}
