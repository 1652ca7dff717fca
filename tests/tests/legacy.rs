//! Legacy webhooks: the body of every kind, and what independent decoders read in it.

use std::convert::Infallible;

use futures_util::stream;
use proptest::prelude::*;
use sealpost_core::error::ResourceError;
use sealpost_core::json::{self, SliceSink};
use sealpost_core::legacy::{FormEncoding, LegacyForm, LegacyKind, LegacyPayload};
use sealpost_core::{Event, SignatureBlock, SigningKey, Token, UnixTime};
use serde_json::{Map, Value, json};

/// HMAC-SHA256 of `1770920772` and the token under `key-example`, by Python's hmac.
const SIGNATURE: &str = "7469709aed9a0677ac4c0110480007db196918f0977b9efa17eeb97e5c2004b1";
const TOKEN: &str = "07070707070707070707070707070707070707070707070707";

const MESSAGE_HEADERS: &str = concat!(
    r#"[["To","Alice <alice@recipient.test>"],["From","Bob <bob@example.com>"],["Subject","Hello"],"#,
    r#"["Message-Id","<20260101120000.1.0123456789ABCDEF@example.com>"]]"#
);

#[test]
fn deliveries_are_urlencoded() {
    let body = concat!(
        "event=delivered&recipient=alice%40recipient%2Etest&domain=example%2Ecom",
        "&message-headers=%5B%5B%22To%22%2C%22Alice+%3Calice%40recipient%2Etest%3E%22%5D%2C",
        "%5B%22From%22%2C%22Bob+%3Cbob%40example%2Ecom%3E%22%5D%2C%5B%22Subject%22%2C%22Hello%22%5D%2C",
        "%5B%22Message-Id%22%2C%22%3C20260101120000%2E1%2E0123456789ABCDEF%40example%2Ecom%3E%22%5D%5D",
        "&Message-Id=%3C20260101120000%2E1%2E0123456789ABCDEF%40example%2Ecom%3E",
        "&X-Mailgun-Tag=welcome&X-Mailgun-Tag=variation-A",
        "&nested=%7B%22k%22%3A%22v%22%7D&order=42",
    );
    assert_eq!(urlencoded("delivered"), format!("{body}{}", signed()));
}

#[test]
fn opens_clicks_and_unsubscriptions_are_urlencoded() {
    let engagement = |event: &str| {
        format!(
            concat!(
                "event={}&recipient=alice%40recipient%2Etest&domain=example%2Ecom",
                "&ip=192%2E0%2E2%2E99&country=US&region=CA&city=San+Francisco",
                "&user-agent=Mozilla%2F5%2E0+%28X11%3B+Linux+x86_64%29+Chrome%2F120%2E0+Safari%2F537%2E36",
                "&device-type=desktop&client-type=browser&client-name=Chrome&client-os=Linux",
                "&tag=welcome&tag=variation-A&message-id=20260101120000%2E1%2E0123456789ABCDEF%40example%2Ecom",
            ),
            event
        )
    };
    let variables = "&nested=%7B%22k%22%3A%22v%22%7D&order=42";
    assert_eq!(urlencoded("opened"), format!("{}{variables}{}", engagement("opened"), signed()));
    assert_eq!(urlencoded("unsubscribed"), format!("{}{variables}{}", engagement("unsubscribed"), signed()));
    let url = "&url=https%3A%2F%2Fexample%2Ecom%2Fsignup%3Fa%3D1%26b%3D2";
    assert_eq!(urlencoded("clicked"), format!("{}{url}{variables}{}", engagement("clicked"), signed()));
}

