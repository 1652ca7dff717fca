//! The flags that `serve` and `dev` share: each sets a key of the configuration.

use std::path::PathBuf;

use crate::config::{Flag, Profile, Sources};

/// Flags win over environment variables, those over the file, and that over the defaults.
#[derive(clap::Args)]
pub(super) struct ServerArgs {
    /// A TOML file with settings
    ///
    /// A TOML file with settings; it needs only those that differ from the defaults. Every setting is also an
    /// environment variable: `delivery.deadline` is SEALPOST_DELIVERY_DEADLINE.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Address and port of the API [default: 127.0.0.1:8925]
    ///
    /// Address and port of the API (server.listen), 127.0.0.1:8925 unless set. Port 0 takes a free one; the
    /// line "listening on http://ADDR" says which.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,

    /// Directory of the database and its keys
    ///
    /// Directory of the database and its keys (storage.data), created when absent. One process at a time.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,

    /// A domain to create; may be repeated
    ///
    /// A domain to create at the start where it does not exist (domains.names). May be repeated.
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,

    /// Waits between attempts, such as 5m,10m,1h, or none
    ///
    /// Waits between the attempts of one delivery (delivery.schedule): at most 16, from 1ms to 30d, with commas
    /// in between, such as 5m,10m,15m,1h,2h,4h. "none": one attempt.
    #[arg(long, value_name = "WAITS")]
    schedule: Option<String>,

    /// A network that deliveries may reach although it is private; may be repeated
    ///
    /// A network or address that deliveries may reach although the egress guard denies it (egress.allow), such
    /// as 10.1.0.0/16 or 127.0.0.1. May be repeated.
    #[arg(long, value_name = "CIDR")]
    allow: Vec<String>,
}

impl ServerArgs {
    /// The sources of the configuration: these flags, the environment of the process, the file.
    pub(super) fn sources(&self, profile: Profile) -> Sources {
        let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
        let flags = [
            ("--listen", "server.listen", one(&self.listen)),
            ("--data", "storage.data", one(&self.data)),
            ("--domain", "domains.names", self.domain.clone()),
            ("--schedule", "delivery.schedule", one(&self.schedule)),
            ("--allow", "egress.allow", self.allow.clone()),
        ];
        Sources {
            profile,
            file: self.config.clone(),
            environment: std::env::vars_os().collect(),
            flags: flags
                .into_iter()
                .filter(|(_, _, values)| !values.is_empty())
                .map(|(name, key, values)| Flag { name, key, values })
                .collect(),
        }
    }
}
