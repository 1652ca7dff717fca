//! Event-data: the samples of every kind, and properties of reading, writing and completing.

use proptest::prelude::*;
use sealpost_core::event::{self, Completion, Event, EventKind, Message, Severity};
use sealpost_core::json::{self, List, Number, Text};
use sealpost_core::{InputError, UnixTime, WebhookKind};
use serde_json::{Map, Value};

const NOW: UnixTime = UnixTime::new(1_770_920_772, 0);

#[test]
fn every_sample_comes_out_as_it_went_in() {
    let samples = samples();
    assert_eq!(samples.len(), 11);
    for (name, sample) in &samples {
        let text = sample.to_string();
        let event = decode(&text).expect(name);
        assert_eq!(parsed(&encoded(&event)), *sample, "{name}");
    }
}

#[test]
fn every_sample_is_accepted_and_goes_where_its_name_says() {
    for (name, sample) in &samples() {
        let text = sample.to_string();
        let raw = json::check(text.as_bytes()).expect(name);
        let event = event::accept(raw, NOW).expect(name);
        let webhook = match name.as_str() {
            "suppressed" => Some(WebhookKind::PermanentFail),
            other => WebhookKind::parse(other),
        };
        assert_eq!(event.webhook(), webhook, "{name}");
        assert_eq!(
            event.message_id(),
            Some("20260101120000.1.0123456789ABCDEF@example.com".into()),
            "{name}"
        );
    }
}

proptest! {
    #[test]
    fn what_is_decoded_and_encoded_is_the_same_json(event_data in event_data()) {
        let text = event_data.to_string();
        let event = decode(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(parsed(&encoded(&event)), event_data);
    }

    #[test]
    fn what_is_encoded_and_decoded_is_the_same_event(event_data in event_data()) {
        let text = event_data.to_string();
        let event = decode(&text).expect("valid");
        let encoded = encoded(&event);
        prop_assert_eq!(decode(&encoded), Ok(event));
    }

    #[test]
    fn an_event_made_by_hand_survives_too(
        texts in prop::collection::vec(any::<String>(), 4),
        secs: u64,
        micros in 0_u32..1_000_000,
        size: u32,
    ) {
        let texts: Vec<Text<'_>> = texts.iter().map(|text| Text::from(text.as_str())).collect();
        let message = Message { recipients: Some(List::from(texts.as_slice())), size: Some(size), ..Message::default() };
        let event = Event {
            timestamp: Some(Number::from(UnixTime::new(secs, micros))),
            severity: Some(Severity::Temporary),
            reason: texts.first().copied(),
            message: Some(message),
            ..Event::new(EventKind::Failed)
        };
        let encoded = encoded(&event);
        prop_assert_eq!(decode(&encoded), Ok(event));
    }

    #[test]
    fn one_mistyped_field_is_refused_by_its_path(event_data in event_data(), place: prop::sample::Index) {
        let mut leaves = Vec::new();
        typed_leaves(&event_data, &mut Vec::new(), &mut leaves);
        let path = place.get(&leaves);
        let mut mistyped = event_data;
        // No named field takes an array of arrays.
        *mistyped.pointer_mut(&format!("/{}", path.join("/"))).expect("there") = Value::from(vec![Value::Array(vec![])]);
        let text = mistyped.to_string();
        let error = decode(&text).expect_err(&text);
        let told = error.path().to_string().replace('[', ".").replace(']', "");
        prop_assert!(told == path.join(".") || told == format!("{}.0", path.join(".")), "{}: {}", text, error);
    }

    #[test]
    fn completing_adds_what_is_absent_and_keeps_every_byte(event_data in event_data(), pretty: bool) {
        let text = if pretty { format!("{event_data:#}") } else { event_data.to_string() };
        let completion = Completion { id: "MXcc2gEpS-eN8HfkOnmK2w", timestamp: NOW, domain: "example.com", account: "a1" };
        let complete = completed(&text, &completion);

        prop_assert!(complete.ends_with(&text[1..]), "{}", complete);
        let mut expected = event_data;
        let members = expected.as_object_mut().expect("an object");
        members.entry("id").or_insert("MXcc2gEpS-eN8HfkOnmK2w".into());
        members.entry("timestamp").or_insert_with(|| parsed("1770920772.000000"));
        members.entry("domain").or_insert(serde_json::json!({"name": "example.com"}));
        members.entry("account").or_insert(serde_json::json!({"id": "a1"}));
        prop_assert_eq!(parsed(&complete), expected);
    }

    #[test]
    fn a_complete_event_stays_as_it_is(event_data in event_data()) {
        let text = event_data.to_string();
        let first = Completion { id: "first", timestamp: NOW, domain: "example.com", account: "a1" };
        let second = Completion { id: "second", account: "a2", ..first };
        let complete = completed(&text, &first);
        prop_assert_eq!(completed(&complete, &second), complete);
    }
}

fn samples() -> Map<String, Value> {
    serde_json::from_str(include_str!("../fixtures/sample-events.json")).expect("an object of samples")
}

fn decode(text: &str) -> Result<Event<'_>, InputError> {
    Event::decode(json::check(text.as_bytes())?)
}

