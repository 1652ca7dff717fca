//! The schema of event-data: the names that the server knows, and their types.

use std::borrow::Cow;

use sealpost_core::{EventKind, Severity};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use self::Is::{Anything, Count, Flag, Free, Kind, Nullable, Number, Object, Objects, Text, Texts};
use super::schema::{choice, text, whole};
use crate::samples;

/// Event-data, as it comes in and as it is listed.
pub(in crate::api) struct EventData;

/// What a member of event-data must be, if it is there.
#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    Number,
    Count,
    Flag,
    Anything,
    Kind,
    Severity,
    Texts,
    /// An object with members of any name.
    Free,
    Object(&'static [(&'static str, Is)]),
    /// The same, or `null`.
    Nullable(&'static [(&'static str, Is)]),
    Objects(&'static [(&'static str, Is)]),
}

const MEMBERS: &[(&str, Is)] = &[
    ("event", Kind),
    ("id", Text),
    ("timestamp", Number),
    ("log-level", Text),
    ("severity", Is::Severity),
    ("reason", Text),
    ("account", Object(&[("id", Text)])),
    ("domain", Object(&[("name", Text)])),
    ("api-key-id", Text),
    ("recipient", Text),
    ("recipient-domain", Text),
    ("recipient-provider", Text),
    ("primary-dkim", Text),
    ("method", Text),
    ("originating-ip", Text),
    ("tags", Texts),
    ("campaigns", Objects(&[("id", Text), ("name", Text)])),
    ("user-variables", Free),
    (
        "flags",
        Object(&[
            ("is-routed", Flag),
            ("is-authenticated", Flag),
            ("is-system-test", Flag),
            ("is-test-mode", Flag),
            ("is-big", Flag),
            ("is-amp", Flag),
            ("is-encrypted", Flag),
            ("is-delayed-bounce", Flag),
        ]),
    ),
    (
        "envelope",
        Object(&[
            ("sender", Text),
            ("transport", Text),
            ("targets", Text),
            ("sending-ip", Text),
            ("mail-from", Text),
            ("sending-host", Text),
            ("i-ip-pool-id", Text),
            ("i-ip-pool-name", Text),
        ]),
    ),
    (
        "message",
        Object(&[
            ("headers", Object(&[("to", Text), ("from", Text), ("subject", Text), ("message-id", Text)])),
            ("attachments", Objects(&[("filename", Text), ("content-type", Text), ("size", Count)])),
            ("recipients", Texts),
            ("size", Count),
            ("scheduled-for", Anything),
        ]),
    ),
    ("storage", Object(&[("url", Text), ("key", Text), ("region", Text), ("env", Text)])),
    (
        "delivery-status",
        Nullable(&[
            ("attempt-no", Count),
            ("code", Count),
            ("message", Text),
            ("description", Text),
            ("enhanced-code", Text),
            ("mx-host", Text),
            ("mx-host-ip", Text),
            ("tls", Flag),
            ("utf8", Flag),
            ("certificate-verified", Flag),
            ("session-seconds", Number),
            ("first-delivery-attempt-seconds", Number),
            ("retry-seconds", Count),
            ("bounce-type", Text),
            ("bounce-code", Anything),
            ("last-code", Count),
            ("last-message", Text),
        ]),
    ),
    ("batch", Object(&[("id", Text)])),
    ("template", Object(&[("name", Text), ("version", Text), ("is-text", Flag)])),
    ("routes", Objects(&[("expression", Text), ("id", Text), ("match", Object(&[("recipient", Text)]))])),
    ("mailing-list", Object(&[("address", Text), ("list-id", Text), ("sid", Text)])),
    ("ip", Text),
    ("geolocation", Object(&[("country", Text), ("region", Text), ("city", Text)])),
    (
        "client-info",
        Object(&[
            ("client-type", Text),
            ("client-os", Text),
            ("device-type", Text),
            ("client-name", Text),
            ("user-agent", Text),
            ("bot", Text),
            ("accept-language", Text),
            ("ip", Text),
        ]),
    ),
    ("url", Text),
    ("reject", Object(&[("reason", Text), ("description", Text)])),
];

const DESCRIPTION: &str = "One event. `event` has to be there, and `severity` in one that is `failed`. What is named \
    here has its type wherever it is; members of other names pass and stay. `id` (1 to 64 printable ASCII characters \
    without space, `\"`, `\\` and `/`), `timestamp` (seconds, from the year 2000 to a day from now), `domain` and \
    `account` are assigned where they are missing, so that every listed event has them.";

