//! One event: event-data with all its fields.

use serde::{Deserialize, Serialize};

use super::{
    Account, Batch, Campaign, ClientInfo, DeliveryStatus, Domain, Envelope, EventKind, Flags, Geolocation,
    MailingList, Message, Reject, Route, Severity, Storage, Template, WebhookKind,
};
use crate::json::{self, EncodeError, InputError, List, Number, Object, RawJson, Reason, Sink, Text};

/// One event: event-data with all its fields, borrowed from JSON or from the caller.
///
/// Every field but the kind may be absent. Which ones are there depends on the kind, as far as Mailgun
/// goes; nothing here asks for more than `severity` in a failure.
///
/// ```
/// use sealpost_core::event::{Event, EventKind, Message, Headers};
/// use sealpost_core::json::{List, SliceSink, Text};
/// use sealpost_core::UnixTime;
///
/// let tags = [Text::from("welcome")];
/// let headers = Headers { message_id: Some("1.0@example.com".into()), ..Headers::default() };
/// let event = Event {
///     id: Some("MXcc2gEpS-eN8HfkOnmK2w".into()),
///     timestamp: Some(UnixTime::new(1_770_146_431, 658_528).into()),
///     recipient: Some("alice@recipient.test".into()),
///     tags: Some(List::from(tags.as_slice())),
///     message: Some(Message { headers: Some(headers), ..Message::default() }),
///     ..Event::new(EventKind::Opened)
/// };
///
/// let mut buffer = [0; 256];
/// let mut sink = SliceSink::new(&mut buffer);
/// event.encode(&mut sink)?;
/// assert_eq!(
///     str::from_utf8(sink.into_filled()),
///     Ok(concat!(
///         r#"{"event":"opened","id":"MXcc2gEpS-eN8HfkOnmK2w","timestamp":1770146431.658528,"#,
///         r#""recipient":"alice@recipient.test","tags":["welcome"],"#,
///         r#""message":{"headers":{"message-id":"1.0@example.com"}}}"#,
///     ))
/// );
/// # Ok::<(), sealpost_core::json::EncodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", bound(deserialize = "'de: 'a"))]
pub struct Event<'a> {
    /// What happened.
    #[serde(rename = "event")]
    pub kind: EventKind,
    /// Unique per domain. Mailgun's have 22 characters of base64url.
    pub id: Option<Text<'a>>,
    /// When it happened, in seconds since 1970, to the microsecond.
    pub timestamp: Option<Number<'a>>,
    /// `info`, `warn` (temporary failures, complaints) or `error` (permanent failures).
    pub log_level: Option<Text<'a>>,
    /// How final a failure is; always there in a `failed` event.
    pub severity: Option<Severity>,
    /// Why a message failed: `bounce`, `generic`, `greylisted`, `suppress-bounce`, `old` and others.
    pub reason: Option<Text<'a>>,
    /// Whose event it is.
    pub account: Option<Account<'a>>,
    /// The sending domain.
    pub domain: Option<Domain<'a>>,
    /// The API key that the message was sent with.
    pub api_key_id: Option<Text<'a>>,
    /// The address of the one recipient that the event is about.
    pub recipient: Option<Text<'a>>,
    /// The domain of that address.
    pub recipient_domain: Option<Text<'a>>,
    /// The mail provider of the recipient, such as `Gmail`.
    pub recipient_provider: Option<Text<'a>>,
    /// The DKIM key that signed the message, such as `s1._domainkey.example.com`.
    pub primary_dkim: Option<Text<'a>>,
    /// `HTTP` or `SMTP`: how the message came in.
    pub method: Option<Text<'a>>,
    /// The IP address that the message came in from.
    pub originating_ip: Option<Text<'a>>,
    /// The tags of the message.
    pub tags: Option<List<'a, Text<'a>>>,
    /// The campaigns of the message; empty nowadays, but clients look for it.
    pub campaigns: Option<List<'a, Campaign<'a>>>,
    /// The sender's own data. Mailgun has strings as values; any JSON passes.
    pub user_variables: Option<Object<'a>>,
    /// What is true of the message.
    pub flags: Option<Flags>,
    /// The SMTP envelope.
    pub envelope: Option<Envelope<'a>>,
    /// The message.
    pub message: Option<Message<'a>>,
    /// Where the message is kept.
    pub storage: Option<Storage<'a>>,
    /// What the receiving server said. `null` counts as absent.
    #[serde(default, deserialize_with = "json::nullable")]
    pub delivery_status: Option<DeliveryStatus<'a>>,
    /// The batch that the message was sent in.
    pub batch: Option<Batch<'a>>,
    /// The template that the message was made from.
    pub template: Option<Template<'a>>,
    /// The routes that an inbound message took.
    pub routes: Option<List<'a, Route<'a>>>,
    /// The mailing list that the message was sent to.
    pub mailing_list: Option<MailingList<'a>>,
    /// The IP address of whoever opened, clicked or unsubscribed.
    pub ip: Option<Text<'a>>,
    /// Where that address is.
    pub geolocation: Option<Geolocation<'a>>,
    /// The program at that address.
    pub client_info: Option<ClientInfo<'a>>,
    /// The link that was clicked.
    pub url: Option<Text<'a>>,
    /// Why the message was not taken.
    pub reject: Option<Reject<'a>>,
}

