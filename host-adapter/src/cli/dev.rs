//! `sealpost dev`: a server for a laptop, which shows the main job when it starts.

mod demo;
mod receiver;

use axum::http::StatusCode;

use super::failure::Failure;
use super::serve;
use super::server_args::ServerArgs;
use crate::config::{Config, Profile};
use crate::server::{self, Running};
use crate::telemetry;

use demo::Demo;

/// Run a server on this machine to develop against
///
/// The same server with the same flags and environment, set for a laptop: fixed keys that it prints, a temporary
/// data directory unless --data is given, deliveries to loopback and private addresses allowed, retries in
/// seconds. It shows the main job on the domain demo.example.com: a receiver subscribed to all eight types gets
/// one event of each, and every delivery is printed with its verified signature. A request bin gets them too, and its page,
/// whose address is printed, shows them as they arrive. The domain example.com is yours.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    server: ServerArgs,

    /// Listen beyond this machine although the keys are known to everyone
    ///
    /// Listen on an address that is not loopback although the keys are the fixed ones, which are known to
    /// everyone. With keys of your own, from SEALPOST_API_KEY and SEALPOST_SIGNING_KEY, this is not needed.
    #[arg(long)]
    expose: bool,

    /// What the receiver answers: status codes, one after the other
    ///
    /// What the receiver answers to deliveries other than the demonstration's, one after the other, to see what
    /// follows from it: --answers 500,500,200 shows two retries, --answers 406 a refusal. After the last one, and
    /// without this flag, it answers 200. Payloads that are not valid get 406 in any case.
    #[arg(long, value_name = "CODES", value_delimiter = ',', value_parser = answer)]
    answers: Vec<StatusCode>,
}

fn answer(code: &str) -> Result<StatusCode, String> {
    let known = code.parse().ok().filter(|code: &StatusCode| (200..=599).contains(&code.as_u16()));
    known.ok_or_else(|| "an answer is a status code from 200 to 599, such as 500".to_owned())
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    // Removed with everything in it when this function returns.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    let data = tempfile::Builder::new().prefix("sealpost-dev-").permissions(private).tempdir();
    let data = data.map_err(|error| Failure::Failed(format!("no temporary data directory: {error}")))?;
    let profile = Profile::Dev { data: data.path().to_owned() };
    let config = Config::load(&args.server.sources(profile))?;
    let Some(api_key) = config.keys.api.clone() else {
        let why = "keys.api is empty; dev needs one (without SEALPOST_API_KEY it has a fixed one)";
        return Err(Failure::Usage(why.to_owned()));
    };
    if !args.expose {
        refuse_known_keys_in_public(&config)?;
    }
    telemetry::init(&config.log);
    serve::block_on(async {
        let shutdown = serve::shutdown()?;
        let receiver = receiver::listen().await;
        let receiver = receiver.map_err(|error| Failure::Failed(format!("no receiver: {error}")))?;
        let ready = |running: &Running| {
            serve::announce(running);
            if let Some(signing_key) = running.store().directory().signing_key().cloned() {
                let (server, bins, answers) = (running.addr(), running.bins().clone(), args.answers.clone());
                tokio::spawn(Demo { server, bins, api_key, signing_key, answers }.run(receiver));
            }
        };
        Ok(server::run(&config, ready, shutdown).await?)
    })
}

/// Everyone knows the fixed keys: whoever reaches the listener could use the API.
fn refuse_known_keys_in_public(config: &Config) -> Result<(), Failure> {
    let fixed = Config::dev_keys()?;
    let known = config.keys.api == fixed.api || config.keys.signing == fixed.signing;
    let listen = config.server.listen;
    if known && !listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "{listen} is not loopback, and everyone knows the keys of dev; set SEALPOST_API_KEY and \
             SEALPOST_SIGNING_KEY to keys of your own, or pass --expose"
        )));
    }
    Ok(())
}
