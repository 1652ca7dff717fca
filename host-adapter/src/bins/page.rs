//! The page of a bin. Everything that anyone has sent goes through the templates, which write it as text.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sealpost_core::sign::check_payload;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::{Bins, Details, Verdict};
use crate::pretty::pretty;
use crate::storage::{Bin, KindCount, StoredCapture};

/// As much of a body as is shown, in bytes.
pub(crate) const SHOWN: usize = 64 << 10;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Ready-made answers to choose from.
const PRESETS: [(&str, &str); 8] = [
    ("always 200", ""),
    ("500, 500, 200", "500*2, 200"),
    ("503, come back in 5 s", "503 retry-after=5, 200"),
    ("406 refuse", "406*"),
    ("410 gone", "410*"),
    ("302 redirect", "302*"),
    ("reset", "reset, 200"),
    ("30 s late", "200 delay=30s"),
];

/// What the browser may do with the page: use its style and its script, listen to this server, send its forms to
/// it, and nothing else.
pub(crate) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
        format!(
            "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            hash(STYLE),
            hash(SCRIPT)
        )
    });
    &POLICY
}

/// What the page shows.
pub(crate) struct Page<'a> {
    pub(crate) bins: &'a Bins,
    pub(crate) bin: &'a Bin,
    /// The newest first.
    pub(crate) requests: &'a [StoredCapture],
    pub(crate) counts: &'a [KindCount],
    /// The one type that is shown.
    pub(crate) event: Option<&'a str>,
    /// Only older ones than this are shown.
    pub(crate) before: Option<u32>,
}

impl Page<'_> {
    pub(crate) fn render(&self) -> Markup {
        let newest = self.requests.first().map_or(0, |kept| kept.number);
        let live = self.before.is_none();
        let title = self.bin.domain.as_deref().unwrap_or("Sealpost");
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex";
                    title { "Request bin · " (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a.skip href="#requests" { "Skip to the requests" }
                    header {
                        div.bar {
                            h1 { "Request bin" @if let Some(domain) = &self.bin.domain { span { (domain) } } }
                            p.live #live role="status" data-state="off" {
                                @if live { "reload to see what is new" } @else { "older requests" }
                            }
                        }
                        div.url {
                            code #url { (self.bins.url(self.bin)) }
                            button type="button" data-copy="#url" hidden { "Copy" }
                        }
                        p.note {
                            "A URL for webhooks: it keeps what is sent to it by any method, until "
                            (time(self.bin.expires_at)) ". Whoever knows this address sees what arrives."
                        }
                        (self.answers())
                    }
                    main {
                        (self.filter())
                        ol #requests reversed data-stream=[live.then(|| self.stream())] data-newest=(newest)
                            aria-label="Requests, the newest first" {
                            @for (place, kept) in self.requests.iter().enumerate() {
                                (item(self.bins, self.bin, kept, live && place == 0))
                            }
                        }
                        p.empty #empty hidden[!self.requests.is_empty()] {
                            "Nothing has come yet. Subscribe the address above, or send something to it."
                        }
                        @if let Some(oldest) = self.requests.last().filter(|kept| kept.number > 1) {
                            nav.older { a href={ (self.link(self.event, Some(oldest.number))) } { "Older requests" } }
                        }
                    }
                    footer { "Times are " span #zone { "in UTC" } ". Signatures were verified when the request came, with a window of 5 minutes." }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    }

    fn answers(&self) -> Markup {
        let script = self.bin.script.to_string();
        let action = format!("{}/answers", self.bin.id);
        html! {
            details.answers {
                summary { "Answers " code { @if script.is_empty() { "200" } @else { (script) } } }
                form method="post" action=(action) {
                    label for="answers" { "To the next requests, one after the other, then 200" }
                    div.field {
                        input #answers name="answers" value=(script) autocomplete="off" spellcheck="false" maxlength="1000"
                            placeholder="500*2, 503 retry-after=1, reset, 200 delay=2s";
                        button { "Set" }
                    }
                }
                form.presets method="post" action=(action) {
                    @for (label, script) in PRESETS {
                        button name="answers" value=(script) { (label) }
                    }
                }
                p.note {
                    "A step is a status code, or " code { "reset" } "; " code { "*3" } " behind it means three times, " code { "*" }
                    " for ever. Then perhaps " code { "delay=2s" } ", " code { "drip=5s" } " for a slow body, "
                    code { "retry-after=30" } "."
                }
            }
        }
    }

    fn filter(&self) -> Markup {
        let all: usize = self.counts.iter().map(|one| one.count).sum();
        html! {
            nav.filter aria-label="Filter by type" {
                a href=(self.link(None, None)) aria-current=[self.event.is_none().then_some("page")] data-kind="*" {
                    "all " span { (all) }
                }
                @for KindCount { kind, count, .. } in self.counts.iter().filter(|one| one.kind.is_some()).take(24) {
                    @let kind = kind.as_deref().unwrap_or_default();
                    a href=(self.link(Some(kind), None)) aria-current=[(self.event == Some(kind)).then_some("page")] data-kind=(kind) {
                        (kind) " " span { (count) }
                    }
                }
            }
            div.replay {
                label for="target" { "Replay to" }
                input #target type="url" value=(REPLAY) spellcheck="false" autocomplete="off";
            }
        }
    }

    /// Relative to the page, which may be reached under several names.
    fn link(&self, event: Option<&str>, before: Option<u32>) -> String {
        let before = before.map(|number| number.to_string());
        let parameters = [("event", event), ("before", before.as_deref())];
        let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(given).finish();
        format!("{}?{query}", self.bin.id)
    }

    fn stream(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.event.map(|event| ("event", event)))
            .finish();
        format!("{}/stream?{query}", self.bin.id)
    }
}