impl<'a> Event<'a> {
    /// An event of this kind with nothing else in it.
    #[must_use]
    pub const fn new(kind: EventKind) -> Self {
        Self {
            kind,
            id: None,
            timestamp: None,
            log_level: None,
            severity: None,
            reason: None,
            account: None,
            domain: None,
            api_key_id: None,
            recipient: None,
            recipient_domain: None,
            recipient_provider: None,
            primary_dkim: None,
            method: None,
            originating_ip: None,
            tags: None,
            campaigns: None,
            user_variables: None,
            flags: None,
            envelope: None,
            message: None,
            storage: None,
            delivery_status: None,
            batch: None,
            template: None,
            routes: None,
            mailing_list: None,
            ip: None,
            geolocation: None,
            client_info: None,
            url: None,
            reject: None,
        }
    }

    /// Reads event-data. Every field above has its type, none stands twice, a failure has a severity;
    /// members of other names pass. Whether the values are plausible is for [`accept`](super::accept).
    ///
    /// # Errors
    /// The field at fault, by its path, and what it must be.
    pub fn decode(raw: RawJson<'a>) -> Result<Self, InputError> {
        let event: Self = json::decode(raw).map_err(|error| explain_webhook_name(error, raw))?;
        if event.kind == EventKind::Failed && event.severity.is_none() {
            return Err(InputError::value(Reason::Missing).inside_field("severity"));
        }
        Ok(event)
    }

    /// Writes the event as compact JSON.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn encode(&self, sink: &mut (impl Sink + ?Sized)) -> Result<(), EncodeError> {
        json::encode(self, sink)
    }

    /// Which webhook this event goes to, if any.
    #[must_use]
    pub const fn webhook(&self) -> Option<WebhookKind> {
        self.kind.webhook(self.severity)
    }

    /// The name of the sending domain.
    #[must_use]
    pub fn domain_name(&self) -> Option<Text<'a>> {
        self.domain?.name
    }

    /// The `Message-ID` of the message, without the angle brackets.
    #[must_use]
    pub fn message_id(&self) -> Option<Text<'a>> {
        self.message?.headers?.message_id
    }
}

