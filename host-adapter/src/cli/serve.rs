//! `sealpost serve`: the server, until it is told to stop.

use std::io::{IsTerminal as _, Write as _, stdout};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::server_args::ServerArgs;
use crate::config::{Config, Profile};
use crate::server::{self, Running};
use crate::telemetry;

/// Run the server
///
/// Runs the server until SIGTERM or SIGINT; then it takes no more requests, lets attempts in flight end, and
/// exits. A second signal ends it at once. Keys come from SEALPOST_API_KEY and SEALPOST_SIGNING_KEY; those that
/// are not given are generated at the first start. When it is ready it prints "listening on http://ADDR".
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let config = Config::load(&args.server.sources(Profile::Serve))?;
    telemetry::init(&config.log);
    runtime()?.block_on(async {
        let shutdown = shutdown()?;
        Ok(server::run(&config, announce, shutdown).await?)
    })
}

/// The runtime that the API runs on; shards have threads of their own.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Failed(format!("no threads for the server: {error}")))
}

/// Completes at the first SIGTERM or SIGINT; the second one ends the process.
pub(super) fn shutdown() -> Result<impl Future<Output = ()>, Failure> {
    let of = |kind| signal(kind).map_err(|error| Failure::Failed(format!("signals: {error}")));
    let (mut terminate, mut interrupt) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(1);
        });
    })
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Says where the server listens, and what keys it has made.
pub(super) fn announce(running: &Running) {
    let mut out = stdout().lock();
    if let Some(keys) = running.first_keys() {
        let file = keys.file.display();
        if out.is_terminal() {
            let _ = write!(out, "keys made for this first start, kept in {file}:\n{}", keys.text.expose());
        } else {
            let _ = writeln!(out, "keys made for this first start are in {file}");
        }
    }
    // Whoever started the server may have closed its output; it serves all the same.
    let _ = writeln!(out, "listening on http://{}", running.addr());
    let _ = out.flush();
}
