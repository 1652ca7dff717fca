//! Posts batches to a server, again where a repeat can help.

use std::io::Read as _;
use std::thread::sleep;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::super::access::{WRONG_KEY, agent, message};
use super::super::key;
use crate::config::DomainName;
use crate::secrets::Secret;

/// How often a batch is posted before it is given up.
const TRIES: u32 = 8;
/// The first wait between two tries; each next one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait between two tries, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Time for one try.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const MAX_ANSWER: u64 = 16 << 20;

/// A client of one server and domain.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: String,
}

/// What the server says of one event that it has stored.
#[derive(Deserialize)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) deliveries: u64,
    #[serde(default)]
    pub(super) duplicate: bool,
}

/// Why a batch was not stored.
pub(super) enum Refusal {
    /// The server names events that are wrong; nothing of the batch was stored.
    Items { message: String, errors: Vec<ItemError> },
    /// Nothing to be learned about single events.
    Whole(String),
}

/// What is wrong with one event of a batch.
#[derive(Deserialize)]
pub(super) struct ItemError {
    /// Its place in the batch, from 0.
    pub(super) index: u64,
    #[serde(default)]
    pub(super) field: Option<String>,
    pub(super) reason: String,
}

/// How one try ended, when not with the events stored.
enum Ended {
    /// A repeat may help, after this wait if the server says so.
    Again(String, Option<Duration>),
    Refused(Refusal),
}

impl Client {
    pub(super) fn new(server: &Url, key: &Secret, domain: &DomainName) -> Self {
        Self {
            agent: agent(TIMEOUT),
            url: format!("{}/v3/{domain}/events", server.as_str().trim_end_matches('/')),
            authorization: key::basic(key),
        }
    }

    /// Posts NDJSON until it is stored or refused, at most [`TRIES`] times. Every line has an id, so a
    /// batch that was stored although its answer was lost is not stored twice.
    ///
    /// `notice` is told before each wait.
    pub(super) fn post(&self, batch: &[u8], notice: impl Fn(&str)) -> Result<Vec<Stored>, Refusal> {
        let mut wait = FIRST_WAIT;
        for again in 1..=TRIES {
            let (why, asked) = match self.try_once(batch) {
                Ok(stored) => return Ok(stored),
                Err(Ended::Refused(refusal)) => return Err(refusal),
                Err(Ended::Again(why, asked)) => (why, asked),
            };
            if again == TRIES {
                return Err(Refusal::Whole(format!("{why} (given up after {TRIES} tries)")));
            }
            let pause = asked.unwrap_or(wait).min(LONGEST_WAIT);
            notice(&format!("{why}; next try in {:.1} s", pause.as_secs_f32()));
            sleep(pause);
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(Refusal::Whole("not tried".to_owned()))
    }

    fn try_once(&self, batch: &[u8]) -> Result<Vec<Stored>, Ended> {
        let sent = self
            .agent
            .post(&self.url)
            .header("Authorization", &self.authorization)
            .header("Content-Type", "application/x-ndjson")
            .send(batch);
        let mut response = sent.map_err(|error| Ended::Again(format!("{}: {error}", self.url), None))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("Retry-After").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let mut body = Vec::new();
        let read = response.body_mut().as_reader().take(MAX_ANSWER).read_to_end(&mut body);
        match status {
            200 => {
                read.map_err(|error| Ended::Again(format!("the answer was cut off: {error}"), None))?;
                stored(&body).ok_or_else(|| Ended::Refused(unexpected("200 with a body of another kind")))
            }
            429 | 502 | 503 | 504 => Err(Ended::Again(format!("{status}: {}", message(&body)), retry_after)),
            _ => Err(Ended::Refused(refusal(status, &body))),
        }
    }
}

fn stored(body: &[u8]) -> Option<Vec<Stored>> {
    #[derive(Deserialize)]
    struct Answer {
        items: Vec<Stored>,
    }
    serde_json::from_slice::<Answer>(body).ok().map(|answer| answer.items)
}

fn refusal(status: u16, body: &[u8]) -> Refusal {
    #[derive(Deserialize)]
    struct Answer {
        message: String,
        #[serde(default)]
        errors: Vec<ItemError>,
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(Answer { message, errors }) if !errors.is_empty() => Refusal::Items { message, errors },
        _ if status == 401 => Refusal::Whole(WRONG_KEY.to_owned()),
        _ => Refusal::Whole(format!("{status}: {}", message(body))),
    }
}

fn unexpected(what: &str) -> Refusal {
    Refusal::Whole(format!("the server answered {what}; is it Sealpost?"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const STORED: &str = r#"{"items":[{"id":"e1","timestamp":1.5,"deliveries":3,"duplicate":false}]}"#;

    /// A server that answers its connections with these heads and bodies, one each; its address.
    fn server(answers: Vec<(&'static str, &'static str)>) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        thread::spawn(move || {
            for (head, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"}\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.extend(byte);
                }
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        url
    }

    fn post(server: &Url) -> (Result<Vec<Stored>, Refusal>, u32) {
        let domain = DomainName::parse("example.com").unwrap();
        let client = Client::new(server, &Secret::new("key-1"), &domain);
        let waits = Cell::new(0);
        (client.post(b"{}\n", |_| waits.set(waits.get() + 1)), waits.get())
    }

    #[test]
    fn a_busy_server_is_asked_again_when_it_says() {
        let busy = ("503 Service Unavailable\r\nRetry-After: 0", r#"{"message":"full"}"#);
        let (stored, waits) = post(&server(vec![busy, busy, ("200 OK", STORED)]));
        let stored = stored.unwrap_or_default();
        assert_eq!((stored.len(), stored[0].deliveries, waits), (1, 3, 2));
    }

    #[test]
    fn a_lost_answer_is_asked_for_again() {
        let cut = ("200 OK\r\nX: y\r\nContent-Length: 500", STORED);
        let (stored, waits) = post(&server(vec![cut, ("200 OK", STORED)]));
        assert_eq!((stored.map_or(0, |stored| stored.len()), waits), (1, 1));
    }

    #[test]
    fn a_busy_server_is_given_up_after_eight_tries() {
        let busy = ("429 Too Many Requests\r\nRetry-After: 0", r#"{"message":"full"}"#);
        let (stored, waits) = post(&server(vec![busy; 8]));
        let Err(Refusal::Whole(why)) = stored else { panic!("a refusal of the whole batch") };
        assert_eq!((why.as_str(), waits), ("429: full (given up after 8 tries)", 7));
    }

    #[test]
    fn events_at_fault_are_told_one_by_one() {
        let body = r#"{"message":"wrong","errors":[{"index":2,"field":"timestamp","reason":"too old"}]}"#;
        let (stored, waits) = post(&server(vec![("400 Bad Request", body)]));
        let Err(Refusal::Items { errors, .. }) = stored else { panic!("a refusal of items") };
        assert_eq!((errors.len(), errors[0].index, waits), (1, 2, 0));
    }

    #[test]
    fn the_wrong_key_is_not_tried_again() {
        let (stored, waits) = post(&server(vec![("401 Unauthorized", "Forbidden")]));
        let Err(Refusal::Whole(why)) = stored else { panic!("a refusal of the whole batch") };
        assert!(why.starts_with("401: the API key is wrong") && waits == 0, "{why}");
    }
}