/// Whoever knows webhooks by name writes `"event":"permanent_fail"`; says what it is called here.
fn explain_webhook_name(error: InputError, raw: RawJson<'_>) -> InputError {
    let name = raw.member("event").and_then(RawJson::as_text);
    let rule = match name.and_then(Text::as_plain).and_then(WebhookKind::parse) {
        Some(WebhookKind::PermanentFail) => r#"be "failed", with "severity": "permanent""#,
        Some(WebhookKind::TemporaryFail) => r#"be "failed", with "severity": "temporary""#,
        _ => return error,
    };
    InputError::value(Reason::Must(rule)).inside_field("event")
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    fn decode(json: &str) -> Result<Event<'_>, String> {
        let raw = json::check(json.as_bytes()).expect(json);
        Event::decode(raw).map_err(|error| error.to_string())
    }

    #[test]
    fn an_event_needs_its_kind_and_a_failure_its_severity() {
        assert_eq!(decode(r#"{"event":"opened"}"#), Ok(Event::new(EventKind::Opened)));
        assert_eq!(decode("{}"), Err("`event` is required".to_string()));
        assert_eq!(decode(r#"{"event":"failed"}"#), Err("`severity` is required".to_string()));
        assert_eq!(decode("[]"), Err("the value must be an object".to_string()));
    }

    #[test]
    fn names_of_webhooks_are_refused_with_what_to_write_instead() {
        let fault = decode(r#"{"event":"permanent_fail"}"#);
        assert_eq!(fault, Err(r#"`event` must be "failed", with "severity": "permanent""#.to_string()));
        let fault = decode(r#"{"event":"temporary_fail","severity":"temporary"}"#);
        assert_eq!(fault, Err(r#"`event` must be "failed", with "severity": "temporary""#.to_string()));
        let fault = decode(r#"{"event":"bounced"}"#).expect_err("no such event");
        assert!(fault.starts_with(r#"`event` must be one of "accepted", "clicked", "#), "{fault}");
    }

    #[test]
    fn every_named_field_has_its_type() {
        let faults = [
            (r#""delivery-status":{"code":"250"}"#, "delivery-status.code"),
            (r#""delivery-status":{"tls":1}"#, "delivery-status.tls"),
            (r#""campaigns":["x"]"#, "campaigns[0]"),
            (r#""campaigns":null"#, "campaigns"),
            (r#""tags":["a",1]"#, "tags[1]"),
            (r#""tags":"a""#, "tags"),
            (r#""storage":{"url":["https://x"]}"#, "storage.url"),
            (r#""flags":{"is-big":"no"}"#, "flags.is-big"),
            (r#""message":{"attachments":[{},{"size":1.5}]}"#, "message.attachments[1].size"),
            (r#""message":{"headers":{"message-id":7}}"#, "message.headers.message-id"),
            (r#""routes":[{"match":{"recipient":1}}]"#, "routes[0].match.recipient"),
            (r#""user-variables":[]"#, "user-variables"),
            (r#""timestamp":"1529006854""#, "timestamp"),
            (r#""severity":"fatal""#, "severity"),
            (r#""recipient":null"#, "recipient"),
        ];
        for (member, path) in faults {
            let json = std::format!(r#"{{"event":"accepted",{member}}}"#);
            let error = Event::decode(json::check(json.as_bytes()).expect(&json)).expect_err(&json);
            assert_eq!(error.path().to_string(), path);
        }
    }

    #[test]
    fn unknown_members_pass_and_user_variables_hold_anything() {
        let json = r#"{"event":"opened","new":{"code":"x"},"user-variables":{"a":[1.5e400],"a":null}}"#;
        let event = decode(json).expect(json);
        assert_eq!(event.user_variables.map(|variables| variables.members().count()), Some(2));
    }

    #[test]
    fn a_delivery_status_may_be_null() {
        let null = decode(r#"{"event":"accepted","delivery-status":null}"#);
        assert_eq!(null, Ok(Event::new(EventKind::Accepted)));
    }

    #[test]
    fn what_the_server_indexes_is_at_hand() {
        let json = r#"{"event":"failed","severity":"temporary","domain":{"name":"example.com"},
            "message":{"headers":{"message-id":"1@example.com"}}}"#;
        let event = decode(json).expect(json);
        assert_eq!(event.webhook(), Some(WebhookKind::TemporaryFail));
        assert_eq!(event.domain_name(), Some("example.com".into()));
        assert_eq!(event.message_id(), Some("1@example.com".into()));
    }
}