#[test]
fn bounces_drops_and_complaints_are_multipart() {
    let message = [("message-headers", MESSAGE_HEADERS), ("Message-Id", MESSAGE_ID)];
    let tags = [("tag", "welcome"), ("tag", "variation-A")];
    let mailgun_tags = tags.map(|(_, tag)| ("X-Mailgun-Tag", tag));
    let suppressed = [
        ("reason", "hardfail"),
        ("code", "605"),
        ("description", "Not delivering to previously bounced address"),
    ];
    let bounced = [("code", "550"), ("error", "5.1.1 No such user")];

    assert_multipart("permanent_fail", "bounced", &[&message, &bounced, &tags]);
    assert_multipart("suppressed", "dropped", &[&message, &mailgun_tags, &suppressed]);
    assert_multipart("complained", "complained", &[&message, &tags]);
}

#[test]
fn what_legacy_webhooks_never_told_has_no_form() {
    for name in ["accepted", "temporary_fail", "rejected", "stored"] {
        let text = sample(name).to_string();
        assert!(LegacyForm::new(&decode(&text)).is_none(), "{name}");
    }
}

proptest! {
    #[test]
    fn decoders_read_what_the_event_says(
        event in event(),
        variables in prop::collection::vec((name(), variable()), 0..4),
        escaped: bool,
    ) {
        let text = written(&event, &variables, escaped);
        let decoded = decode(&text);
        let Some(form) = LegacyForm::new(&decoded) else {
            return Err(TestCaseError::fail("every kind here has a form"));
        };
        let expected = expected(&event, &variables, escaped);
        let payload = payload(&form);
        match form.encoding() {
            FormEncoding::UrlEncoded => {
                let body = payload.chunks().concat();
                let fields: Vec<_> = url::form_urlencoded::parse(&body).into_owned().collect();
                prop_assert_eq!(fields, expected);
            }
            FormEncoding::Multipart(_) => {
                let quoted = expected.into_iter().map(|(name, value)| (quoted(&name), value));
                prop_assert_eq!(parts(&payload), quoted.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn lengths_are_known_beforehand(
        event in event(),
        variables in prop::collection::vec((name(), variable()), 0..3),
        escaped: bool,
    ) {
        let text = written(&event, &variables, escaped);
        let decoded = decode(&text);
        let form = LegacyForm::new(&decoded).expect("every kind here has a form");
        let needed = form.len();
        let mut room = vec![0; needed + 1];
        for len in 0..needed {
            prop_assert_eq!(form.write(&mut SliceSink::new(&mut room[..len])), Err(ResourceError::BufferTooSmall));
        }
        for len in [needed, needed + 1] {
            let mut sink = SliceSink::new(&mut room[..len]);
            prop_assert_eq!(form.write(&mut sink), Ok(()));
            prop_assert_eq!(sink.into_filled().len(), needed);
        }
        let payload = payload(&form);
        prop_assert_eq!(payload.len(), payload.chunks().concat().len());
    }
}

const MESSAGE_ID: &str = "<20260101120000.1.0123456789ABCDEF@example.com>";

/// The fields of the signature, URL-encoded.
fn signed() -> String {
    format!("&timestamp=1770920772&token={TOKEN}&signature={SIGNATURE}")
}

/// The sample of this name, as it is when it has been accepted for `example.com`.
fn sample(name: &str) -> Value {
    let mut samples: Map<String, Value> =
        serde_json::from_str(include_str!("../fixtures/sample-events.json")).expect("an object of samples");
    let mut sample = samples.remove(name).expect(name);
    sample["domain"] = json!({"name": "example.com"});
    sample
}

fn urlencoded(sample_name: &str) -> String {
    let text = sample(sample_name).to_string();
    let event = decode(&text);
    let payload = payload(&LegacyForm::new(&event).expect(sample_name));
    assert_eq!(payload.content_type(), "application/x-www-form-urlencoded", "{sample_name}");
    String::from_utf8(payload.chunks().concat()).expect("UTF-8")
}

fn assert_multipart(sample_name: &str, event: &str, own_fields: &[&[(&str, &str)]]) {
    let text = sample(sample_name).to_string();
    let decoded = decode(&text);
    let payload = payload(&LegacyForm::new(&decoded).expect(sample_name));
    let content_type = payload.content_type();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect(content_type);
    assert!(boundary.starts_with("sealpost-") && boundary.len() == 41, "{boundary}");

    let common = [("event", event), ("recipient", "alice@recipient.test"), ("domain", "example.com")];
    let variables = [("nested", r#"{"k":"v"}"#), ("order", "42")];
    let signature = [("timestamp", "1770920772"), ("token", TOKEN), ("signature", SIGNATURE)];
    let fields =
        common.iter().chain(own_fields.iter().copied().flatten()).chain(&variables).chain(&signature);
    let mut body = String::new();
    for (name, value) in fields {
        body +=
            &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!("--{boundary}--\r\n");
    assert_eq!(String::from_utf8(payload.chunks().concat()).expect("UTF-8"), body);
}

fn decode(text: &str) -> Event<'_> {
    Event::decode(json::check(text.as_bytes()).expect(text)).expect(text)
}

fn payload(form: &LegacyForm<'_, '_>) -> LegacyPayload<Vec<u8>> {
    let mut fields = vec![0; form.len()];
    form.write(&mut SliceSink::new(&mut fields)).expect("fits");
    LegacyPayload::new(form.encoding(), fields, &block())
}

fn block() -> SignatureBlock {
    let key = SigningKey::new(b"key-example").expect("a key");
    key.sign(UnixTime::new(1_770_920_772, 0), Token::from_entropy([7; 25]))
}

/// The fields that another parser finds in a multipart body.
fn parts(payload: &LegacyPayload<Vec<u8>>) -> Vec<(String, String)> {
    let boundary = multer::parse_boundary(payload.content_type()).expect("a boundary");
    let body = payload.chunks().concat();
    let mut form = multer::Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut parts = Vec::new();
        while let Some(part) = form.next_field().await.expect("well-formed") {
            assert_eq!(part.headers().len(), 1);
            let name = part.name().expect("a name").to_owned();
            let value = part.bytes().await.expect("a whole part");
            parts.push((name, String::from_utf8(value.to_vec()).expect("UTF-8")));
        }
        parts
    })
}

/// How a name stands in a multipart header.
fn quoted(name: &str) -> String {
    let quote = |character: char| match character {
        '"' | '\\' | '\0'..='\u{1f}' | '\u{7f}' => format!("%{:02X}", u32::from(character)),
        other => other.to_string(),
    };
    name.chars().map(quote).collect()
}

/// The fields of an event, each with the place that it comes from.
fn expected(event: &Value, variables: &[(String, Value)], escaped: bool) -> Vec<(String, String)> {
    const CLIENT: &[(&str, &str)] = &[
        ("ip", "/ip"),
        ("country", "/geolocation/country"),
        ("region", "/geolocation/region"),
        ("city", "/geolocation/city"),
        ("user-agent", "/client-info/user-agent"),
        ("device-type", "/client-info/device-type"),
        ("client-type", "/client-info/client-type"),
        ("client-name", "/client-info/client-name"),
        ("client-os", "/client-info/client-os"),
    ];
    let grouping = |fields: &mut Fields<'_>| {
        fields.at("campaign-id", "/campaigns/0/id");
        fields.at("campaign-name", "/campaigns/0/name");
        fields.each("tag", "/tags");
        fields.at("mailing-list", "/mailing-list/address");
    };
    let message = |fields: &mut Fields<'_>| {
        let Some(headers) = event.pointer("/message/headers") else { return };
        let named = [("To", "to"), ("From", "from"), ("Subject", "subject")];
        let mut pairs: Vec<_> =
            named.iter().filter_map(|(name, key)| Some(json!([name, headers.get(key)?]))).collect();
        let id = headers.get("message-id").map(|id| format!("<{}>", id.as_str().expect("a string")));
        pairs.extend(id.iter().map(|id| json!(["Message-Id", id])));
        fields.push("message-headers", json!(pairs).to_string());
        fields.extend("Message-Id", id);
    };

    let mut fields = Fields { event, list: Vec::new() };
    let kind = event["event"].as_str().expect("a kind");
    let bounced = event["reason"] == "bounce";
    let name = match (kind, bounced) {
        ("failed", true) => "bounced",
        ("failed", false) => "dropped",
        (kind, _) => kind,
    };
    fields.push("event", name.to_owned());
    fields.at("recipient", "/recipient");
    fields.at("domain", "/domain/name");
    match name {
        "opened" | "clicked" | "unsubscribed" => {
            CLIENT.iter().for_each(|(name, place)| fields.at(name, place));
            grouping(&mut fields);
            fields.at("message-id", "/message/headers/message-id");
            if name == "clicked" {
                fields.at("url", "/url");
            }
        }
        "delivered" => {
            message(&mut fields);
            fields.each("X-Mailgun-Tag", "/tags");
        }
        "dropped" => {
            message(&mut fields);
            fields.each("X-Mailgun-Tag", "/tags");
            fields.push("reason", if event["reason"] == "old" { "old" } else { "hardfail" }.to_owned());
            fields.first("code", &["/delivery-status/code", "/delivery-status/enhanced-code"]);
            let description = event.pointer("/delivery-status/description").filter(|text| **text != "");
            let place = if description.is_some() { "description" } else { "message" };
            fields.at("description", &format!("/delivery-status/{place}"));
        }
        "bounced" => {
            message(&mut fields);
            fields.first("code", &["/delivery-status/code", "/delivery-status/enhanced-code"]);
            fields.at("error", "/delivery-status/message");
            if event.pointer("/delivery-status/description").is_some_and(|text| *text != "") {
                fields.at("notification", "/delivery-status/description");
            }
            grouping(&mut fields);
        }
        _ => {
            message(&mut fields);
            grouping(&mut fields);
        }
    }
    for (name, value) in variables {
        let value = value.as_str().map_or_else(|| compact(value, escaped), str::to_owned);
        fields.push(name, value);
    }
    fields.push("timestamp", "1770920772".to_owned());
    fields.push("token", TOKEN.to_owned());
    fields.push("signature", block().signature().to_owned());

    // The one field that is itself JSON keeps the escapes that it came with.
    if escaped {
        let headers = fields.list.iter_mut().find(|(name, _)| name == "message-headers");
        if let Some((_, headers)) = headers {
            *headers = with_escaped_values(headers);
        }
    }
    fields.list
}

struct Fields<'e> {
    event: &'e Value,
    list: Vec<(String, String)>,
}

impl Fields<'_> {
    fn push(&mut self, name: &str, value: String) {
        self.list.push((name.to_owned(), value));
    }

    fn extend(&mut self, name: &str, value: Option<String>) {
        self.list.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn at(&mut self, name: &str, place: &str) {
        self.extend(name, self.event.pointer(place).map(shown));
    }

    fn first(&mut self, name: &str, places: &[&str]) {
        let found = places.iter().find_map(|place| self.event.pointer(place));
        self.extend(name, found.map(shown));
    }

    fn each(&mut self, name: &str, place: &str) {
        for value in self.event.pointer(place).and_then(Value::as_array).into_iter().flatten() {
            self.push(name, shown(value));
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `[["To","…"],…]` with the values, but for the brackets of an id, as escapes.
fn with_escaped_values(headers: &str) -> String {
    let pairs: Vec<(String, String)> = serde_json::from_str(headers).expect(headers);
    let pairs = pairs.iter().map(|(name, value)| match name.as_str() {
        "Message-Id" => {
            let id = value.strip_prefix('<').and_then(|id| id.strip_suffix('>')).expect("in brackets");
            format!(r#"["{name}","<{}>"]"#, escapes(id))
        }
        _ => format!(r#"["{name}","{}"]"#, escapes(value)),
    });
    format!("[{}]", pairs.collect::<Vec<_>>().join(","))
}

/// The event as JSON, with these variables, of which a name may stand twice.
fn written(event: &Value, variables: &[(String, Value)], escaped: bool) -> String {
    let variables = variables
        .iter()
        .map(|(name, value)| format!("{}:{}", compact(&json!(name), escaped), compact(value, escaped)));
    let variables = variables.collect::<Vec<_>>().join(",");
    let event = compact(event, escaped);
    let members = event.strip_suffix('}').expect("an object");
    format!(r#"{members},"user-variables":{{{variables}}}}}"#)
}

/// JSON without white space, with an escape for every character of a string if `escaped`.
fn compact(value: &Value, escaped: bool) -> String {
    match value {
        Value::String(text) if escaped => format!("\"{}\"", escapes(text)),
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(|element| compact(element, escaped)).collect();
            format!("[{}]", elements.join(","))
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                format!("{}:{}", compact(&json!(name), escaped), compact(value, escaped))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn escapes(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// An event of a kind that has a form, in which every field is there or not.
fn event() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(LegacyKind::ALL.as_slice());
    let reason = prop::sample::select(["old", "generic", "suppress-bounce"].as_slice());
    let texts = |names: &[&'static str]| object(names.iter().map(|name| (*name, text())).collect());
    let rest = object(vec![
        ("recipient", text()),
        ("domain", texts(&["name"])),
        ("tags", prop::collection::vec(text(), 0..3).prop_map(Value::from).boxed()),
        ("campaigns", prop::collection::vec(texts(&["id", "name"]), 0..3).prop_map(Value::from).boxed()),
        ("message", object(vec![("headers", texts(&["to", "from", "subject", "message-id"]))])),
        (
            "delivery-status",
            object(vec![
                ("code", any::<u32>().prop_map(Value::from).boxed()),
                ("message", text()),
                ("description", text()),
                ("enhanced-code", text()),
            ]),
        ),
        ("mailing-list", texts(&["address", "sid"])),
        ("ip", text()),
        ("geolocation", texts(&["country", "region", "city"])),
        (
            "client-info",
            texts(&["client-type", "client-os", "device-type", "client-name", "user-agent", "bot"]),
        ),
        ("url", text()),
    ]);
    (kind, reason, rest).prop_map(|(kind, reason, mut event)| {
        let (name, reason) = match kind {
            LegacyKind::Bounce => ("failed", "bounce"),
            LegacyKind::Drop => ("failed", reason),
            other => (other.event(), reason),
        };
        event["event"] = name.into();
        event["reason"] = reason.into();
        event["severity"] = "permanent".into();
        event
    })
}

/// An object in which each of these members is there or not.
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| prop::option::of(value).prop_map(move |value| Some((name.to_owned(), value?))))
        .collect();
    members.prop_map(|members| Value::Object(members.into_iter().flatten().collect())).boxed()
}

/// Text with all that a form must escape, and with what looks like the end of a part.
fn text() -> BoxedStrategy<Value> {
    prop_oneof![
        "[a-zA-Z0-9@. -]{0,12}",
        "[a-z\"\\\\/+%&=;<>\r\n\u{1}\u{7f}é😀 -]{0,8}",
        "(\r\n)?--(sealpost-[0-9a-f]{4})?(--)?(\r\n)?",
    ]
    .prop_map(Value::from)
    .boxed()
}

/// The name of a variable, at times that of another field.
fn name() -> BoxedStrategy<String> {
    let taken = prop::sample::select(["event", "timestamp", "token", "signature", "tag"].as_slice());
    prop_oneof![
        text().prop_map(|text| text.as_str().expect("a string").to_owned()),
        taken.prop_map(str::to_owned),
        Just("a\"; filename=\"b".to_owned()),
        Just("a\"\r\nContent-Type: text/html\r\n\r\nb".to_owned()),
    ]
    .boxed()
}

fn variable() -> BoxedStrategy<Value> {
    let scalar = prop_oneof![
        3 => text(),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
    ];
    let nested = (text(), scalar.clone()).prop_map(|(text, scalar)| json!({"k": [text, scalar]}));
    prop_oneof![4 => scalar, 1 => nested].boxed()
}
