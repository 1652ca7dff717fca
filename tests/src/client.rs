//! A client of the API, as thin as curl.

use std::time::Duration;

use ureq::http;

/// Requests with Basic auth, user `api`.
pub struct Api {
    agent: ureq::Agent,
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Api {
    /// A client of the server at `base`, with this key.
    #[must_use]
    pub fn new(base: &str, key: &str) -> Self {
        Self::anonymous(base).with_header("Authorization", &basic("api", key))
    }

    /// A client without credentials.
    #[must_use]
    pub fn anonymous(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)))
            .allow_non_standard_methods(true)
            .build();
        Self { agent: config.new_agent(), base: base.trim_end_matches('/').to_owned(), headers: Vec::new() }
    }

    /// `GET` of a path, or of an absolute URL such as those of `paging`.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, None, &[])
    }

    /// `DELETE` of a path.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn delete(&self, path: &str) -> Response {
        self.send("DELETE", path, None, &[])
    }

    /// A form as `multipart/form-data`, as `curl -F` sends it.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn multipart(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        const BOUNDARY: &str = "------------------------d74496d66958873e";
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body += &format!("--{BOUNDARY}--\r\n");
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send(method, path, Some(&content_type), body.as_bytes())
    }

    /// A form as `application/x-www-form-urlencoded`, as `curl --data-urlencode` sends it.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn urlencoded(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let pairs: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
        self.send(method, path, Some("application/x-www-form-urlencoded"), pairs.join("&").as_bytes())
    }

    /// `POST` of a body of any type.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn post(&self, path: &str, content_type: &str, body: impl AsRef<[u8]>) -> Response {
        self.send("POST", path, Some(content_type), body.as_ref())
    }

    /// The same client with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Any request.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, content_type: Option<&str>, body: &[u8]) -> Response {
        let answer = self.try_send(method, path, content_type, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Any request, to a server that may be gone.
    ///
    /// # Errors
    /// There is no whole answer.
    ///
    /// # Panics
    /// If the arguments make no request.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Response, ureq::Error> {
        let url = if path.starts_with("http://") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = http::Request::builder().method(method).uri(url);
        let content_type = content_type.map(|value| ("Content-Type", value));
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in headers.chain(content_type) {
            request = request.header(name, value);
        }
        let mut answer = match content_type {
            Some(_) => self.agent.run(request.body(body).expect("a request"))?,
            None => self.agent.run(request.body(()).expect("a request"))?,
        };
        let headers = answer.headers().iter();
        let headers = headers
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Ok(Response {
            status: answer.status().as_u16(),
            headers: headers.collect(),
            body: answer.body_mut().with_config().limit(64 << 20).read_to_vec()?,
        })
    }
}

impl Response {
    /// The value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// This answer, if it has this status.
    ///
    /// # Panics
    /// If it has another.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// The value of an `Authorization` field (RFC 7617).
#[must_use]
pub fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("{user}:{password}").as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let sextet = bits >> (18 - 6 * place) & 63;
            text.push(if place > chunk.len() { '=' } else { ALPHABET[sextet as usize].into() });
        }
    }
    text
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
