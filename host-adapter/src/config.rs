//! The configuration: every key parsed into the type that its user needs.
//!
//! `config.default.toml` beside this file documents every key and is the default. Above it lie, each
//! winning over the one before: the profile of the command, a file, the environment, the flags.
//! An unknown key in a file is an error, and so is any value that cannot work; [`ConfigError`] says
//! where it stands and what would be right.

mod error;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod layers;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use sealpost_core::{Duration as Millis, Gone, Schedule};
use tracing::level_filters::LevelFilter;
use url::Url;

use crate::secrets::Secret;

pub use error::{ConfigError, Origin};
pub use layers::{Flag, Profile, Sources};
pub use value::{DomainName, LogFormat};

use layers::Layers;
pub(crate) use value::{BASE_URL, KEY, base_url, duration, key};

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The listener and its connections.
    pub server: Server,
    /// The data directory and what it may hold.
    pub storage: Storage,
    /// Keys given from outside; those that are not given come from the store.
    pub keys: Keys,
    /// Domains created at the start.
    pub domains: Domains,
    /// How deliveries are attempted.
    pub delivery: Delivery,
    /// Which endpoints may be reached.
    pub egress: Egress,
    /// What one submission may hold.
    pub limits: Limits,
    /// What request bins may hold.
    pub bins: Bins,
    /// What is logged, and how.
    pub log: Log,
}

/// Section `server`.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where the API listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Absolute base of the paging URLs; `None`: the one the client asked for.
    pub public_url: Option<Url>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Addresses that read `/metrics` without a key.
    pub metrics_allow: Vec<IpNet>,
    /// Connections open at the same time.
    pub max_connections: usize,
    /// How long one request may take to arrive, and its answer wait for a client that reads nothing.
    pub request_timeout: Duration,
    /// How long a stopping server lets requests and attempts in flight finish.
    pub drain_deadline: Duration,
}

/// Section `storage`.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// The data directory.
    pub data: PathBuf,
    /// Deliveries waiting at the same time.
    pub max_pending: u64,
    /// Free bytes of disk below which events are not accepted; 0: not checked.
    pub min_free_disk: u64,
    /// How long events stay after they were accepted.
    pub retention: Duration,
    /// Bytes of what tells which parts of the index a value is not in.
    pub index_memory: u64,
    /// How long outcomes wait for company before they are committed.
    pub outcome_linger: Duration,
    /// The file with the master key.
    pub master_key_file: PathBuf,
}

/// Section `keys`.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    /// Password of the API's user.
    pub api: Option<Secret>,
    /// Key that signs payloads.
    pub signing: Option<Secret>,
    /// Key that encrypts secrets in the store, in base64 or hexadecimal.
    pub master: Option<Secret>,
}

/// Section `domains`.
#[derive(Clone, Debug, PartialEq)]
pub struct Domains {
    /// Created at the start where they do not exist.
    pub names: Vec<DomainName>,
}

/// Section `delivery`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Waits between the attempts of one delivery.
    pub schedule: Schedule,
    /// Time for one attempt, from connecting to the end of the answer.
    pub deadline: Millis,
    /// Attempts in flight to one endpoint; at most `in_flight`.
    pub in_flight_per_endpoint: u16,
    /// Attempts in flight in all.
    pub in_flight: u16,
    /// Deliveries held in memory, by all shards together.
    pub window: u16,
    /// The share of one endpoint in the window; at most `window`.
    pub window_per_endpoint: u16,
    /// A longer wait leaves the window.
    pub keep: Millis,
    /// Threads that deliver, if [`Delivery::in_flight`] is enough for so many.
    pub shards: u16,
    /// What 410 means.
    pub gone: Gone,
    /// Whether every attempt is signed anew.
    pub sign_every_attempt: bool,
    /// Whether the Standard Webhooks headers are sent.
    pub standard_webhooks: bool,
    /// Bytes of an answer that are read.
    pub max_response: usize,
    /// Idle connections kept for reuse.
    pub idle_connections: usize,
    /// The `User-Agent` header, visible ASCII.
    pub user_agent: String,
}

