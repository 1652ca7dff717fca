//! The values a setting can have: what each must look like, and how it is read.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jiff::{Span, SpanRelativeTo};
use sealpost_core::{Duration as Millis, Gone, Schedule};
use tracing::level_filters::LevelFilter;
use url::{Host, Url};

use crate::secrets::{MasterKey, Secret};

pub(super) const SOCKET: &str = "an address and a port, such as 127.0.0.1:8925 or [::1]:8925";
pub(crate) const BASE_URL: &str = "an absolute http or https URL without credentials, query and fragment, such as https://events.example.com";
pub(super) const NET: &str = "networks or addresses, such as 10.1.0.0/16 or ::1";
pub(super) const PATH: &str = "a path";
pub(crate) const KEY: &str = "1 to 256 visible ASCII characters";
pub(super) const MASTER: &str = "32 bytes in base64 (44 characters) or hexadecimal (64 characters)";
pub(super) const DOMAIN: &str = "domain names, such as example.com";
pub(super) const SCHEDULE: &str =
    "at most 16 durations, each from 1ms to 30d, such as 5m,10m,15m,1h,2h,4h, or none";
pub(super) const GONE: &str = "retry or stop";
pub(super) const USER_AGENT: &str = "1 to 256 visible ASCII characters and spaces";
pub(super) const LOG_FORMAT: &str = "auto, text or json";
pub(super) const LEVEL: &str = "off, error, warn, info, debug or trace";

/// The name of a sending domain, in lower case, international names in their ASCII form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(String);

impl DomainName {
    /// The name, or `None` if the text cannot be one: labels of 1 to 63 letters, digits, hyphens and
    /// underscores, 253 bytes in all (RFC 1035 section 2.3.4), and no IP address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Ok(Host::Domain(name)) = Host::parse(text) else { return None };
        let fits = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        (name.len() <= 253 && name.split('.').all(fits)).then_some(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// A password or signing key; `None` for anything that a header or a form could not carry.
pub(crate) fn key(text: &str) -> Option<Secret> {
    let fits = (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| Secret::new(text))
}

pub(super) fn master_key(text: &str) -> Option<Secret> {
    MasterKey::parse(text).map(|_| Secret::new(text))
}

/// A span of time that is not negative; days have 24 hours.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
}

/// Bytes, with or without a binary unit.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits).unwrap_or_default() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    digits.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

/// A network; an address alone is the network that holds nothing else.
pub(super) fn net(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(text))
}

pub(crate) fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    (plain && matches!(url.scheme(), "http" | "https")).then_some(url)
}

pub(super) fn schedule(steps: &[&str]) -> Option<Schedule> {
    if steps == ["none"] {
        return Schedule::new(&[]).ok();
    }
    let longest = Duration::from_secs(30 * 24 * 60 * 60);
    let step = |text: &&str| {
        let wait = duration(text).filter(|wait| (Duration::from_millis(1)..=longest).contains(wait))?;
        u32::try_from(wait.as_millis()).ok().map(Millis::from_millis)
    };
    Schedule::new(&steps.iter().map(step).collect::<Option<Vec<_>>>()?).ok()
}

pub(super) fn gone(text: &str) -> Option<Gone> {
    match text {
        "retry" => Some(Gone::Retry),
        "stop" => Some(Gone::Stop),
        _ => None,
    }
}

pub(super) fn user_agent(text: &str) -> Option<String> {
    let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (text.len() <= 256 && text.bytes().all(visible) && text.trim() == text).then(|| text.to_owned())
}

pub(super) fn level(text: &str) -> Option<LevelFilter> {
    match text {
        "off" => Some(LevelFilter::OFF),
        "error" => Some(LevelFilter::ERROR),
        "warn" => Some(LevelFilter::WARN),
        "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => None,
    }
}
