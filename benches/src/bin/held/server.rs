//! The program that is measured, in a process of its own.

use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Args;
use crate::client::Client;

/// The header field of whoever may do everything: user `api`, with the key below.
pub(crate) const AUTHORIZATION: &str = "Authorization: Basic YXBpOmtleS1oZWxk";
const API_KEY: &str = "key-held";

/// The events that no field but the type is needed for.
const KINDS: [&str; 6] = ["accepted", "clicked", "complained", "delivered", "opened", "unsubscribed"];

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Where the events of one endpoint go in.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) events: String,
    pub(crate) kind: &'static str,
}

/// An empty directory for the data of a server.
pub(crate) fn empty(args: &Args) -> io::Result<PathBuf> {
    let data = args.data.join("data");
    if data.exists() {
        std::fs::remove_dir_all(&data)?;
    }
    std::fs::create_dir_all(&args.data)?;
    Ok(data)
}

impl Server {
    /// Starts one on this data.
    pub(crate) fn start(args: &Args, data: &Path, settings: &[(&str, &str)]) -> io::Result<Self> {
        let mut command = Command::new(&args.server);
        command.arg("serve").arg("--data").arg(data).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
        let usual = [
            ("SERVER_LISTEN", "127.0.0.1:0"),
            ("KEYS_API", API_KEY),
            ("KEYS_SIGNING", "key-signing"),
            ("EGRESS_ALLOW", "127.0.0.0/8"),
            ("LOG_LEVEL", "error"),
        ];
        command.envs(usual.iter().chain(settings).map(|(key, value)| (format!("SEALPOST_{key}"), value)));
        let mut child = command.spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        while out.read_line(&mut line)? > 0 {
            if let Some((_, address)) = line.trim_end().rsplit_once("listening on http://") {
                let address = address.parse().map_err(io::Error::other)?;
                // Whatever else it says is read, so that it never waits to say it.
                std::thread::spawn(move || io::copy(&mut out, &mut io::sink()));
                return Ok(Self { child, address });
            }
            line.clear();
        }
        Err(io::Error::other("the server does not listen"))
    }

    /// Asks the process to end, and waits until it has.
    pub(crate) fn stop(mut self) -> io::Result<()> {
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        self.child.wait().map(drop)
    }

    /// Gives each URL a place of its own, in as many domains as that takes.
    pub(crate) async fn subscribe(&self, urls: impl IntoIterator<Item = String>) -> io::Result<Vec<Place>> {
        let (mut client, mut places) = (Client::connect(self.address).await?, Vec::new());
        for (number, url) in urls.into_iter().enumerate() {
            let (domain, kind) = (format!("d{}.example", number / KINDS.len()), KINDS[number % KINDS.len()]);
            if number % KINDS.len() == 0 {
                client.form("/v3/domains", &format!("name={domain}")).await?;
            }
            client.form(&format!("/v3/domains/{domain}/webhooks"), &format!("id={kind}&url={url}")).await?;
            places.push(Place { events: format!("/v3/{domain}/events"), kind });
        }
        Ok(places)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
