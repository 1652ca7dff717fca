//! The server that a client command talks to, and the key that it shows.

use std::io::Read as _;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::failure::Failure;
use super::key;
use crate::config;
use crate::secrets::Secret;

/// Time for one call.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const MAX_ANSWER: u64 = 16 << 20;

/// What to say to whoever was answered with 401.
pub(super) const WRONG_KEY: &str =
    "401: the API key is wrong; set SEALPOST_API_KEY to the server's, which is not the signing key";

#[derive(clap::Args)]
pub(super) struct Access {
    /// The server's address
    ///
    /// The server's address, the start of all its URLs.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8925", value_parser = server)]
    server: Url,

    /// The API key; better in SEALPOST_API_KEY
    ///
    /// The API key. Other users of this machine can see it in the list of processes; the environment variable
    /// SEALPOST_API_KEY, used without this flag, they cannot.
    #[arg(long, value_name = "KEY", value_parser = key::parse)]
    key: Option<Secret>,
}

impl Access {
    pub(super) fn server(&self) -> &Url {
        &self.server
    }

    /// The key of the flag, else of the environment.
    pub(super) fn key(&self) -> Result<Secret, Failure> {
        key::given(self.key.as_ref(), "SEALPOST_API_KEY", "API key")
    }

    /// A call of the API, once; its answer in JSON.
    pub(super) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let url = format!("{}{path}", self.server.as_str().trim_end_matches('/'));
        let (agent, authorization) = (agent(TIMEOUT), key::basic(&self.key()?));
        let answer = match method {
            Method::Get => agent.get(&url).header("Authorization", authorization).call(),
            Method::Delete => agent.delete(&url).header("Authorization", authorization).call(),
            Method::Post => {
                agent.post(&url).header("Authorization", authorization).send_form(form.iter().copied())
            }
        };
        let failed = |why: &dyn std::fmt::Display| Failure::Failed(format!("{url}: {why}"));
        let mut answer = answer.map_err(|error| failed(&error))?;
        let mut body = Vec::new();
        answer
            .body_mut()
            .as_reader()
            .take(MAX_ANSWER)
            .read_to_end(&mut body)
            .map_err(|error| failed(&error))?;
        match answer.status().as_u16() {
            200 => serde_json::from_slice(&body)
                .map_err(|_| failed(&"the server answered 200 with a body of another kind; is it Sealpost?")),
            401 => Err(Failure::Failed(WRONG_KEY.to_owned())),
            status => Err(Failure::Failed(format!("{status}: {}", message(&body)))),
        }
    }
}

/// What a call does.
#[derive(Clone, Copy)]
pub(super) enum Method {
    Get,
    Post,
    Delete,
}

/// A client that goes straight to the server, and tells of every status.
pub(super) fn agent(timeout: Duration) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(timeout))
        .user_agent(concat!("sealpost/", env!("CARGO_PKG_VERSION")))
        .build();
    config.new_agent()
}

/// The sentence of a body in Mailgun's shape, else the start of the body.
pub(super) fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        message: String,
    }
    serde_json::from_slice::<Answer>(body).map_or_else(
        |_| String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(200).collect(),
        |answer| answer.message,
    )
}

/// For clap: a domain name, or what it must look like.
pub(super) fn domain(text: &str) -> Result<config::DomainName, String> {
    config::DomainName::parse(text).ok_or_else(|| "it must be a domain name, such as example.com".to_owned())
}

fn server(text: &str) -> Result<Url, String> {
    config::base_url(text).ok_or_else(|| format!("it must be {}", config::BASE_URL))
}
