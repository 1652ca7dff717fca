//! The server under test: the real program, in a process and a directory of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::failure::Result;
use crate::process::Process;

const API_KEY: &str = "key-0123456789abcdef0123456789abcdef";
/// The key that payloads are signed with.
pub(crate) const SIGNING_KEY: &str = "key-55c5c5c5c55f55ca5cd5f55d5c555c55";
/// The domain that every server has.
pub(crate) const DOMAIN: &str = "example.com";

/// A running server. Killed, and its data removed, when dropped.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    agent: ureq::Agent,
    directory: PathBuf,
    program: PathBuf,
    settings: Vec<(String, String)>,
}

/// Where all deliveries are.
#[derive(Debug, Deserialize)]
pub(crate) struct Accounting {
    pub(crate) accepted: u64,
    pub(crate) acknowledged: u64,
    pub(crate) pending: u64,
    pub(crate) balances: bool,
}

impl Server {
    /// Starts a server on an empty directory, with these settings beside what every server here has.
    pub(crate) fn start(program: &Path, directory: &Path, more: &[(&str, &str)]) -> Result<Self> {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::create_dir_all(directory)?;
        let usual = [
            ("keys.api", API_KEY),
            ("keys.signing", SIGNING_KEY),
            ("domains.names", DOMAIN),
            ("egress.allow", "127.0.0.0/8"),
        ];
        let settings = usual.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = settings.collect();
        let (process, address) = spawn(program, directory, &settings)?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .new_agent();
        let (program, directory) = (program.to_owned(), directory.to_owned());
        Ok(Self { process, address, agent, directory, program, settings })
    }

    /// Stops it as an operator does, and starts it again on the same data, at another port.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process.terminate()?;
        (self.process, self.address) = spawn(&self.program, &self.directory, &self.settings)?;
        Ok(())
    }

    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.process.is_running() {
            return Ok(());
        }
        let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
        Err(format!("the server has ended: {}", log.lines().last().unwrap_or("it said nothing")).into())
    }

    /// Sets the webhook of a type in a domain.
    pub(crate) fn subscribe(&self, domain: &str, kind: &str, urls: &[String]) -> Result<()> {
        let urls = urls.iter().map(|url| ("url", url.as_str()));
        self.form(&format!("/v3/domains/{domain}/webhooks"), [("id", kind)].into_iter().chain(urls))
    }

    pub(crate) fn create_domain(&self, name: &str) -> Result<()> {
        self.form("/v3/domains", [("name", name)])
    }

    /// Submits lines of events.
    pub(crate) fn submit(&self, lines: &str) -> Result<()> {
        let request = self.agent.post(format!("http://{}/v3/{DOMAIN}/events", self.address));
        let request = request.header("Content-Type", "application/x-ndjson");
        let mut answer = request.header("Authorization", &authorization()).send(lines)?;
        let body = answer.body_mut().read_to_string()?;
        if answer.status() == 200 { Ok(()) } else { Err(format!("{}: {body}", answer.status()).into()) }
    }

    pub(crate) fn accounting(&self) -> Result<Accounting> {
        Ok(serde_json::from_value(self.json("/v5/accounts/accounting")?)?)
    }

    /// The answer to a GET of this path.
    pub(crate) fn json(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(format!("http://{}{path}", self.address));
        let mut answer = request.header("Authorization", &authorization()).call()?;
        let body = answer.body_mut().read_to_string()?;
        if answer.status() != 200 {
            return Err(format!("{path}: {} {body}", answer.status()).into());
        }
        Ok(serde_json::from_str(&body)?)
    }

    fn form<'a>(&self, path: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<()> {
        let request = self.agent.post(format!("http://{}{path}", self.address));
        let mut answer = request.header("Authorization", &authorization()).send_form(fields)?;
        if answer.status() != 200 {
            let body = answer.body_mut().read_to_string()?;
            return Err(format!("{path}: {} {body}", answer.status()).into());
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill();
        // What is left is removed by the next run.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The header that opens the API.
pub(crate) fn authorization() -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("api:{API_KEY}")))
}

fn spawn(program: &Path, directory: &Path, settings: &[(String, String)]) -> Result<(Process, SocketAddr)> {
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log"))?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEALPOST_") {
            command.env_remove(name);
        }
    }
    command.arg("serve").arg("--data").arg(directory.join("data")).stderr(Stdio::from(log));
    command.env("SEALPOST_SERVER_LISTEN", "127.0.0.1:0");
    for (key, value) in settings {
        command.env(format!("SEALPOST_{}", key.replace('.', "_").to_uppercase()), value);
    }
    let mut process = Process::start(&mut command)?;
    let address = process.line_after("listening on http://")?.parse()?;
    Ok((process, address))
}
