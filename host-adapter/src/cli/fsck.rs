//! `sealpost fsck`: is this store whole?

use std::io::{Write as _, stdout};
use std::path::PathBuf;

use super::failure::Failure;
use crate::config::{Config, Flag, Profile, Sources};
use crate::server;
use crate::storage::Examined;

/// Check the store of a server that is stopped
///
/// Reads everything in the data directory and changes nothing: whether the database is whole, the counters balance,
/// events, deliveries, webhooks and the index fit together, every sealed value opens with the master key, and every
/// event is, byte for byte, what was accepted. Exit code 0: all is well; 1: it is not, a line for each fault, or it
/// cannot be read; 64: wrong usage or configuration.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A TOML file with settings, as for serve
    ///
    /// The TOML file with settings that the server is started with. The data directory and the master key are found
    /// as the server finds them, in the environment too.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Directory of the database and its keys
    ///
    /// Directory of the database and its keys (storage.data), that no server holds at the moment.
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let data =
        args.data.iter().map(|data| Flag { name: "--data", key: "storage.data", values: vec![data.clone()] });
    let sources = Sources {
        profile: Profile::Serve,
        file: args.config.clone(),
        environment: std::env::vars_os().collect(),
        flags: data.collect(),
    };
    let Examined { events, pending, faults, total } = server::examine(&Config::load(&sources)?)?;
    let mut out = stdout().lock();
    for fault in &faults {
        writeln!(out, "{fault}")?;
    }
    if total == 0 {
        writeln!(out, "the store is whole: {events} events, {pending} deliveries pending")?;
        return Ok(());
    }
    let more = total - faults.len() as u64;
    let more = if more > 0 { format!(", of which {more} are not shown") } else { String::new() };
    writeln!(out, "the store is damaged: {total} faults{more}; restore it from a copy")?;
    Err(Failure::No)
}
