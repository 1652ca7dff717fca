//! What can be seen from outside, in numbers: counted where it happens, looked up when somebody asks.
//!
//! The text is OpenMetrics, which Prometheus reads. Every label has few values whatever strangers send: routes are
//! those of the router, statuses those that it answers, and of up to a million endpoints a hundred are
//! named. No label holds a path or a query of a URL, which may be secret.

mod figures;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use sealpost_core::{Fault, Outcome};

use self::figures::Figures;
use crate::storage::Store;

/// The media type of [`Metrics::render`]'s text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counters since the server was started. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    answers: Family<AnswerLabels, Counter>,
    submitted: Family<SubmittedLabels, Counter>,
    attempts: Family<AttemptLabels, Counter>,
    attempt_seconds: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SubmittedLabels {
    answer: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    outcome: &'static str,
    fault: &'static str,
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            answers: Family::default(),
            submitted: Family::default(),
            attempts: Family::default(),
            // From a neighbour's 1 ms to the longest deadline that anyone should set.
            attempt_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
        }
    }
}

impl Metrics {
    /// A request was answered. `route` is the path of a route as the router has it, and `None` for whatever is none.
    pub fn answered(&self, method: &str, route: Option<&str>, status: u16) {
        const METHODS: [&str; 5] = ["GET", "HEAD", "POST", "PUT", "DELETE"];
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        let route = route.unwrap_or("none").to_owned();
        self.0.answers.get_or_create(&AnswerLabels { method, route, status }).inc();
    }

    /// A submission was answered: so many of its events are stored, were stored before, or are refused.
    pub fn submitted(&self, stored: usize, duplicates: usize, refused: usize) {
        for (answer, events) in [("stored", stored), ("duplicate", duplicates), ("refused", refused)] {
            self.0.submitted.get_or_create(&SubmittedLabels { answer }).inc_by(events as u64);
        }
    }

    /// An attempt has ended.
    pub fn attempted(&self, outcome: Outcome, took: Duration) {
        let (outcome, fault) = match outcome {
            Outcome::Acknowledged => ("acknowledged", "none"),
            Outcome::Refused { .. } => ("refused", "status"),
            Outcome::Retry { fault, .. } => ("retry", fault_name(fault)),
        };
        self.0.attempts.get_or_create(&AttemptLabels { outcome, fault }).inc();
        self.0.attempt_seconds.observe(took.as_secs_f64());
    }

    /// Everything that is counted, and how it stands with the store and its endpoints, as OpenMetrics text. Looks at
    /// every endpoint.
    ///
    /// # Errors
    /// Memory has run out.
    pub async fn render(&self, store: &Store) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("sealpost");
        let Counted { answers, submitted, attempts, attempt_seconds } = &*self.0;
        registry.register("answers", "Answers of the API by route", answers.clone());
        registry.register("submitted_events", "Events submitted, by what became of them", submitted.clone());
        registry.register("attempts", "Attempts that have ended, by outcome", attempts.clone());
        let help = "How long attempts took";
        registry.register_with_unit("attempt", help, Unit::Seconds, attempt_seconds.clone());
        let commits = store.commits();
        registry.register("commit_rows", "Rows written by one commit", commits.rows);
        let help = "How long the writing and syncing of one commit took";
        registry.register_with_unit("commit", help, Unit::Seconds, commits.seconds);
        registry.register_collector(Box::new(Figures::of(store).await));
        let mut text = String::with_capacity(16 * 1024);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Status(_) => "status",
        Fault::Timeout => "timeout",
        Fault::Dns => "dns",
        Fault::Egress => "egress",
        Fault::Connect => "connect",
        Fault::Tls => "tls",
        Fault::Closed => "closed",
        Fault::Protocol => "protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Settings;

    async fn rendered(metrics: &Metrics) -> String {
        let (store, _inboxes) = Store::in_memory(&Settings::default());
        metrics.render(&store).await.expect("text")
    }

    #[tokio::test]
    async fn what_was_counted_is_told_once() {
        let metrics = Metrics::default();
        metrics.answered("POST", Some("/v3/{domain}/events"), 200);
        metrics.answered("POST", Some("/v3/{domain}/events"), 200);
        metrics.submitted(3, 1, 0);
        metrics.attempted(Outcome::retry(Fault::Tls), Duration::from_millis(30));
        let text = rendered(&metrics).await;
        for line in [
            "sealpost_answers_total{method=\"POST\",route=\"/v3/{domain}/events\",status=\"200\"} 2",
            "sealpost_submitted_events_total{answer=\"stored\"} 3",
            "sealpost_submitted_events_total{answer=\"refused\"} 0",
            "sealpost_attempts_total{outcome=\"retry\",fault=\"tls\"} 1",
            "sealpost_attempt_seconds_bucket{le=\"0.032\"} 1",
            "sealpost_attempt_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn strangers_make_no_series() {
        let metrics = Metrics::default();
        for number in 0..1000 {
            metrics.answered(&format!("X{number}"), None, 404);
        }
        let text = rendered(&metrics).await;
        let series = text.lines().filter(|line| line.starts_with("sealpost_answers_total{")).count();
        assert_eq!(series, 1, "{text}");
    }
}
