//! The server: from a configuration to a listening address, and from the order to stop to a closed store.
//!
//! ```text
//! listener → api → ingest → storage → shard → transport
//! ```
//! At the order to stop the listener accepts nothing new and lets requests under way be answered, while the shards
//! start no attempt any more and let those in flight end; the store is closed last, when everything that is known
//! has been committed. All of it within `server.drain_deadline`, half of which the requests may take.
//!
//! A part that ends by itself, by a panic most likely, ends the server: a supervisor starts it anew.

mod arrival;
mod error;
mod framing;
mod keys;
mod listener;
mod part;
mod progress;
mod upkeep;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use sealpost_core::dispatch::Limits;
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::Instant;
use tracing::{error, info};

use crate::api::{App, Service, Setup};
use crate::bins::Bins;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::private;
use crate::secrets::hash_api_key;
use crate::shard::{Policy, Shard};
use crate::storage::{BinLimits, Examined, Inbox, OpenCause, OpenError, Settings, Store};
use crate::transport::{Client, ClientConfig, EgressRules, Guard};

pub use error::Error;
pub use keys::{FirstKeys, KeysError};
use part::Part;

/// How much longer than its deadline an attempt may take before the shard gives it up. The transport keeps
/// the deadline, and knows best how far the attempt had come; the shard stands behind it.
const GRACE: sealpost_core::Duration = sealpost_core::Duration::from_millis(250);

