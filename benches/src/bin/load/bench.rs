//! What every scenario works with: a server, sinks and a generator, each in a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Result;
use crate::generator::{self, Load};
use crate::process::Process;
use crate::server::{DOMAIN, SIGNING_KEY, Server, authorization};
use crate::sink;

/// How long deliveries may stand still before they count as missing.
const STANDSTILL: Duration = Duration::from_secs(20);

/// How to measure, and with what.
pub(crate) struct Bench {
    /// The server's program.
    pub(crate) program: PathBuf,
    /// Where data may lie; on the disk that is measured.
    pub(crate) directory: PathBuf,
    /// Of one measurement.
    pub(crate) seconds: f64,
    /// How often each is made.
    pub(crate) rounds: usize,
    pub(crate) extent: Extent,
    pub(crate) bar: ProgressBar,
}

/// How large backlogs and stores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Short,
    Usual,
    Full,
}

/// A running sink.
pub(crate) struct Sink {
    /// Held, so that it lives.
    _process: Process,
    pub(crate) address: SocketAddr,
    agent: ureq::Agent,
}

impl Extent {
    pub(crate) fn of(short: bool, full: bool) -> Self {
        match (short, full) {
            (true, _) => Self::Short,
            (_, true) => Self::Full,
            _ => Self::Usual,
        }
    }
}

impl Bench {
    /// A bar of so many steps, on standard error if that is a terminal.
    pub(crate) fn bar(steps: u64) -> ProgressBar {
        let bar = ProgressBar::new(steps);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} [{elapsed}] {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(500));
        bar
    }

    /// Says what is being done.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    pub(crate) fn server(&self, settings: &[(&str, &str)]) -> Result<Server> {
        self.server_named("server", settings)
    }

    /// One of several servers that run at the same time.
    pub(crate) fn server_named(&self, name: &str, settings: &[(&str, &str)]) -> Result<Server> {
        Server::start(&self.program, &self.directory.join(name), settings)
    }

    /// A sink whose answers take so many milliseconds, on this port or, for 0, a free one.
    pub(crate) fn sink(&self, port: u16, delay: u64) -> Result<Sink> {
        let (port, delay) = (port.to_string(), delay.to_string());
        let mut process = own(&["sink", "--port", &port, "--delay", &delay, "--key", SIGNING_KEY])?;
        let address = process.line_after("listening on ")?.parse()?;
        let agent = ureq::Agent::config_builder().proxy(None).timeout_global(Some(STANDSTILL)).build();
        Ok(Sink { _process: process, address, agent: agent.new_agent() })
    }

    /// Runs a generator to its end.
    pub(crate) fn generate(&self, load: &Load) -> Result<generator::Report> {
        let Load { to, path, paths, authorization, kind, .. } = load;
        let Load { connections, batch, rate, first, events, seconds, .. } = load;
        let arguments = [
            ("--to", to.to_string()),
            ("--path", path.clone()),
            ("--paths", paths.to_string()),
            ("--authorization", authorization.clone()),
            ("--kind", kind.clone()),
            ("--connections", connections.to_string()),
            ("--batch", batch.to_string()),
            ("--rate", rate.to_string()),
            ("--first", first.to_string()),
            ("--events", events.to_string()),
            ("--seconds", seconds.to_string()),
        ];
        let arguments: Vec<_> = arguments.iter().flat_map(|(name, value)| [*name, value.as_str()]).collect();
        let mut process = own(&[&["generate"], arguments.as_slice()].concat())?;
        Ok(serde_json::from_str(&process.line_after("report ")?)?)
    }

    /// What a server is loaded with unless a scenario says otherwise: as many single events as it takes.
    pub(crate) fn load(&self, server: &Server, first: u64) -> Load {
        Load {
            to: server.address(),
            path: format!("/v3/{DOMAIN}/events"),
            paths: 1,
            authorization: authorization(),
            kind: "delivered".to_owned(),
            connections: 64,
            batch: 1,
            rate: 0.0,
            first,
            events: u64::MAX,
            seconds: self.seconds,
        }
    }

    /// Waits until so many payloads have come since the last reset.
    pub(crate) fn wait_for(&self, server: &mut Server, sink: &Sink, payloads: u64) -> Result<sink::Report> {
        let (mut seen, mut moved) = (0, Instant::now());
        loop {
            let report = sink.report()?;
            if report.payloads >= payloads {
                return Ok(report);
            }
            if report.payloads > seen {
                (seen, moved) = (report.payloads, Instant::now());
            }
            if moved.elapsed() > STANDSTILL {
                server.check()?;
                return Err(format!("{seen} of {payloads} payloads have come, and no more do").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Sink {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn report(&self) -> Result<sink::Report> {
        Ok(serde_json::from_str(&self.get("/report")?)?)
    }

    pub(crate) fn reset(&self) -> Result<()> {
        self.get("/reset").map(drop)
    }

    fn get(&self, path: &str) -> Result<String> {
        Ok(self.agent.get(self.url(path)).call()?.body_mut().read_to_string()?)
    }
}

/// This program in another role.
fn own(arguments: &[&str]) -> Result<Process> {
    Process::start(Command::new(std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()))
}
