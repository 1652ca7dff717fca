//! A request as it comes in, and what it says.

use axum::extract::{FromRequest as _, Multipart};
use axum::http::{HeaderMap, Method, Uri, header};
use bytes::Bytes;
use sealpost_core::http::RequestHead;
use sealpost_core::json::{Number, Text};
use sealpost_core::sign::{ReceivedBlock, StandardHeaders, check_payload};
use sealpost_core::{Body, EventKind, RawJson, Severity, UnixTime, WebhookKind};
use url::form_urlencoded;

use super::details::Details;
use super::verdict::{self, Verdict};
use crate::storage::{Bin, Capture, Directory};

/// Header fields whose value is for nobody's eyes but the receiver's.
const MASKED: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];
/// The most fields of a form that are looked at.
const MAX_FIELDS: usize = 100;

/// A request to a bin.
#[derive(Clone, Debug)]
pub struct Incoming {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// A request of which it is known what it says.
#[derive(Debug, Default)]
pub(super) struct Judged {
    kind: Option<String>,
    message: Option<String>,
    /// Whether a webhook has the URL that it came to.
    has_webhook: bool,
    details: Details,
    body: Bytes,
}

/// What a body says.
#[derive(Default)]
struct Said {
    kind: Option<String>,
    id: Option<String>,
    domain: Option<String>,
    recipient: Option<String>,
    event_at: Option<i64>,
    mailgun: Verdict,
}

impl Incoming {
    /// A request that came by HTTP.
    #[must_use]
    pub fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes())));
        let target = uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string);
        Self { method: method.to_string(), target, headers: headers.collect(), body }
    }

    /// A delivery that would have been this request, had there been a connection; `None` if its head is too long for one.
    #[must_use]
    pub fn in_process<B: Body>(head: &RequestHead<'_>, body: &B) -> Option<Self> {
        let mut buffer = vec![0; 8 * 1024];
        let head = String::from_utf8_lossy(head.write(&mut buffer).ok()?).into_owned();
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let fields = lines.map_while(|line| line.split_once(": "));
        let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Self { method, target, headers, body: body.chunks().concat().into() })
    }

    /// The query with its question mark, or nothing.
    pub(super) fn query(&self) -> &str {
        self.target.find('?').and_then(|at| self.target.get(at..)).unwrap_or_default()
    }

    /// Finds out what the request says, and what its signatures come to. `url` is where it came to.
    pub(super) async fn judge(self, directory: &Directory, bin: &Bin, url: &str, now: UnixTime) -> Judged {
        let key = directory.signing_key();
        let content_type =
            self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default().to_ascii_lowercase();
        let is_form = content_type.starts_with("multipart/form-data")
            || content_type.starts_with("application/x-www-form-urlencoded");
        let mut said = if self.body.is_empty() {
            Said { mailgun: Verdict::Absent("there is no body".to_owned()), ..Said::default() }
        } else if is_form {
            let fields = self.fields(&content_type).await;
            let mut said = Said::in_form(&fields);
            said.mailgun = match block_in(&fields) {
                Some(block) => verdict::of_form(&block, key, now),
                None => Verdict::Absent("the form has no timestamp, token and signature".to_owned()),
            };
            said
        } else {
            let mut said = Said::in_payload(&self.body);
            said.mailgun = verdict::of_payload(&self.body, key, now);
            said
        };
        let domains = [said.domain.as_deref(), bin.domain.as_deref()];
        let of_domain =
            |domain| Some(directory.secrets_of_url(domain, url)).filter(|secrets| !secrets.is_empty());
        let secrets = domains.into_iter().flatten().find_map(of_domain);
        let sent = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| self.header(name));
        let standard_webhooks = match (sent, &secrets) {
            ([_, _, None], _) => Verdict::Absent("there is no webhook-signature header".to_owned()),
            ([Some(id), Some(timestamp), Some(signatures)], Some(secrets)) => {
                let headers = StandardHeaders { id, timestamp, signatures };
                verdict::of_headers(headers, &self.body, secrets, now)
            }
            (_, None) => Verdict::NotVerified(
                "no webhook has this URL, so nobody knows the secret that it was signed with".to_owned(),
            ),
            _ => Verdict::NotVerified("webhook-id or webhook-timestamp is missing".to_owned()),
        };
        Judged {
            message: sent[0].map(str::to_owned).or_else(|| said.id.take()),
            has_webhook: secrets.is_some(),
            kind: said.kind,
            details: Details {
                headers: self.headers.into_iter().map(masked).collect(),
                method: self.method,
                target: self.target,
                recipient: said.recipient,
                event_at: said.event_at,
                mailgun: said.mailgun,
                standard_webhooks,
            },
            body: self.body,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let named = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_str())
    }

    /// The fields of a form, as many as are looked at.
    async fn fields(&self, content_type: &str) -> Vec<(String, String)> {
        if content_type.starts_with("application/") {
            return form_urlencoded::parse(&self.body).into_owned().take(MAX_FIELDS).collect();
        }
        let content_type = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        let request = axum::extract::Request::post("/").header(header::CONTENT_TYPE, content_type);
        let Ok(request) = request.body(self.body.clone().into()) else { return Vec::new() };
        let Ok(mut parts) = Multipart::from_request(request, &()).await else { return Vec::new() };
        let mut fields = Vec::new();
        while fields.len() < MAX_FIELDS
            && let Ok(Some(part)) = parts.next_field().await
        {
            let name = part.name().unwrap_or_default().to_owned();
            let Ok(value) = part.text().await else { break };
            fields.push((name, value));
        }
        fields
    }
}

