//! How it stands with the store and its endpoints at the moment of asking.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use sealpost_core::{Health, Url};

use crate::clock::steady_millis;
use crate::storage::{Accounting, Endpoint, OldestDue, Store};

/// Endpoints that have series of their own: half of them for those that are not up, the one with the most pending
/// deliveries first, and half for the busiest of the others.
pub(super) const SHOWN: usize = 100;

/// How it stands.
#[derive(Debug)]
pub(super) struct Figures {
    accounting: Accounting,
    events: u64,
    /// Seconds since the oldest due delivery was due, of endpoints that are up and of the others.
    overdue: Option<[f64; 2]>,
    free_disk: Option<u64>,
    in_flight: u64,
    /// Endpoints that are up, suspect and down.
    states: [u64; 3],
    shown: Vec<Shown>,
}

/// An endpoint that has series of its own.
#[derive(Debug)]
struct Shown {
    labels: Labels,
    state: &'static str,
    pending: u64,
    in_flight: u32,
    attempts: [(&'static str, u64); 3],
}

type Labels = Vec<(&'static str, String)>;

const STATES: [&str; 3] = ["up", "suspect", "down"];

impl Figures {
    pub(super) async fn of(store: &Store) -> Self {
        let now = steady_millis();
        // Where the store cannot say, the series is missing, which is how a scraper tells it from zero.
        let oldest = store.oldest_due().await.ok();
        let looking = store.clone();
        let endpoints =
            tokio::task::spawn_blocking(move || Endpoints::of(&looking)).await.unwrap_or_default();
        Self {
            accounting: store.accounting(),
            events: store.snapshot(),
            overdue: oldest.map(|OldestDue { up, others }| [up, others].map(|due| overdue(due, now))),
            free_disk: store.free_disk(),
            in_flight: endpoints.in_flight,
            states: endpoints.states,
            shown: endpoints.shown.iter().map(|endpoint| Shown::of(endpoint)).collect(),
        }
    }
}

/// Seconds since this millisecond of the steady clock.
fn overdue(due: Option<i64>, now: i64) -> f64 {
    due.map_or(0.0, |due| now.saturating_sub(due).max(0) as f64 / 1000.0)
}

/// What a walk over all endpoints finds.
#[derive(Default)]
struct Endpoints {
    in_flight: u64,
    states: [u64; 3],
    shown: Vec<Arc<Endpoint>>,
}

impl Endpoints {
    fn of(store: &Store) -> Self {
        let directory = store.directory();
        let (mut in_flight, mut states) = (0, [0; 3]);
        let [mut up, mut others] = [Most::default(), Most::default()];
        for endpoint in directory.endpoints() {
            let (state, rank) = (state(endpoint), Rank::of(endpoint));
            in_flight += u64::from(endpoint.tally().in_flight());
            states[state] += 1;
            if rank > Rank::default() {
                let most = if state == 0 { &mut up } else { &mut others };
                most.add(rank, endpoint.id());
            }
        }
        let ids = others.0.into_iter().chain(up.0).map(|Reverse((_, id))| id);
        let shown = ids.filter_map(|id| directory.endpoint(id).cloned()).collect();
        Self { in_flight, states, shown }
    }
}

/// How much there is to be seen of an endpoint.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    down: bool,
    pending: u64,
    attempts: u64,
}

impl Rank {
    fn of(endpoint: &Endpoint) -> Self {
        let tally = endpoint.tally();
        let ended = tally.acknowledged() + tally.refused() + tally.failed();
        let attempts = ended + u64::from(tally.in_flight());
        Self { down: endpoint.health() == Health::Down, pending: tally.pending(), attempts }
    }
}

/// Those of the highest rank, at most half of [`SHOWN`].
#[derive(Default)]
struct Most(BinaryHeap<Reverse<(Rank, u32)>>);

impl Most {
    fn add(&mut self, rank: Rank, endpoint: u32) {
        self.0.push(Reverse((rank, endpoint)));
        if self.0.len() > SHOWN / 2 {
            self.0.pop();
        }
    }
}

/// An index of [`STATES`].
fn state(endpoint: &Endpoint) -> usize {
    match endpoint.health() {
        Health::Up => 0,
        Health::Suspect { .. } => 1,
        Health::Down => 2,
    }
}

impl Shown {
    fn of(endpoint: &Endpoint) -> Self {
        let tally = endpoint.tally();
        // The path may hold a token, and the user's name is nobody's business: host and port must do.
        let host = Url::parse(endpoint.url().expose()).map(|url| url.authority().to_owned());
        Self {
            labels: vec![("endpoint", endpoint.id().to_string()), ("host", host.unwrap_or_default())],
            state: STATES[state(endpoint)],
            pending: tally.pending(),
            in_flight: tally.in_flight(),
            attempts: [
                ("acknowledged", tally.acknowledged()),
                ("refused", tally.refused()),
                ("retry", tally.failed()),
            ],
        }
    }

    fn labelled(&self, name: &'static str, value: &str) -> Labels {
        [self.labels.clone(), vec![(name, value.to_owned())]].concat()
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Writer(&mut encoder);
        let Accounting { accepted, acknowledged, refused, exhausted, cancelled } = self.accounting;
        let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        to.gauges("build", "The program", [(version, 1u64)])?;
        to.counters("stored_events", "Events stored since the store was made", [(vec![], self.events)])?;
        to.counters("deliveries_accepted", "Deliveries that events have made", [(vec![], accepted)])?;
        let ends = [
            ("acknowledged", acknowledged),
            ("refused", refused),
            ("exhausted", exhausted),
            ("cancelled", cancelled),
        ];
        let ends = ends.map(|(end, deliveries)| (vec![("end", end.to_owned())], deliveries));
        to.counters("deliveries_ended", "Deliveries that have ended", ends)?;
        let pending = self.accounting.pending();
        to.gauges("deliveries_pending", "Deliveries that have not ended", [(vec![], pending)])?;
        to.gauges("attempts_in_flight", "Attempts under way", [(vec![], self.in_flight)])?;
        let overdue = self.overdue.into_iter().flat_map(|overdue| ["up", "others"].into_iter().zip(overdue));
        let overdue = overdue.map(|(of, seconds)| (vec![("endpoints", of.to_owned())], seconds));
        let help = "For how long the oldest due delivery has been due";
        to.measured("oldest_due", help, Unit::Seconds, overdue)?;
        let free = self.free_disk.map(|free| (vec![], free));
        to.measured("disk_free", "Free on the disk of the data directory", Unit::Bytes, free)?;
        let states = STATES.into_iter().zip(self.states);
        let states = states.map(|(state, count)| (vec![("state", state.to_owned())], count));
        to.gauges("endpoints", "Endpoints by state", states)?;

        let shown = || self.shown.iter();
        let help = "1 for the state of an endpoint";
        to.gauges("endpoint_state", help, shown().map(|one| (one.labelled("state", one.state), 1u64)))?;
        let help = "Deliveries of an endpoint that have not ended";
        to.gauges("endpoint_pending", help, shown().map(|one| (one.labels.clone(), one.pending)))?;
        let help = "Attempts to an endpoint under way";
        let in_flight = shown().map(|one| (one.labels.clone(), u64::from(one.in_flight)));
        to.gauges("endpoint_in_flight", help, in_flight)?;
        let attempts = shown().flat_map(|one| {
            one.attempts.into_iter().map(|(outcome, count)| (one.labelled("outcome", outcome), count))
        });
        to.counters("endpoint_attempts", "Attempts to an endpoint that have ended, by outcome", attempts)
    }
}

/// Writes families of series.
struct Writer<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Writer<'_, '_> {
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            if labels.is_empty() {
                family.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
            } else {
                family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value, None)?;
            }
        }
        Ok(())
    }

    fn gauges<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        series: impl IntoIterator<Item = (Labels, V)>,
    ) -> fmt::Result {
        self.described(name, help, None, series)
    }

    fn measured<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Unit,
        series: impl IntoIterator<Item = (Labels, V)>,
    ) -> fmt::Result {
        self.described(name, help, Some(&unit), series)
    }

    fn described<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        series: impl IntoIterator<Item = (Labels, V)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in series {
            if labels.is_empty() {
                family.encode_gauge(&value)?;
            } else {
                family.encode_family(&labels)?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sealpost_core::WebhookKind;

    use super::*;
    use crate::metrics::Metrics;
    use crate::storage::{EndpointUrl, Settings};

    /// A store with so many endpoints, each of which had one attempt more than the one before.
    async fn store(endpoints: usize) -> Store {
        let (store, _inboxes) = Store::in_memory(&Settings::default());
        for number in 0..endpoints {
            let domain = format!("d{number}.test");
            store.create_domain(&domain).await.expect("a domain");
            let url = EndpointUrl::new(&format!("https://user:pass@h{number}.test:8443/token?token"));
            let made =
                store.create_webhook(&domain, WebhookKind::Opened, vec![url]).await.expect("a webhook");
            for _ in 0..number {
                made[0].tally().count(sealpost_core::Outcome::Acknowledged);
            }
        }
        store
    }

    #[tokio::test]
    async fn an_endpoint_is_named_by_number_and_host_and_by_nothing_that_may_be_secret() {
        let store = store(2).await;
        let text = Metrics::default().render(&store).await.expect("text");
        let line = "sealpost_endpoint_attempts_total{endpoint=\"2\",host=\"h1.test:8443\",outcome=\"acknowledged\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("sealpost_endpoints{state=\"suspect\"} 2"), "{text}");
        for secret in ["user", "pass", "token"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert!(!text.contains("h0.test"), "nothing has happened there: {text}");
    }

    #[tokio::test]
    async fn however_many_endpoints_there_are_the_busiest_have_series() {
        let store = store(SHOWN + 10).await;
        let text = Metrics::default().render(&store).await.expect("text");
        let series = text.lines().filter(|line| line.starts_with("sealpost_endpoint_pending{"));
        assert_eq!(series.count(), SHOWN / 2, "none of them is up");
        assert!(text.contains(&format!("host=\"h{}.test:8443\"", SHOWN + 9)));
    }
}