/// Where a request is replayed to unless the reader says otherwise.
const REPLAY: &str = "http://localhost:3000/";

/// One request, as the page and the stream show it.
pub(crate) fn item(bins: &Bins, bin: &Bin, kept: &StoredCapture, open: bool) -> Markup {
    let details: Details = serde_json::from_str(&kept.details).unwrap_or_default();
    let body = String::from_utf8_lossy(&kept.body);
    let whole = kept.body.len() == kept.size;
    let body_link = format!("{}/requests/{}/body", bin.id, kept.number);
    let event_data = if whole { event_data(&kept.body) } else { None };
    html! {
        li.request #{ "r" (kept.number) } value=(kept.number) data-kind=(kept.kind.as_deref().unwrap_or_default()) {
            details open[open] {
                summary {
                    span.kind { (kept.kind.as_deref().unwrap_or(&details.method)) }
                    (badge(kept.verified))
                    span.recipient { (details.recipient.as_deref().unwrap_or_default()) }
                    span.when { (time(kept.received_at)) }
                    span.facts {
                        "attempt " (kept.attempt)
                        " · answered " span.answer { (kept.answer) }
                        @if let Some(latency) = details.latency(kept.received_at) { " · " (span_of(latency)) " after the event" }
                    }
                }
                dl.signatures {
                    (judgement("Mailgun's signature", &details.mailgun))
                    (judgement("Standard Webhooks", &details.standard_webhooks))
                }
                @if let Some(data) = event_data {
                    section {
                        h2 { "event-data" }
                        pre tabindex="0" { (data) }
                    }
                }
                section {
                    h2 { "Headers" }
                    p.line { code { (details.method) " " (details.target) } }
                    dl.headers {
                        @for (name, value) in &details.headers { dt { (name) } dd { (value) } }
                    }
                }
                details.more {
                    summary { "Raw body, " (kept.size) " bytes" }
                    pre tabindex="0" { (body) }
                    p.note {
                        @if !whole { "This is the beginning. " }
                        a href=(body_link) { "The whole body as text" }
                    }
                }
                details.more {
                    summary { "Replay as curl" }
                    pre tabindex="0" data-replay { (curl(&details, kept, &format!("{}/requests/{}/body", bins.page(bin), kept.number))) }
                    button type="button" data-copy-replay hidden { "Copy as curl" }
                }
            }
        }
    }
}

