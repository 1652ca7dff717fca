//! The main job, shown once: eight webhooks, one event of each type, every delivery as it arrives.

use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use sealpost_core::WebhookKind;
use sealpost_core::host::Clock as _;
use sealpost_core::sign::SigningKey;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::key;
use super::receiver::{self, Arrival};
use crate::bins::Bins;
use crate::clock::SystemClock;
use crate::entropy;
use crate::samples;
use crate::secrets::Secret;
use crate::storage::{Bin, Script};

/// The domain of the demonstration.
const DEMO: &str = "demo.example.com";
/// Where the receiver gets its deliveries.
pub(super) const PATH: &str = "/demo";
/// How long the demonstration waits for its deliveries before it goes on without them.
const PATIENCE: Duration = Duration::from_secs(10);

/// The server to show, from the point of view of its user.
pub(super) struct Demo {
    pub(super) server: SocketAddr,
    pub(super) bins: Bins,
    pub(super) api_key: Secret,
    pub(super) signing_key: Secret,
    /// What the receiver answers to deliveries that are not the demonstration's.
    pub(super) answers: Vec<StatusCode>,
}

impl Demo {
    /// Runs the demonstration, then prints deliveries as long as the program runs.
    pub(super) async fn run(self, listener: TcpListener) {
        if let Err(why) = self.show(listener).await {
            eprintln!("sealpost: the demonstration failed: {why}");
        }
    }

    async fn show(mut self, listener: TcpListener) -> Result<(), String> {
        let hook = listener.local_addr().map_err(|error| error.to_string())?;
        let hook = format!("http://{hook}");
        let key = SigningKey::new(self.signing_key.expose().as_bytes()).map_err(|error| error.to_string())?;
        let mut arrivals = receiver::serve(listener, key, std::mem::take(&mut self.answers));
        say(&format!("API key      {}\nsigning key  {}\n", self.api_key.expose(), self.signing_key.expose()));
        say(&format!("One event of each type goes to {DEMO}, whose webhooks all point to {hook}{PATH}"));
        let bin = self.bin().await?;
        say(&format!(
            "They go to a request bin as well. Its page shows what arrives: {}",
            self.bins.page(&bin)
        ));
        let (hints, bin) = (self.hints(&hook), self.bins.url(&bin));
        let submitted = tokio::task::spawn_blocking(move || self.submit(&[&format!("{hook}{PATH}"), &bin]));
        submitted.await.map_err(|error| error.to_string())??;
        // Until they are all there, or nothing more comes.
        let _ = timeout(PATIENCE, print(&mut arrivals, WebhookKind::ALL.len())).await;
        say(&hints);
        print(&mut arrivals, usize::MAX).await;
        Ok(())
    }

    /// A bin of nobody, so that its page is good for whoever has no key: that of an earlier run, or a new one.
    async fn bin(&self) -> Result<Arc<Bin>, String> {
        if let Some(bin) = self.bins.all().into_iter().find(|bin| bin.domain.is_none()) {
            return Ok(bin);
        }
        self.bins.open(None, None, Script::default()).await.map_err(|error| error.to_string())
    }

    /// Sets the eight webhooks of the demo domain to these URLs and sends the events, as any program would: by HTTP.
    fn submit(&self, urls: &[&str]) -> Result<(), String> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        let authorization = key::basic(&self.api_key);
        let webhooks = format!("http://{}/v3/domains/{DEMO}/webhooks", self.server);
        for kind in WebhookKind::ALL {
            let create = agent.post(&webhooks).header("Authorization", &authorization);
            let urls = || urls.iter().map(|url| ("url", *url));
            let created = create.send_form([("id", kind.as_str())].into_iter().chain(urls()));
            if created.map_err(|error| error.to_string())?.status() == 400 {
                // It is there already, with the port of an earlier run.
                let update = agent.put(format!("{webhooks}/{kind}")).header("Authorization", &authorization);
                expect_200(update.send_form(urls()))?;
            }
        }
        let now = SystemClock::new().unix();
        let events: String = WebhookKind::ALL
            .map(|kind| {
                let event = samples::of(kind).trim_start_matches('{');
                format!("{{\"id\":\"{}\",{event}\n", entropy::event_id(now))
            })
            .concat();
        let post = agent.post(format!("http://{}/v3/{DEMO}/events", self.server));
        let post =
            post.header("Authorization", &authorization).header("Content-Type", "application/x-ndjson");
        expect_200(post.send(events))
    }

    /// What to try next.
    fn hints(&self, hook: &str) -> String {
        let (server, key) = (format!("http://{}", self.server), self.api_key.expose());
        // As it was called: it need not lie in the shell's path.
        let sealpost = std::env::args().next().unwrap_or_else(|| "sealpost".to_owned());
        format!(
            r#"
Now it is your turn. The domain example.com has no webhooks yet:

  curl -s --user 'api:{key}' {server}/v3/domains/example.com/webhooks -F id=clicked -F url={hook}/mine
  curl -s --user 'api:{key}' {server}/v3/example.com/events -H 'Content-Type: application/json' -d '{{"event":"clicked","recipient":"alice@example.net","url":"https://example.com/"}}'
  curl -s --user 'api:{key}' '{server}/v3/example.com/events?event=clicked&pretty=yes'
  SEALPOST_API_KEY={key} {sealpost} send --server {server} sample:clicked

Deliveries to {hook}/ are printed here. Ctrl-C ends the server.
"#
        )
    }
}

fn expect_200(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(), String> {
    let mut answer = answer.map_err(|error| error.to_string())?;
    match answer.status().as_u16() {
        200 => Ok(()),
        status => Err(format!("{status}: {}", answer.body_mut().read_to_string().unwrap_or_default())),
    }
}

/// Prints this many deliveries.
async fn print(arrivals: &mut mpsc::Receiver<Arrival>, count: usize) {
    for _ in 0..count {
        let Some(Arrival { path, answer, kind, id, fault }) = arrivals.recv().await else { return };
        let verdict = fault.map_or_else(|| "signature valid".to_owned(), |why| format!("NOT VALID: {why}"));
        let answered = if answer == StatusCode::OK { String::new() } else { format!(", answered {answer}") };
        say(&format!("received {kind:<14} id {id:<23} at {path:<6} {verdict}{answered}"));
    }
}

/// Prints, whether or not anyone reads it.
fn say(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}
