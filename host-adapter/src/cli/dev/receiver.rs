//! The receiver of `sealpost dev`: verifies what arrives as an application would, answers as it is told, and tells
//! the demo.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, Uri};
use sealpost_core::host::Clock as _;
use sealpost_core::json::Text;
use sealpost_core::sign::{self, DEFAULT_WINDOW, ReplayGuard, SigningKey};
use sealpost_core::{EventKind, RawJson, Severity, WebhookKind, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::demo;
use crate::clock::SystemClock;

/// More than the largest payload that the server can be configured to send.
const MAX_BODY: usize = 8 << 20;
/// Deliveries that may wait to be printed; a receiver that is faster than the terminal answers later.
const UNREAD: usize = 64;

/// A listener on a free port of this machine.
pub(super) async fn listen() -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
}

/// What has arrived.
pub(super) struct Arrival {
    pub(super) path: String,
    /// The status code of the answer.
    pub(super) answer: StatusCode,
    /// The name of the webhook, or of the event where there is none.
    pub(super) kind: String,
    pub(super) id: String,
    /// Why the payload is not valid, if it is not.
    pub(super) fault: Option<String>,
}

/// Answers POSTs in the background: 406 where the signature is not valid. Valid ones get these answers in turn,
/// unless they come to the demonstration's path, and 200 when all have been given.
pub(super) fn serve(
    listener: TcpListener,
    key: SigningKey,
    answers: Vec<StatusCode>,
) -> mpsc::Receiver<Arrival> {
    let (arrived, arrivals) = mpsc::channel(UNREAD);
    let answers = Mutex::new(answers.into_iter());
    let receiver = Arc::new(Receiver { key, clock: SystemClock::new(), answers, arrived });
    let router = Router::new().fallback(receive).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(receiver);
    tokio::spawn(async move { axum::serve(listener, router).await });
    arrivals
}

struct Receiver {
    key: SigningKey,
    clock: SystemClock,
    answers: Mutex<std::vec::IntoIter<StatusCode>>,
    arrived: mpsc::Sender<Arrival>,
}

async fn receive(State(receiver): State<Arc<Receiver>>, uri: Uri, body: Bytes) -> StatusCode {
    let arrival = receiver.judge(uri.path(), &body);
    let answer = arrival.answer;
    // Nobody listens once the program ends.
    let _ = receiver.arrived.send(arrival).await;
    answer
}

impl Receiver {
    fn judge(&self, path: &str, body: &[u8]) -> Arrival {
        // Nothing is remembered: a delivery that is made twice shall be seen twice.
        let mut guard = ReplayGuard::<1>::new();
        let verified = sign::verify(body, &self.key, self.clock.unix(), DEFAULT_WINDOW, &mut guard);
        let event = json::check(body).ok().and_then(|payload| payload.member("event-data"));
        let word = |name| event?.member(name).and_then(RawJson::as_text).and_then(Text::as_plain);
        let severity = word("severity").and_then(Severity::parse);
        let webhook = word("event").and_then(EventKind::parse).and_then(|event| event.webhook(severity));
        let kind = webhook.map(WebhookKind::as_str).or_else(|| word("event"));
        let text = |word: Option<&str>| word.unwrap_or("(none)").to_owned();
        let fault = verified.err().map(|why| why.to_string());
        let answer = if fault.is_some() { StatusCode::NOT_ACCEPTABLE } else { self.answer(path) };
        Arrival { path: path.to_owned(), answer, kind: text(kind), id: text(word("id")), fault }
    }

    fn answer(&self, path: &str) -> StatusCode {
        if path == demo::PATH {
            return StatusCode::OK;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.next().unwrap_or(StatusCode::OK)
    }
}

#[cfg(test)]
mod tests {
    use sealpost_core::{Payload, Token};

    use super::*;

    #[test]
    fn an_arrival_says_whether_the_signature_is_valid() {
        let key = SigningKey::new(b"key-1").unwrap();
        let clock = SystemClock::new();
        let block = key.sign(clock.unix(), Token::from_entropy([7; 25]));
        let payload =
            Payload::new(&block, br#"{"event":"failed","severity":"permanent","id":"e1"}"#).chunks().concat();
        let judge = |key: &[u8]| {
            let (arrived, _) = mpsc::channel(1);
            let key = SigningKey::new(key).unwrap();
            let answers = Mutex::new(vec![StatusCode::GONE].into_iter());
            Receiver { key, clock, answers, arrived }.judge("/hook", &payload)
        };

        let (right, wrong) = (judge(b"key-1"), judge(b"key-2"));

        assert_eq!((right.kind.as_str(), right.id.as_str(), right.fault), ("permanent_fail", "e1", None));
        assert!(wrong.fault.is_some_and(|why| why.contains("not of this signing key")));
        assert_eq!((right.answer, wrong.answer), (StatusCode::GONE, StatusCode::NOT_ACCEPTABLE));
    }
}
