//! `sealpost serve`: the server, until it is told to stop.

use std::io::{IsTerminal as _, Write as _, stdout};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::failure::Failure;
use super::server_args::ServerArgs;
use crate::config::{Config, Profile};
use crate::scheduling::behind_this_thread;
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
    block_on(async {
        let shutdown = shutdown()?;
        Ok(server::run(&config, announce, shutdown).await?)
    })
}

/// Runs a server on the runtime of its API, whose threads stand behind those that this one starts: the store's, and the
/// shards'. Returns when the server has stopped, whatever its runtime's threads still wait for: name lookups, most
/// likely.
pub(super) fn block_on(server: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread().enable_all().on_thread_start(behind_this_thread()).build();
    let runtime = runtime.map_err(|error| Failure::Failed(format!("no threads for the server: {error}")))?;
    let ended = runtime.block_on(server);
    runtime.shutdown_background();
    ended
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
    let legacy_urls = running.store().directory().legacy_urls();
    if legacy_urls > 0 {
        let _ = writeln!(out, "URLs of legacy webhooks: {legacy_urls}");
    }
    // Whoever started the server may have closed its output; it serves all the same.
    let _ = writeln!(out, "listening on http://{}", running.addr());
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use tokio::task::spawn_blocking;

    use super::*;
    #[cfg(target_os = "linux")]
    use crate::scheduling::BEHIND;

    #[test]
    #[cfg(target_os = "linux")]
    fn threads_of_the_api_stand_behind_those_that_deliver() {
        let priority = move || rustix::process::getpriority_process(None).expect("a priority");
        let mine = priority();
        let served = block_on(async move {
            assert_eq!(priority(), mine);
            let api = async move { (priority(), spawn_blocking(priority).await.expect("a thread")) };
            let api = tokio::spawn(api).await.expect("a task");
            let behind = (mine + BEHIND).min(19);
            assert_eq!(api, (behind, behind));
            Ok(())
        });
        assert!(served.is_ok());
    }

    #[test]
    fn a_thread_that_still_waits_for_something_keeps_no_server_from_its_end() {
        let started = Instant::now();
        let server = async {
            spawn_blocking(|| sleep(Duration::from_secs(5)));
            // So that the thread is there before the end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        };
        assert!(block_on(server).is_ok());
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}