/// Section `egress`.
#[derive(Clone, Debug, PartialEq)]
pub struct Egress {
    /// Networks opened although the guard denies them.
    pub allow: Vec<IpNet>,
    /// Whether `http` endpoints are refused.
    pub https_only: bool,
    /// Whether `64:ff9b::/96` is judged by the IPv4 address inside.
    pub nat64: bool,
    /// PEM file with certificate authorities to trust beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Time for one name lookup.
    pub dns_timeout: Duration,
}

/// Section `limits`.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Bytes of one event-data.
    pub event_data: usize,
    /// Bytes of one submission.
    pub batch_bytes: usize,
    /// Events in one submission.
    pub batch_items: usize,
}

/// Section `bins`.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// How long a bin stays, unless whoever makes it says otherwise.
    pub lifetime: Duration,
    /// Bins of one domain.
    pub per_domain: usize,
    /// Bins of all domains.
    pub in_all: usize,
    /// Requests that one bin keeps.
    pub requests: u32,
    /// Bytes that one bin keeps.
    pub bytes: u64,
    /// Bytes of the body of one request.
    pub request_bytes: usize,
    /// Pages that are open and questions that wait, at the same time.
    pub listeners: usize,
}

/// Section `log`.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// The least severe level that is logged.
    pub level: LevelFilter,
}

impl Config {
    /// The configuration that these sources give.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::read(&mut Layers::of(sources)?)
    }

    /// The fixed keys of [`Profile::Dev`].
    ///
    /// # Errors
    /// None that a test of this crate would not have found.
    pub fn dev_keys() -> Result<Keys, ConfigError> {
        let profile = Profile::Dev { data: PathBuf::from("unused") };
        Ok(Self::load(&Sources { profile, ..Sources::default() })?.keys)
    }

    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            server: Server::read(layers)?,
            storage: Storage::read(layers)?,
            keys: Keys::read(layers)?,
            domains: Domains::read(layers)?,
            delivery: Delivery::read(layers)?,
            egress: Egress::read(layers)?,
            limits: Limits::read(layers)?,
            bins: Bins::read(layers)?,
            log: Log::read(layers)?,
        })
    }
}

impl Server {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: layers.one("server.listen", value::SOCKET, |text| text.parse().ok())?,
            public_url: layers.optional("server.public_url", BASE_URL, base_url)?,
            trusted_proxies: layers.list("server.trusted_proxies", value::NET, value::net)?,
            metrics_allow: layers.list("server.metrics_allow", value::NET, value::net)?,
            max_connections: layers.number("server.max_connections", 1..=65_535)?,
            request_timeout: layers.duration("server.request_timeout", "100ms", "10m")?,
            drain_deadline: layers.duration("server.drain_deadline", "0s", "10m")?,
        })
    }
}

impl Storage {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        let data = layers.one("storage.data", value::PATH, value::path)?;
        let master_key_file = layers.optional("storage.master_key_file", value::PATH, value::path)?;
        Ok(Self {
            master_key_file: master_key_file.unwrap_or_else(|| data.join("master.key")),
            data,
            max_pending: layers.number("storage.max_pending", 1..=1_000_000_000)?,
            min_free_disk: layers.size("storage.min_free_disk", "0", "1024TiB")?,
            retention: layers.duration("storage.retention", "1m", "3650d")?,
            index_memory: layers.size("storage.index_memory", "0", "1TiB")?,
            outcome_linger: layers.duration("storage.outcome_linger", "0ms", "1s")?,
        })
    }
}

impl Keys {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            api: layers.secret("keys.api", KEY, key)?,
            signing: layers.secret("keys.signing", KEY, key)?,
            master: layers.secret("keys.master", value::MASTER, value::master_key)?,
        })
    }
}

impl Domains {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self { names: layers.list("domains.names", value::DOMAIN, DomainName::parse)? })
    }
}

/// Attempts in flight that a shard has room for at least: with fewer, endpoints that fail leave no place to others.
const LEAST_IN_FLIGHT: u16 = 4;

