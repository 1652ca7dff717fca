//! `sealpost send`: events from a file, standard input or a sample, to a server.

mod batch;
mod client;
mod event;
mod items;
mod progress;

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Write as _, stdin, stdout};

use super::access::{Access, domain};
use super::failure::Failure;
use crate::clock::SystemClock;
use crate::config::DomainName;
use crate::samples;

use batch::Batches;
use client::{Client, Stored};
use event::Ids;
use progress::Progress;

/// Send events to a server
///
/// Reads one event-data object, an array of them, or NDJSON, and posts it in batches. For each event it prints
/// its id, and how many deliveries it became. An event without an id is given one: from a file the same one
/// each time, so that sending the file again changes nothing; from standard input and for samples a new one.
/// When the server is busy or cannot be reached a batch is tried 8 times.
#[derive(clap::Args)]
pub(super) struct Args {
    /// A file, "-" for standard input, or sample:TYPE
    ///
    /// A file with one event-data object, an array of them, or NDJSON; "-" for the same on standard input; or
    /// "sample:" and one of accepted, clicked, complained, delivered, opened, permanent_fail, rejected, stored,
    /// suppressed, temporary_fail, unsubscribed.
    #[arg(value_name = "FILE|-|sample:TYPE", value_parser = source)]
    source: Source,

    #[command(flatten)]
    access: Access,

    /// The domain that the events belong to
    ///
    /// The domain that the events belong to. It must exist on the server.
    #[arg(long, value_name = "DOMAIN", default_value = "example.com", value_parser = domain)]
    domain: DomainName,
}

#[derive(Clone)]
enum Source {
    File(String),
    StandardInput,
    Sample(&'static str),
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let client = Client::new(args.access.server(), &args.access.key()?, &args.domain);
    let Input { bytes, length, ids } = open(&args.source, &args.domain)?;
    let mut batches = Batches::new(bytes, ids);
    let mut progress = Progress::new(length);
    while let Some(batch) = batches.next() {
        progress.batch(batches.bytes_read());
        let stored = client.post(&batch.ndjson, |why| progress.say(why));
        let stored = stored.map_err(|refusal| Failure::Failed(batch.explain(refusal)))?;
        progress.beside(|| print(&stored))?;
    }
    batches.fault().map_or(Ok(()), |fault| Err(Failure::Failed(format!("{fault}; all before it was stored"))))
}

/// Where the events come from.
struct Input {
    bytes: Box<dyn BufRead>,
    /// In bytes, where it is known beforehand.
    length: Option<u64>,
    ids: Ids,
}

fn open(source: &Source, domain: &DomainName) -> Result<Input, Failure> {
    let stream = |bytes| Input { bytes, length: None, ids: Ids::Fresh(SystemClock::new()) };
    Ok(match source {
        Source::Sample(event_data) => stream(Box::new(event_data.as_bytes())),
        Source::StandardInput => stream(Box::new(stdin().lock())),
        Source::File(path) => {
            let file = File::open(path).map_err(|error| Failure::Failed(format!("{path}: {error}")))?;
            let length = file.metadata().ok().filter(Metadata::is_file).map(|file| file.len());
            let ids = Ids::OfContent { domain: domain.to_string() };
            Input { bytes: Box::new(BufReader::new(file)), length, ids }
        }
    })
}

fn print(stored: &[Stored]) -> Result<(), Failure> {
    let mut out = stdout().lock();
    for Stored { id, deliveries, duplicate } in stored {
        let noun = if *deliveries == 1 { "delivery" } else { "deliveries" };
        let note = if *duplicate { " (known already)" } else { "" };
        writeln!(out, "{id} {deliveries} {noun}{note}")?;
    }
    Ok(out.flush()?)
}

fn source(text: &str) -> Result<Source, String> {
    match text.strip_prefix("sample:") {
        _ if text == "-" => Ok(Source::StandardInput),
        None => Ok(Source::File(text.to_owned())),
        Some(name) => samples::named(name).map(Source::Sample).ok_or_else(|| {
            let names = samples::ALL.map(|(name, _)| name).join(", ");
            format!("there is no sample of this name; there are {names}")
        }),
    }
}
