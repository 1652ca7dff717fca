use sealpost_core::json::{self, InputError, Number, RawJson, Sink, Text};
use sealpost_core::{EventKind, ResourceError, Severity, UnixTime};
pub(super) struct Completion<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: UnixTime,
    pub(super) domain: &'a str,
    pub(super) account: &'a str,
}
pub(super) struct Event<'a>(RawJson<'a>, EventKind);
impl<'a> Event<'a> {
    pub(super) fn id(&self) -> Option<Text<'a>> {
        self.0.member("id").and_then(|v| v.as_text())
    }
    pub(super) fn timestamp(&self) -> Option<Number<'a>> {
        self.0.member("timestamp").and_then(|v| v.as_number())
    }
    pub(super) fn kind(&self) -> EventKind {
        self.1
    }
    pub(super) fn severity(&self) -> Option<Severity> {
        self.0.member("severity").and_then(|v| v.as_text()).and_then(|t| Severity::parse(t.as_plain()?))
    }
}
pub(super) fn accept(raw: RawJson<'_>, _now: UnixTime) -> Result<Event<'_>, InputError> {
    let kind = raw.member("event").and_then(|v| v.as_text()).and_then(|t| EventKind::parse(t.as_plain()?));
    kind.map(|kind| Event(raw, kind)).ok_or(json::check(b"x").unwrap_err())
}
pub(super) fn complete(
    raw: RawJson<'_>,
    c: &Completion<'_>,
    sink: &mut impl Sink,
) -> Result<(), ResourceError> {
    let text = raw.as_str();
    let body = text.strip_suffix('}').unwrap_or(text);
    let mut out = body.to_owned();
    if raw.member("id").is_none() {
        out += &format!(",\"id\":\"{}\"", c.id);
    }
    if raw.member("timestamp").is_none() {
        out += &format!(",\"timestamp\":{}", c.timestamp);
    }
    if raw.member("domain").is_none() {
        out += &format!(",\"domain\":{{\"name\":\"{}\"}}", c.domain);
    }
    if raw.member("account").is_none() {
        out += &format!(",\"account\":{{\"id\":\"{}\"}}", c.account);
    }
    out.push('}');
    sink.put(out.as_bytes())
}
