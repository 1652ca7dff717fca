//! Some endpoints fail, and the others are to notice nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::generator::{self, Choose, p99};
use crate::server::{self, Place, Server};
use crate::sink::{Behaviour, Sink};
use crate::{Args, Extent, Pair};

/// Limits of the default configuration.
const IN_FLIGHT: usize = 256;
const IDLE: usize = 512;

/// The first `failing` of the endpoints fail together, and share this part of the traffic.
pub(crate) struct Scenario {
    pub(crate) endpoints: usize,
    pub(crate) failing: usize,
    pub(crate) share: f64,
    /// Whether they fail on a server that has never seen them do well, instead of on the one of the baseline. As many as
    /// fill the limit of attempts in flight would, proven as they are, hold everybody up for a deadline.
    pub(crate) from_the_start: bool,
}

/// The most events a second, with 50 healthy endpoints.
pub(crate) async fn most(args: &Args) -> io::Result<f64> {
    let scenario = Scenario { endpoints: 50, failing: 1, share: 0.3, from_the_start: false };
    let bench = Bench::of(&scenario, args, &[]).await?;
    let span = Duration::from_secs(if args.short { 2 } else { 5 });
    let _warm = bench.run(f64::INFINITY, Duration::from_secs(1)).await?;
    let begin = tokio::time::Instant::now();
    bench.sink.begin();
    let sent = bench.run(f64::INFINITY, span).await?;
    // Accepted is not enough: the others have arrived too.
    let _arrived = bench.sink.once(bench.measured(sent.events), Duration::from_secs(60)).await;
    Ok(sent.events as f64 / begin.elapsed().as_secs_f64())
}

impl Scenario {
    pub(crate) async fn measure(&self, extent: &Extent) -> io::Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for _ in 0..extent.pairs {
            let mut bench = Bench::of(self, &extent.args, &[]).await?;
            let _warm = bench.run(extent.rate, Duration::from_secs(1)).await?;
            let (baseline, _) = bench.healthy_p99(extent).await?;
            if self.from_the_start {
                // One after the other, since both use the same directory.
                drop(bench);
                bench = Bench::of(self, &extent.args, &[]).await?;
                bench.prove().await?;
            }
            for endpoint in 0..self.failing {
                let behaviour = if endpoint % 2 == 0 { Behaviour::BlackHole } else { Behaviour::Dead };
                bench.sink.set(endpoint, behaviour);
            }
            if self.from_the_start {
                let _warm = bench.run(extent.rate, Duration::from_secs(1)).await?;
            }
            let (p99, missing) = bench.healthy_p99(extent).await?;
            let (in_flight, sockets) = bench.sink.peaks();
            let note = match () {
                () if missing > 0 => format!("! {missing} events did not come"),
                () if in_flight > IN_FLIGHT || sockets > IN_FLIGHT + IDLE => "! beyond a limit".to_owned(),
                () => String::new(),
            };
            pairs.push(Pair { baseline, p99, in_flight, sockets, note });
        }
        Ok(pairs)
    }

    /// Spreads events so that the failing endpoints have their share, and none of either kind more than another.
    pub(crate) fn choose(&self) -> Arc<Choose> {
        let (failing, well) = (self.failing as u64, (self.endpoints - self.failing) as u64);
        let tenths = (self.share * 10.0).round() as u64;
        Arc::new(move |number| {
            // Scattered, so that the connections of the generator are no pattern in it.
            let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            let endpoint = if scattered % 10 < tenths {
                scattered / 10 % failing
            } else {
                failing + scattered / 10 % well
            };
            usize::try_from(endpoint).unwrap_or(0)
        })
    }
}

/// A server, its endpoints, and the way to them.
pub(crate) struct Bench {
    pub(crate) sink: Sink,
    pub(crate) server: Server,
    places: Arc<[Place]>,
    choose: Arc<Choose>,
    failing: usize,
}

impl Bench {
    pub(crate) async fn of(scenario: &Scenario, args: &Args, settings: &[(&str, &str)]) -> io::Result<Self> {
        let server = Server::start(args, &server::empty(args)?, settings)?;
        let sink = Sink::start(scenario.endpoints).await?;
        (0..scenario.failing).for_each(|endpoint| sink.set(endpoint, Behaviour::Unmeasured));
        let places = server.subscribe(sink.urls()).await?.into();
        Ok(Self { sink, server, places, choose: scenario.choose(), failing: scenario.failing })
    }

    pub(crate) async fn run(&self, rate: f64, span: Duration) -> io::Result<generator::Sent> {
        generator::run(self.server.address, &self.places, &self.choose, rate, span).await
    }

    /// Sends events to those endpoints alone that will do well.
    async fn prove(&self) -> io::Result<()> {
        let (failing, well) = (self.failing as u64, (self.places.len() - self.failing) as u64);
        let choose: Arc<Choose> =
            Arc::new(move |number| usize::try_from(failing + number % well).unwrap_or(0));
        let second = Duration::from_secs(1);
        generator::run(self.server.address, &self.places, &choose, 20.0, second).await.map(drop)
    }

    /// The p99 of the endpoints that do not fail in this scenario, in milliseconds, and how many events to them are
    /// missing in the end.
    pub(crate) async fn healthy_p99(&self, extent: &Extent) -> io::Result<(f64, u64)> {
        self.sink.begin();
        let sent = self.run(extent.rate, extent.span).await?;
        let expected = self.measured(sent.events);
        let arrived = self.sink.once(expected, Duration::from_secs(10)).await;
        Ok((p99(&arrived), expected.saturating_sub(arrived.len())))
    }

    /// How many of the first so many events go to endpoints that do not fail.
    fn measured(&self, events: u64) -> u64 {
        (0..events).filter(|number| (self.choose)(*number) >= self.failing).count() as u64
    }
}
