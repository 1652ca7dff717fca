//! A live server: the real program in a process of its own, on a free port, with a data directory of its own.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{Api, sealpost};

/// The API key of every test server.
pub const API_KEY: &str = "key-0123456789abcdef0123456789abcdef";
/// The signing key of every test server.
pub const SIGNING_KEY: &str = "key-55c5c5c5c55f55ca5cd5f55d5c555c55";
/// The domain that every test server has.
pub const DOMAIN: &str = "example.com";
/// Attempts of one endpoint that may be without a committed outcome, and so the most that one kill may repeat of it: four
/// times as many as may be in flight.
pub const UNRECORDED: usize = 32;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. Killed when dropped; its log is shown when the test panics.
pub struct Server {
    /// The command and its arguments.
    command: Vec<String>,
    settings: Vec<(String, String)>,
    /// Further variables of the program's environment.
    environment: Vec<(String, String)>,
    data: TempDir,
    running: Option<Running>,
}

struct Running {
    child: Child,
    address: SocketAddr,
    out: Arc<Lines>,
    log: Arc<Lines>,
}

impl Server {
    /// A server that may reach loopback receivers and retries after 50, 100 and 200 ms.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Like [`Self::start`], with more settings: keys such as `delivery.schedule`, and their values.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::within(&[], settings)
    }

    /// Like [`Self::with`], with more variables in the environment of the process.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn within(environment: &[(&str, String)], settings: &[(&str, &str)]) -> Self {
        let mut server = Self::prepared(&["serve"], settings);
        server.environment =
            environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        server.restart();
        server
    }

    /// A server that has never run; [`Self::restart`] starts it.
    #[must_use]
    pub fn before_its_first_start(settings: &[(&str, &str)]) -> Self {
        Self::prepared(&["serve"], settings)
    }

    /// `sealpost dev` with these arguments and settings.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn dev(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        let mut server = Self::prepared(&[&["dev"], arguments].concat(), settings);
        server.restart();
        server
    }

    fn prepared(command: &[&str], more: &[(&str, &str)]) -> Self {
        let usual = [
            ("keys.api", API_KEY),
            ("keys.signing", SIGNING_KEY),
            ("domains.names", DOMAIN),
            ("delivery.schedule", "50ms,100ms,200ms"),
            ("egress.allow", "127.0.0.0/8"),
            ("storage.min_free_disk", "0"),
            ("log.level", "debug"),
        ];
        let usual: &[(&str, &str)] = if command == ["serve"] { &usual } else { &[] };
        let settings = usual.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let data = TempDir::new().expect("a temporary directory");
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let environment = Vec::new();
        Self { command, settings: settings.collect(), environment, data, running: None }
    }

    /// Starts the server again on the same data, after [`Self::kill9`] or [`Self::sigterm`]. The port is
    /// another one.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&mut self) {
        let started = self.try_restart();
        started.unwrap_or_else(|log| panic!("the server does not listen: {}", log.join("\n")));
    }

    /// Like [`Self::restart`], for a server that may not start.
    ///
    /// # Errors
    /// Its log, and that it has ended, if it ends before it listens.
    pub fn try_restart(&mut self) -> Result<(), Vec<String>> {
        self.kill9();
        self.running = Some(Running::of(&mut self.program())?);
        Ok(())
    }

    /// Starts the server again and kills it after this time, wherever it is by then.
    ///
    /// # Panics
    /// If the program cannot be run.
    pub fn kill9_while_starting(&mut self, after: Duration) {
        self.kill9();
        let mut child = self
            .program()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(after);
        child.kill().expect("it is ours");
        let _ = child.wait();
    }

    fn program(&self) -> Command {
        let mut command = sealpost();
        command.args(&self.command).env("SEALPOST_SERVER_LISTEN", "127.0.0.1:0");
        if self.command == ["serve"] {
            command.arg("--data").arg(self.data());
        }
        for (key, value) in &self.settings {
            command.env(format!("SEALPOST_{}", key.replace('.', "_").to_uppercase()), value);
        }
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Gives the program these further variables, instead of earlier ones, from the next [`Self::restart`] on.
    pub fn set_environment(&mut self, variables: Vec<(String, String)>) {
        self.environment = variables;
    }

    /// How the process ended, if it does within this time.
    ///
    /// # Panics
    /// If it was not running.
    pub fn ends_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let running = self.running.as_mut().expect("a running server");
        let until = Instant::now() + time;
        loop {
            match running.child.try_wait().expect("the server's status") {
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                status => return status,
            }
        }
    }

    /// The log so far.
    ///
    /// # Panics
    /// If the server was not started.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.running.as_ref().expect("a server that was started").log.all()
    }

    /// Changes a setting; it holds from the next [`Self::restart`] on.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }

    /// Ends the process without warning. Nothing if it is not running.
    pub fn kill9(&mut self) {
        if let Some(mut running) = self.running.take() {
            // An error says that it has ended already.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// Asks the process to drain, and waits until it has ended.
    ///
    /// # Panics
    /// If it is not running, or does not end within 30 s.
    pub fn sigterm(&mut self) -> ExitStatus {
        let mut running = self.running.take().expect("a running server");
        let told = Command::new("kill").args(["-TERM", &running.child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "kill -TERM");
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = running.child.try_wait().expect("the server's status") {
                return status;
            }
            assert!(Instant::now() < until, "the server did not drain: {}", running.log.all().join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the process has ended by itself, or by a signal.
    ///
    /// # Panics
    /// If it is not running, or goes on for 30 s.
    pub fn wait_for_kill(&mut self) {
        let mut running = self.running.take().expect("a running server");
        let until = Instant::now() + PATIENCE;
        while running.child.try_wait().expect("the server's status").is_none() {
            assert!(Instant::now() < until, "the server lives: {}", running.log.all().join("\n"));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A client with the API key.
    #[must_use]
    pub fn api(&self) -> Api {
        Api::new(&self.url(""), API_KEY)
    }

    /// The absolute URL of this path.
    ///
    /// # Panics
    /// If the server is not running.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.as_ref().expect("a running server").address)
    }

    /// The lines of the log so far that hold `text`, once there are at least `count`.
    ///
    /// # Panics
    /// If the server is not running, or there are not after 30 s.
    #[must_use]
    pub fn logged(&self, text: &str, count: usize) -> Vec<String> {
        self.running.as_ref().expect("a running server").log.with_text(text, count)
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The process id, to look at the process from outside.
    ///
    /// # Panics
    /// If the server is not running.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("a running server").child.id()
    }

    /// The lines on standard output so far, once one of them holds `text`.
    ///
    /// # Panics
    /// If none does within 30 s.
    #[must_use]
    pub fn output_with(&self, text: &str) -> Vec<String> {
        let _there = self.printed(text, 1);
        self.running.as_ref().expect("a running server").out.all()
    }

    /// The lines on standard output so far that hold `text`, once there are at least `count`.
    ///
    /// # Panics
    /// If the server is not running, or there are not after 30 s.
    #[must_use]
    pub fn printed(&self, text: &str, count: usize) -> Vec<String> {
        self.running.as_ref().expect("a running server").out.with_text(text, count)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &self.running
            && std::thread::panicking()
        {
            eprintln!("--- the server's log\n{}", running.log.all().join("\n"));
        }
        self.kill9();
    }
}

impl Running {
    fn of(command: &mut Command) -> Result<Self, Vec<String>> {
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        let out = Lines::of(child.stdout.take().expect("a pipe"));
        let log = Lines::of(child.stderr.take().expect("a pipe"));
        out.wait_for("listening on http://", 1);
        let ready = out.first("listening on http://");
        let address = ready.as_deref().and_then(|line| line.rsplit_once("http://")?.1.parse().ok());
        let Some(address) = address else {
            // It may have ended already.
            let _ = child.kill();
            let status = child.wait().expect("the server's status");
            return Err([log.all(), vec![format!("ended with {status}")]].concat());
        };
        Ok(Self { child, address, out, log })
    }
}

/// The lines of a pipe, read by a thread so that the writer never blocks; at most [`Lines::MOST`] are kept.
#[derive(Default)]
struct Lines {
    state: Mutex<(Vec<String>, bool)>,
    more: Condvar,
}

impl Lines {
    const MOST: usize = 10_000;

    fn of(pipe: impl Read + Send + 'static) -> Arc<Self> {
        let lines = Arc::new(Self::default());
        let ours = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                ours.with(|(kept, _)| {
                    if kept.len() < Self::MOST {
                        kept.push(line);
                    }
                });
            }
            ours.with(|(_, ended)| *ended = true);
        });
        lines
    }

    fn with(&self, change: impl FnOnce(&mut (Vec<String>, bool))) {
        change(&mut self.state.lock().expect("no reader panics"));
        self.more.notify_all();
    }

    /// Waits until `count` lines hold `text`, the pipe ends, or patience does.
    fn wait_for(&self, text: &str, count: usize) {
        let state = self.state.lock().expect("no reader panics");
        let fewer = |(lines, ended): &mut (Vec<String>, bool)| {
            !*ended && lines.iter().filter(|line| line.contains(text)).count() < count
        };
        drop(self.more.wait_timeout_while(state, PATIENCE, fewer).expect("no reader panics"));
    }

    /// Those that hold `text`, of which there must be `count` in the end.
    fn with_text(&self, text: &str, count: usize) -> Vec<String> {
        self.wait_for(text, count);
        let (found, others): (Vec<_>, Vec<_>) = self.all().into_iter().partition(|line| line.contains(text));
        assert!(found.len() >= count, "{} of {count} lines with `{text}` beside {others:#?}", found.len());
        found
    }

    fn first(&self, text: &str) -> Option<String> {
        self.all().into_iter().find(|line| line.contains(text))
    }

    fn all(&self) -> Vec<String> {
        self.state.lock().expect("no reader panics").0.clone()
    }
}