fn encoded(event: &Event<'_>) -> String {
    let mut buffer = vec![0; json::encoded_len(event).expect("supported")];
    event.encode(&mut json::SliceSink::new(&mut buffer)).expect("fits");
    String::from_utf8(buffer).expect("UTF-8")
}

fn completed(text: &str, completion: &Completion<'_>) -> String {
    let mut buffer = vec![0; text.len() + 256];
    let mut sink = json::SliceSink::new(&mut buffer);
    event::complete(json::check(text.as_bytes()).expect("valid"), completion, &mut sink).expect("fits");
    String::from_utf8(sink.into_filled().to_vec()).expect("UTF-8")
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

/// The paths of all leaves but those that may have any type.
fn typed_leaves(value: &Value, path: &mut Vec<String>, leaves: &mut Vec<Vec<String>>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(index, child)| (index.to_string(), child)).collect()
        }
        _ => {
            leaves.push(path.clone());
            return;
        }
    };
    for (key, child) in children {
        if matches!(key.as_str(), "user-variables" | "scheduled-for" | "bounce-code") {
            continue;
        }
        path.push(key);
        typed_leaves(child, path, leaves);
        path.pop();
    }
}

/// Event-data in which every field is there or not, with any value of its type.
fn event_data() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(EventKind::ALL.as_slice()).prop_map(|kind| Value::from(kind.as_str()));
    let severity = prop::sample::select(["permanent", "temporary"].as_slice()).prop_map(Value::from);
    let rest = object(vec![
        ("id", "[a-zA-Z0-9_-]{1,64}".prop_map(Value::from).boxed()),
        (
            "timestamp",
            (946_684_800_000..1_770_920_772_000_u64)
                .prop_map(|millis| Value::from(millis as f64 / 1e3))
                .boxed(),
        ),
        ("log-level", text()),
        ("reason", text()),
        ("account", object(vec![("id", text())])),
        ("domain", object(vec![("name", Just(Value::from("example.com")).boxed())])),
        ("api-key-id", text()),
        ("recipient", text()),
        ("recipient-domain", text()),
        ("recipient-provider", text()),
        ("primary-dkim", text()),
        ("method", text()),
        ("originating-ip", text()),
        ("tags", list(text())),
        ("campaigns", list(object(vec![("id", text()), ("name", text())]))),
        (
            "user-variables",
            object(vec![("a", text()), ("b", list(number())), ("c", object(vec![("d", flag())]))]),
        ),
        ("flags", object(FLAGS.iter().map(|name| (*name, flag())).collect())),
        ("envelope", object(ENVELOPE.iter().map(|name| (*name, text())).collect())),
        ("message", message()),
        ("storage", object(["url", "key", "region", "env"].map(|name| (name, text())).into())),
        ("delivery-status", delivery_status()),
        ("batch", object(vec![("id", text())])),
        ("template", object(vec![("name", text()), ("version", text()), ("is-text", flag())])),
        (
            "routes",
            list(object(vec![
                ("expression", text()),
                ("id", text()),
                ("match", object(vec![("recipient", text())])),
            ])),
        ),
        ("mailing-list", object(["address", "list-id", "sid"].map(|name| (name, text())).into())),
        ("ip", text()),
        ("geolocation", object(["country", "region", "city"].map(|name| (name, text())).into())),
        ("client-info", object(CLIENT_INFO.iter().map(|name| (*name, text())).collect())),
        ("url", text()),
        ("reject", object(vec![("reason", text()), ("description", text())])),
    ]);
    (kind, severity, any::<bool>(), rest).prop_map(|(kind, severity, severe, mut event)| {
        if severe || kind == "failed" {
            event["severity"] = severity;
        }
        event["event"] = kind;
        event
    })
}