impl Delivery {
    /// Threads that deliver: no more than have at least four attempts in flight each, and as many as one endpoint may
    /// have.
    #[must_use]
    pub fn shards(&self) -> usize {
        let enough = self.in_flight_per_endpoint.max(LEAST_IN_FLIGHT);
        usize::from(self.shards.min(self.in_flight / enough).max(1))
    }

    /// Attempts in flight of the shard with this number, from 0: together they have all.
    #[must_use]
    pub fn in_flight_of(&self, shard: usize) -> u32 {
        let (all, shards) = (usize::from(self.in_flight), self.shards());
        u32::try_from(all / shards + usize::from(shard < all % shards)).unwrap_or(u32::MAX)
    }

    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        let in_flight = layers.number("delivery.in_flight", 1..=65_535)?;
        let window = layers.number("delivery.window", 1..=65_535)?;
        let in_flight_per_endpoint =
            layers.number("delivery.in_flight_per_endpoint", 1..=in_flight.min(1024))?;
        Ok(Self {
            schedule: layers.schedule("delivery.schedule")?,
            deadline: layers.millis("delivery.deadline", "10ms", "10m")?,
            in_flight_per_endpoint,
            in_flight,
            window,
            window_per_endpoint: match layers.number("delivery.window_per_endpoint", 0..=window)? {
                0 => share_of_one(in_flight_per_endpoint).min(window),
                some => some,
            },
            keep: layers.millis("delivery.keep", "0s", "1d")?,
            shards: layers.number("delivery.shards", 1..=64)?,
            gone: layers.one("delivery.gone", value::GONE, value::gone)?,
            sign_every_attempt: layers.switch("delivery.sign_every_attempt")?,
            standard_webhooks: layers.switch("delivery.standard_webhooks")?,
            max_response: layers.size("delivery.max_response", "1KiB", "1MiB")?,
            idle_connections: layers.number("delivery.idle_connections", 0..=65_535)?,
            user_agent: layers
                .optional("delivery.user_agent", value::USER_AGENT, value::user_agent)?
                .unwrap_or_else(|| concat!("sealpost/", env!("CARGO_PKG_VERSION")).to_owned()),
        })
    }
}

/// What one endpoint holds of the window where nobody says otherwise. Four of each that may be in flight may wait for their
/// outcome to be written, and as many go out until more has come from the store.
fn share_of_one(in_flight_per_endpoint: u16) -> u16 {
    in_flight_per_endpoint.saturating_mul(8).max(256)
}

impl Egress {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            allow: layers.list("egress.allow", value::NET, value::net)?,
            https_only: layers.switch("egress.https_only")?,
            nat64: layers.switch("egress.nat64")?,
            ca_file: layers.optional("egress.ca_file", value::PATH, value::path)?,
            dns_timeout: layers.duration("egress.dns_timeout", "10ms", "1m")?,
        })
    }
}

impl Limits {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        let batch_bytes: usize = layers.size("limits.batch_bytes", "1KiB", "256MiB")?;
        Ok(Self {
            event_data: layers.size("limits.event_data", "1KiB", &batch_bytes.min(4 << 20).to_string())?,
            batch_bytes,
            batch_items: layers.number("limits.batch_items", 1..=1_000_000)?,
        })
    }
}

impl Bins {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            lifetime: layers.duration("bins.lifetime", "1m", "30d")?,
            per_domain: layers.number("bins.per_domain", 0..=1000)?,
            in_all: layers.number("bins.in_all", 0..=10_000)?,
            requests: layers.number("bins.requests", 1..=10_000)?,
            bytes: layers.size("bins.bytes", "64KiB", "1GiB")?,
            request_bytes: layers.size("bins.request_bytes", "1KiB", "8MiB")?,
            listeners: layers.number("bins.listeners", 1..=10_000)?,
        })
    }
}

impl Log {
    fn read(layers: &mut Layers) -> Result<Self, ConfigError> {
        Ok(Self {
            format: layers.one("log.format", value::LOG_FORMAT, LogFormat::parse)?,
            level: layers.one("log.level", value::LEVEL, value::level)?,
        })
    }
}

#[cfg(test)]
mod tests;