impl Said {
    fn in_payload(body: &[u8]) -> Self {
        let Some(event) = check_payload(body).ok().and_then(|payload| payload.member("event-data")) else {
            return Self::default();
        };
        let text = |raw: Option<RawJson<'_>>| raw.and_then(RawJson::as_text).map(|text| plain(&text));
        let word = |name| text(event.member(name));
        let name = word("event");
        let severity = word("severity").as_deref().and_then(Severity::parse);
        let kind = name.as_deref().and_then(EventKind::parse).and_then(|event| event.webhook(severity));
        let time = event.member("timestamp").and_then(RawJson::as_number).and_then(Number::as_unix_time);
        Self {
            kind: kind.map(|kind| WebhookKind::as_str(kind).to_owned()).or(name),
            id: word("id"),
            domain: text(event.member("domain").and_then(|domain| domain.member("name"))),
            recipient: word("recipient"),
            event_at: time.map(micros),
            mailgun: Verdict::default(),
        }
    }

    fn in_form(fields: &[(String, String)]) -> Self {
        let field = |name| field(fields, name).map(str::to_owned);
        Self {
            kind: field("event"),
            domain: field("domain"),
            recipient: field("recipient"),
            ..Self::default()
        }
    }
}

impl Judged {
    /// What the store keeps of it. Verified is a request whose signatures are all good: Mailgun's, and that of the
    /// headers, which alone covers the body, wherever this server sends them.
    pub(super) fn into_capture(self, received_at: i64, standard_webhooks: bool) -> Capture {
        let Details { mailgun, standard_webhooks: headers, .. } = &self.details;
        let needs_no_headers = headers.is_absent() && !(standard_webhooks && self.has_webhook);
        let verified = mailgun.is_verified() && (headers.is_verified() || needs_no_headers);
        Capture {
            received_at,
            kind: self.kind.as_deref().map(cut),
            message: self.message.as_deref().map(cut),
            verified,
            // Writing strings and numbers to memory cannot fail.
            details: serde_json::to_string(&self.details).unwrap_or_default().into(),
            body: self.body,
        }
    }
}

fn block_in(fields: &[(String, String)]) -> Option<ReceivedBlock<'_>> {
    Some(ReceivedBlock {
        timestamp: field(fields, "timestamp")?,
        token: field(fields, "token")?,
        signature: field(fields, "signature")?,
        parent_signature: None,
    })
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn plain(text: &Text<'_>) -> String {
    text.as_plain().map_or_else(|| text.chars().collect(), str::to_owned)
}

/// As much of a text as the store takes.
fn cut(text: &str) -> Box<str> {
    text.get(..text.floor_char_boundary(Capture::MAX_NAME)).unwrap_or_default().into()
}

fn micros(time: UnixTime) -> i64 {
    let secs = i64::try_from(time.secs()).unwrap_or(i64::MAX);
    secs.saturating_mul(1_000_000).saturating_add(time.subsec_micros().into())
}

/// A header field as it is kept: of credentials no more than their scheme.
fn masked((name, value): (String, String)) -> (String, String) {
    if !MASKED.iter().any(|masked| name.eq_ignore_ascii_case(masked)) {
        return (name, value);
    }
    let scheme = value.split_once(' ').map_or("", |(scheme, _)| scheme);
    (name, format!("{scheme} ***").trim_start().to_owned())
}