const FLAGS: &[&str] = &[
    "is-routed",
    "is-authenticated",
    "is-system-test",
    "is-test-mode",
    "is-big",
    "is-amp",
    "is-encrypted",
    "is-delayed-bounce",
];

const ENVELOPE: &[&str] = &[
    "sender",
    "transport",
    "targets",
    "sending-ip",
    "mail-from",
    "sending-host",
    "i-ip-pool-id",
    "i-ip-pool-name",
];

const CLIENT_INFO: &[&str] =
    &["client-type", "client-os", "device-type", "client-name", "user-agent", "bot", "accept-language", "ip"];

fn message() -> BoxedStrategy<Value> {
    let attachment = object(vec![("filename", text()), ("content-type", text()), ("size", whole())]);
    object(vec![
        ("headers", object(["to", "from", "subject", "message-id"].map(|name| (name, text())).into())),
        ("attachments", list(attachment)),
        ("recipients", list(text())),
        ("size", whole()),
        ("scheduled-for", prop_oneof![text(), number()].boxed()),
    ])
}

fn delivery_status() -> BoxedStrategy<Value> {
    let texts =
        ["message", "description", "enhanced-code", "mx-host", "mx-host-ip", "bounce-type", "last-message"];
    let wholes = ["attempt-no", "code", "retry-seconds", "last-code"];
    let flags = ["tls", "utf8", "certificate-verified"];
    let numbers = ["session-seconds", "first-delivery-attempt-seconds"];
    let mut fields = vec![("bounce-code", prop_oneof![text(), number()].boxed())];
    fields.extend(texts.map(|name| (name, text())));
    fields.extend(wholes.map(|name| (name, whole())));
    fields.extend(flags.map(|name| (name, flag())));
    fields.extend(numbers.map(|name| (name, number())));
    object(fields)
}

/// An object in which each of these members is there or not.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| prop::option::of(value).prop_map(move |value| Some((name.to_string(), value?))))
        .collect();
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
}

fn list(element: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    prop::collection::vec(element, 0..4).prop_map(Value::from).boxed()
}

fn text() -> BoxedStrategy<Value> {
    prop_oneof!["[a-zA-Z0-9@. -]{0,20}", "[a-z\"\\\\/\n\u{1}é😀]{0,8}"].prop_map(Value::from).boxed()
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

fn whole() -> BoxedStrategy<Value> {
    any::<u32>().prop_map(Value::from).boxed()
}

/// Few digits, since serde_json reads long ones to the last bit but one.
fn number() -> BoxedStrategy<Value> {
    let decimal = any::<i32>().prop_map(|thousandths| Value::from(f64::from(thousandths) / 1e3));
    prop_oneof![any::<i32>().prop_map(Value::from), decimal].boxed()
}