/// A server that is listening.
pub struct Running {
    addr: SocketAddr,
    store: Store,
    bins: Bins,
    app: App,
    first_keys: Option<FirstKeys>,
    drain_deadline: Duration,
    stop: watch::Sender<bool>,
    /// Until when attempts in flight may take, once it is time to stop.
    stop_shards: watch::Sender<Option<Instant>>,
    listener: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    shards: Vec<thread::JoinHandle<()>>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// Starts a server and returns when it is listening.
///
/// # Errors
/// Whatever keeps it from starting; nothing is left running then.
pub async fn start(config: &Config) -> Result<Running, Error> {
    let listener =
        listener::bind(config.server.listen).map_err(|error| Error::Listen(config.server.listen, error))?;
    let addr = listener.local_addr().map_err(|error| Error::Listen(config.server.listen, error))?;

    let (store, inboxes) = open_store(config)?;
    let first_keys = keys::provide(&store, config).await?;
    for name in &config.domains.names {
        store.create_domain(name.as_str()).await.map_err(Error::Domain)?;
    }
    let public_url =
        config.server.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
    let base = public_url.clone().unwrap_or_else(|| own_url(addr));
    let bins = Bins::new(store.clone(), &base, config.bins.clone(), config.delivery.standard_webhooks);
    let client = Arc::new(Client::new(client_config(config, addr, bins.clone())).map_err(Error::Client)?);

    let metrics = Metrics::default();
    let app = App::new(Setup {
        store: store.clone(),
        clock: SystemClock::new(),
        limits: config.limits.clone(),
        keys: config.keys.api.iter().map(|key| hash_api_key(key.expose())).collect(),
        signing_key_is_configured: config.keys.signing.is_some(),
        standard_webhooks: config.delivery.standard_webhooks,
        public_url,
        bins: bins.clone(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        metrics: metrics.clone(),
        metrics_allow: config.server.metrics_allow.clone(),
        client: Arc::clone(&client),
    });
    let (stop_shards, shards_stop) = watch::channel(None);
    let shards = spawn_shards(config, &store, inboxes, &client, &app, &metrics, &shards_stop)?;
    let (stop, stopped) = watch::channel(false);
    let api = Arc::new(Service::new(app.clone()));
    let answer = move |request| {
        let api = Arc::clone(&api);
        async move { api.answer(request).await }
    };
    let serving = listener::serve(listener, answer, config.server.clone(), stopped.clone());
    let upkeep = upkeep::run(store.clone(), config.storage.retention, client, stopped);
    let legacy_urls = store.directory().legacy_urls();
    info!(%addr, shards = shards.len(), legacy_urls, "listening");
    Ok(Running {
        addr,
        store,
        bins,
        first_keys,
        drain_deadline: config.server.drain_deadline,
        stop,
        stop_shards,
        listener: spawn_part(Part::new("listener", &app), serving),
        upkeep: spawn_part(Part::new("upkeep", &app), upkeep),
        shards,
        app,
    })
}

fn spawn_part(part: Part, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(async move {
        let _part = part;
        work.await;
    })
}

/// Looks over the store that a server of this configuration would open. Blocks.
///
/// # Errors
/// There is none, a server holds it, or it cannot be read.
pub fn examine(config: &Config) -> Result<Examined, Error> {
    let data = &config.storage.data;
    if !Store::is_in(data) {
        let cause = OpenCause::Absent;
        return Err(Error::Open(OpenError { directory: data.clone(), cause }));
    }
    Store::examine(data, &keys::master(config).map_err(KeysError::from)?).map_err(Error::Open)
}

/// Runs a server until `shutdown` completes, then stops it; calls `ready` when it is listening.
///
/// # Errors
/// It could not be started, or its store or another part of it failed. After a failure of the store the process
/// must end, so that the next start can find out what is on the disk.
pub async fn run(
    config: &Config,
    ready: impl FnOnce(&Running),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let running = start(config).await?;
    ready(&running);
    let failure = tokio::select! {
        biased;
        () = shutdown => None,
        why = running.store.broken() => {
            error!(why, "the store has failed; stopping at once, so that the next start can recover");
            return Err(Error::Broken(why));
        }
        part = running.app.failed() => Some(Error::Ended(part)),
    };
    if let Some(error) = &failure {
        error!(%error, "stopping");
    }
    running.shutdown().await?;
    failure.map_or(Ok(()), Err)
}

impl Running {
    /// Where the API listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The store, for whoever runs in the same process.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The request bins, for the same.
    #[must_use]
    pub fn bins(&self) -> &Bins {
        &self.bins
    }

    /// The keys that this start has generated, if it has.
    #[must_use]
    pub fn first_keys(&self) -> Option<&FirstKeys> {
        self.first_keys.as_ref()
    }

    /// Stops accepting, lets requests and then attempts in flight end, for as long as the drain deadline allows,
    /// commits, and closes the store.
    ///
    /// # Errors
    /// The last commit failed.
    pub async fn shutdown(self) -> Result<(), Error> {
        info!("stopping: no new requests, no new attempts");
        let give_up = Instant::now() + self.drain_deadline;
        self.app.drain();
        // First: what requests under way still bring in is stored, and attempted after the next start.
        self.stop_shards.send_replace(Some(give_up));
        self.stop.send_replace(true);
        // A task that panicked has been logged; what it held ends with it.
        let _ = self.listener.await;
        let _ = self.upkeep.await;
        let shards = self.shards;
        let joined = tokio::task::spawn_blocking(move || {
            for shard in shards {
                let _ = shard.join();
            }
        });
        let _ = joined.await;
        self.store.close().await?;
        info!("stopped");
        Ok(())
    }
}

fn open_store(config: &Config) -> Result<(Store, Vec<Inbox>), Error> {
    let data = &config.storage.data;
    // The master key's default place is in it, before there is a store.
    if !data.exists() {
        private::make_directory(data).map_err(|error| Error::Data(data.clone(), error))?;
    }
    let master = keys::master(config).map_err(KeysError::from)?;
    let settings = Settings {
        shards: config.delivery.shards(),
        quota: u32::from(config.delivery.window_per_endpoint),
        window: config.delivery.window.into(),
        max_pending: config.storage.max_pending,
        min_free: config.storage.min_free_disk,
        index_memory: config.storage.index_memory,
        outcome_linger: config.storage.outcome_linger,
        bins: BinLimits {
            in_all: config.bins.in_all,
            per_domain: config.bins.per_domain,
            requests: config.bins.requests,
            bytes: config.bins.bytes,
        },
        ..Settings::default()
    };
    Store::open(data, &master, &settings).map_err(Error::Open)
}

/// The address of this server for whoever runs on the same machine.
fn own_url(mut addr: SocketAddr) -> String {
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    // Without the port where it is the scheme's, as URLs are written.
    format!("http://{addr}").trim_end_matches(":80").to_owned()
}

fn client_config(config: &Config, own_listener: SocketAddr, bins: Bins) -> ClientConfig {
    let user_agent = match config.delivery.user_agent.as_str() {
        "" => format!("sealpost/{}", env!("CARGO_PKG_VERSION")),
        chosen => chosen.to_owned(),
    };
    ClientConfig {
        guard: Guard::new(EgressRules {
            allow: config.egress.allow.clone(),
            own_listeners: vec![own_listener],
            https_only: config.egress.https_only,
            nat64: config.egress.nat64,
        }),
        user_agent,
        deadline: millis(config.delivery.deadline),
        dns_timeout: config.egress.dns_timeout,
        max_response: config.delivery.max_response,
        idle_connections: config.delivery.idle_connections,
        ca_file: config.egress.ca_file.clone(),
        gone: config.delivery.gone,
        bins: Some(bins),
    }
}

fn spawn_shards(
    config: &Config,
    store: &Store,
    inboxes: Vec<Inbox>,
    client: &Arc<Client>,
    app: &App,
    metrics: &Metrics,
    stop: &watch::Receiver<Option<Instant>>,
) -> Result<Vec<thread::JoinHandle<()>>, Error> {
    let delivery = &config.delivery;
    let policy_of = |shard| Policy {
        limits: Limits {
            schedule: delivery.schedule,
            deadline: delivery.deadline.plus(GRACE),
            keep: delivery.keep,
            in_flight: delivery.in_flight_of(shard),
            quota: u32::from(delivery.window_per_endpoint),
        },
        window: delivery.window,
        in_flight_per_endpoint: delivery.in_flight_per_endpoint,
        sign_every_attempt: delivery.sign_every_attempt,
        standard_webhooks: delivery.standard_webhooks,
    };
    let mut shards = Vec::new();
    for (index, inbox) in inboxes.into_iter().enumerate() {
        let (store, client, stop) = (store.clone(), Arc::clone(client), stop.clone());
        let (policy, metrics) = (policy_of(index), metrics.clone());
        let part = Part::new("delivery", app);
        let seed = u32::from_le_bytes(crate::entropy::bytes());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Thread)?;
        let shard = thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            let _part = part;
            let shard = Shard::new(index, store, inbox, client, policy, seed, metrics);
            // As a task of the set: what wakes a task is a note in memory, what wakes the future that is blocked on is
            // a write to the runtime's own file.
            let _ = LocalSet::new().block_on(&runtime, async { spawn_local(shard.run(stop)).await });
            // Not dropped: that would wait for name lookups that nobody waits for any more.
            runtime.shutdown_background();
        });
        shards.push(shard.map_err(Error::Thread)?);
    }
    Ok(shards)
}

fn millis(span: sealpost_core::Duration) -> Duration {
    Duration::from_millis(span.as_millis().into())
}

#[cfg(test)]
mod tests;