impl PartialSchema for EventData {
    fn schema() -> RefOr<Schema> {
        let example: Value = samples::named("clicked")
            .and_then(|sample| serde_json::from_str(sample).ok())
            .unwrap_or_default();
        object(MEMBERS).required("event").description(Some(DESCRIPTION)).examples([example]).into()
    }
}

impl ToSchema for EventData {
    fn name() -> Cow<'static, str> {
        "EventData".into()
    }
}

impl Is {
    fn schema(self) -> Schema {
        let of = |kind| ObjectBuilder::new().schema_type(kind);
        match self {
            Text => text().into(),
            Number => of(Type::Number).into(),
            Count => whole(0..=u32::MAX.into()).into(),
            Flag => of(Type::Boolean).into(),
            Anything => of_any().into(),
            Kind => choice(EventKind::ALL.map(EventKind::as_str)).into(),
            Self::Severity => choice([Severity::Permanent, Severity::Temporary].map(Severity::as_str)).into(),
            Texts => ArrayBuilder::new().items(text()).into(),
            Free => ObjectBuilder::new().into(),
            Object(members) => object(members).into(),
            Nullable(members) => {
                object(members).schema_type(SchemaType::Array(vec![Type::Object, Type::Null])).into()
            }
            Objects(members) => ArrayBuilder::new().items(object(members)).into(),
        }
    }
}

fn of_any() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue)
}

fn object(members: &[(&str, Is)]) -> ObjectBuilder {
    let object = ObjectBuilder::new();
    members.iter().fold(object, |object, (name, is)| object.property(*name, is.schema()))
}

#[cfg(test)]
mod tests {
    use sealpost_core::event::Event;
    use sealpost_core::json::check as checked;
    use serde_json::json;

    use super::*;

    /// A value that fits, and one that does not.
    fn values(is: Is) -> (Value, Option<Value>) {
        match is {
            Text => (json!("x"), Some(json!(1))),
            Number => (json!(1.5), Some(json!("1.5"))),
            Count => (json!(7), Some(json!(1.5))),
            Flag => (json!(true), Some(json!("yes"))),
            Anything => (json!([1, null]), None),
            Kind => (json!("opened"), Some(json!("permanent_fail"))),
            Is::Severity => (json!("permanent"), Some(json!("fatal"))),
            Texts => (json!(["x"]), Some(json!([1]))),
            Free | Object(_) => (json!({}), Some(json!([]))),
            Nullable(_) => (json!(null), Some(json!([]))),
            Objects(_) => (json!([{}]), Some(json!([1]))),
        }
    }

    fn decodes(event: &Value) -> bool {
        let text = event.to_string();
        Event::decode(checked(text.as_bytes()).expect("JSON")).is_ok()
    }

    /// Checks members of an object; `event` makes an event of that object.
    fn check(members: &[(&'static str, Is)], event: &dyn Fn(Value) -> Value) {
        for (name, is) in members.iter().copied() {
            let (right, wrong) = values(is);
            assert!(decodes(&event(json!({name: right}))), "{name} may be {is:?}");
            assert!(
                wrong.is_none_or(|wrong| !decodes(&event(json!({name: wrong})))),
                "{name} must be {is:?}"
            );
            match is {
                Object(inner) | Nullable(inner) => check(inner, &|object| event(json!({name: object}))),
                Objects(inner) => check(inner, &|object| event(json!({name: [object]}))),
                _ => {}
            }
        }
    }

    #[test]
    fn every_member_has_the_type_that_the_server_asks_for() {
        check(MEMBERS, &|mut object| {
            if object.get("event").is_none() {
                object["event"] = "opened".into();
            }
            object
        });
    }

    fn assert_known(sample: &Value, members: &[(&str, Is)]) {
        for (name, value) in sample.as_object().expect("an object") {
            let known = members.iter().find(|(known, _)| known == name);
            match known.unwrap_or_else(|| panic!("{name} is not described")).1 {
                Object(inner) | Nullable(inner) => assert_known(value, inner),
                Objects(inner) => {
                    value.as_array().into_iter().flatten().for_each(|value| assert_known(value, inner));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_member_of_the_samples_is_described() {
        for (_, sample) in samples::ALL {
            assert_known(&serde_json::from_str(sample).expect("JSON"), MEMBERS);
        }
    }
}