fn badge(verified: bool) -> Markup {
    html! {
        @if verified { span.badge.good { "verified" } } @else { span.badge.bad { "not verified" } }
    }
}

fn judgement(of: &str, verdict: &Verdict) -> Markup {
    let (class, word) = match verdict {
        Verdict::Verified(_) => ("good", "verified"),
        Verdict::NotVerified(_) => ("bad", "not verified"),
        Verdict::Absent(_) => ("none", "absent"),
    };
    html! { dt { (of) } dd { b class=(class) { (word) } " " (verdict.why()) } }
}

/// The event of a payload, laid out for people.
fn event_data(body: &[u8]) -> Option<String> {
    let event = check_payload(body).ok()?.member("event-data")?;
    let text = String::from_utf8_lossy(&pretty(event.as_bytes())).into_owned();
    Some(text.trim_end().to_owned())
}

/// The same request as a command for a shell.
fn curl(details: &Details, kept: &StoredCapture, body_url: &str) -> String {
    const LEFT_OUT: [&str; 6] =
        ["host", "content-length", "connection", "transfer-encoding", "authorization", "accept-encoding"];
    let whole = kept.body.len() == kept.size;
    let text = std::str::from_utf8(&kept.body).ok().filter(|text| whole && !text.contains('\0'));
    let mut command = match text {
        Some(_) => String::new(),
        None => format!("curl -s {} | ", quoted(body_url)),
    };
    command += &format!("curl -X {} {}", quoted(&details.method), quoted(REPLAY));
    let sent = |name: &str| !LEFT_OUT.iter().any(|left_out| name.eq_ignore_ascii_case(left_out));
    for (name, value) in details.headers.iter().filter(|(name, value)| sent(name) && !value.ends_with("***"))
    {
        command += &format!(" \\\n  -H {}", quoted(&format!("{name}: {value}")));
    }
    match text {
        Some("") => {}
        Some(text) => command += &format!(" \\\n  --data-raw {}", quoted(text)),
        None => command += " \\\n  --data-binary @-",
    }
    command
}

/// Text as one word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A time that people can read; the script shows it in their own zone.
fn time(millis: i64) -> Markup {
    let timestamp = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    let shown = timestamp.to_zoned(TimeZone::UTC).strftime("%e %b %Y, %H:%M:%S").to_string();
    html! { time datetime=(timestamp.to_string()) { (shown.trim()) } }
}

/// A span that people can read.
fn span_of(millis: i64) -> String {
    let (sign, span) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    match span {
        0..1000 => format!("{sign}{span} ms"),
        1000..120_000 => format!("{sign}{}.{} s", span / 1000, span % 1000 / 100),
        120_000..7_200_000 => format!("{sign}{} min", span / 60_000),
        7_200_000..172_800_000 => format!("{sign}{} h", span / 3_600_000),
        _ => format!("{sign}{} days", span / 86_400_000),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_unit_that_people_would_choose() {
        for (millis, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1250, "1.2 s"),
            (-1250, "-1.2 s"),
            (119_999, "119.9 s"),
            (600_000, "10 min"),
            (7_200_000, "2 h"),
            (259_200_000, "3 days"),
            (i64::MIN, "-106751991167 days"),
        ] {
            assert_eq!(span_of(millis), text);
        }
    }

    #[test]
    fn a_word_of_a_shell_stays_one_word() {
        assert_eq!(quoted("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
    }

    #[test]
    fn the_script_cannot_end_early() {
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
    }

    #[test]
    fn the_policy_opens_nothing_but_what_the_page_is_made_of() {
        assert!(policy().starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(!policy().contains("unsafe") && !policy().contains("http"));
    }
}
