//! One complete event-data of every type, for `sealpost send sample:TYPE`, `sealpost dev` and the test
//! call of the webhooks API. They have neither `id` nor `timestamp`: those are given when one is used.

use sealpost_core::WebhookKind;

macro_rules! samples {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("samples/", $name, ".json")).trim_ascii())),+]
    };
}

/// Every sample: its name and its event-data, compact JSON in one line.
///
/// The names are those of the eight webhooks, and `rejected`, `stored` and `suppressed` (a
/// `permanent_fail` without an attempt).
pub const ALL: [(&str, &str); 11] = samples![
    "accepted",
    "clicked",
    "complained",
    "delivered",
    "opened",
    "permanent_fail",
    "rejected",
    "stored",
    "suppressed",
    "temporary_fail",
    "unsubscribed",
];

/// The sample of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    ALL.into_iter().find(|(of, _)| *of == name).map(|(_, event_data)| event_data)
}

/// The sample that goes to this webhook.
#[must_use]
pub fn of(kind: WebhookKind) -> &'static str {
    named(kind.as_str()).unwrap_or("{}")
}

#[cfg(test)]
mod tests {
    use sealpost_core::{EventKind, Severity};
    use serde_json::Value;

    use super::*;

    fn kind(sample: &str) -> (EventKind, Option<Severity>) {
        let event: Value = serde_json::from_str(sample).unwrap();
        let severity = event.get("severity").and_then(Value::as_str).and_then(Severity::parse);
        (EventKind::parse(event["event"].as_str().unwrap()).unwrap(), severity)
    }

    #[test]
    fn every_webhook_has_a_sample_that_goes_to_it() {
        for webhook in WebhookKind::ALL {
            let (event, severity) = kind(of(webhook));
            assert_eq!(event.webhook(severity), Some(webhook));
        }
    }

    #[test]
    fn every_event_has_a_sample_in_one_line_without_an_id() {
        for event in EventKind::ALL {
            assert!(ALL.iter().any(|(_, sample)| kind(sample).0 == event), "{event}");
        }
        for (name, sample) in ALL {
            let fields: serde_json::Map<String, Value> = serde_json::from_str(sample).unwrap();
            assert!(!fields.contains_key("id") && !fields.contains_key("timestamp"), "{name}");
            assert!(!sample.contains('\n'), "{name}");
        }
    }
}
