//! Which fields a legacy webhook gets, and from which part of the event.

use super::kind::LegacyKind;
use super::value::Value;
use crate::decimal::Decimal;
use crate::error::ResourceError;
use crate::event::Event;
use crate::json::{Kind, RawJson, Text};
use crate::sign::SignatureBlock;

/// Takes the fields of a form in order.
pub(super) trait FieldSink {
    fn field(&mut self, name: Text<'_>, value: Value<'_>) -> Result<(), ResourceError>;

    /// A field of ours, if the event has it.
    fn text(&mut self, name: &str, value: Option<Text<'_>>) -> Result<(), ResourceError> {
        value.map_or(Ok(()), |value| self.field(name.into(), Value::Text(value)))
    }
}

/// The fields of the event. Custom variables are the last of them, so that a field of the same name comes first.
pub(super) fn of_event(
    kind: LegacyKind,
    event: &Event<'_>,
    form: &mut impl FieldSink,
) -> Result<(), ResourceError> {
    form.text("event", Some(kind.event().into()))?;
    form.text("recipient", event.recipient)?;
    form.text("domain", event.domain_name())?;
    match kind {
        LegacyKind::Open | LegacyKind::Unsubscribe => engagement(event, form)?,
        LegacyKind::Click => {
            engagement(event, form)?;
            form.text("url", event.url)?;
        }
        LegacyKind::Deliver => {
            message(event, form)?;
            tags("X-Mailgun-Tag", event, form)?;
        }
        LegacyKind::Drop => {
            message(event, form)?;
            tags("X-Mailgun-Tag", event, form)?;
            drop_reason(event, form)?;
        }
        LegacyKind::Bounce => {
            message(event, form)?;
            bounce_reason(event, form)?;
            grouping(event, form)?;
        }
        LegacyKind::Spam => {
            message(event, form)?;
            grouping(event, form)?;
        }
    }
    custom_variables(event, form)
}

/// The last fields: these a custom variable of the same name comes before.
pub(super) fn of_signature(
    signature: &SignatureBlock,
    form: &mut impl FieldSink,
) -> Result<(), ResourceError> {
    form.field("timestamp".into(), Value::Ascii(Decimal::new(signature.timestamp()).as_bytes()))?;
    form.field("token".into(), Value::Ascii(signature.token().as_bytes()))?;
    form.field("signature".into(), Value::Ascii(signature.digits()))
}

/// Who did it, where, with which program, and to which message.
fn engagement(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let geolocation = event.geolocation.unwrap_or_default();
    let client = event.client_info.unwrap_or_default();
    form.text("ip", event.ip)?;
    form.text("country", geolocation.country)?;
    form.text("region", geolocation.region)?;
    form.text("city", geolocation.city)?;
    form.text("user-agent", client.user_agent)?;
    form.text("device-type", client.device_type)?;
    form.text("client-type", client.client_type)?;
    form.text("client-name", client.client_name)?;
    form.text("client-os", client.client_os)?;
    grouping(event, form)?;
    form.text("message-id", event.message_id())
}

/// The message, by its headers.
fn message(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let Some(headers) = event.message.and_then(|message| message.headers) else { return Ok(()) };
    form.field("message-headers".into(), Value::Headers(&headers))?;
    headers.message_id.map_or(Ok(()), |id| form.field("Message-Id".into(), Value::Bracketed(id)))
}

/// What the message was sent as part of. It may belong to several campaigns; there is room for one.
fn grouping(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let campaign = event.campaigns.and_then(|campaigns| campaigns.iter().next()).unwrap_or_default();
    form.text("campaign-id", campaign.id)?;
    form.text("campaign-name", campaign.name)?;
    tags("tag", event, form)?;
    form.text("mailing-list", event.mailing_list.and_then(|list| list.address))
}

fn tags(name: &str, event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let Some(tags) = event.tags else { return Ok(()) };
    tags.iter().try_for_each(|tag| form.text(name, Some(tag)))
}

fn drop_reason(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let status = event.delivery_status.unwrap_or_default();
    let old = event.reason.is_some_and(|reason| reason == "old");
    form.text("reason", Some(if old { "old" } else { "hardfail" }.into()))?;
    code(event, form)?;
    let description = status.description.filter(|description| !description.is_empty());
    form.text("description", description.or(status.message))
}

fn bounce_reason(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let status = event.delivery_status.unwrap_or_default();
    code(event, form)?;
    form.text("error", status.message)?;
    form.text("notification", status.description.filter(|description| !description.is_empty()))
}

/// Mailgun's documentation says `5.1.1`, what was recorded says `550`: the latter, if it is known.
fn code(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let status = event.delivery_status.unwrap_or_default();
    match status.code {
        Some(code) => form.field("code".into(), Value::Ascii(Decimal::new(code.into()).as_bytes())),
        None => form.text("code", status.enhanced_code),
    }
}

fn custom_variables(event: &Event<'_>, form: &mut impl FieldSink) -> Result<(), ResourceError> {
    let Some(variables) = event.user_variables else { return Ok(()) };
    variables.members().try_for_each(|(name, value)| form.field(name, variable(value)))
}

/// A string by its characters; anything else as the JSON that it is.
fn variable(value: RawJson<'_>) -> Value<'_> {
    match (value.kind(), value.as_text()) {
        (Kind::String, Some(text)) => Value::Text(text),
        _ => Value::Text(value.as_str().into()),
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    use super::*;
    use crate::json;
    use crate::legacy::LegacyForm;

    /// The fields of a permanent failure with these members, `name=value`.
    fn of_failure(members: &str) -> Vec<String> {
        struct List(Vec<String>);
        impl FieldSink for List {
            fn field(&mut self, name: Text<'_>, value: Value<'_>) -> Result<(), ResourceError> {
                let mut bytes = heapless::Vec::<u8, 256>::new();
                value.write(&mut bytes)?;
                self.0.push(format!("{name}={}", core::str::from_utf8(&bytes).unwrap()));
                Ok(())
            }
        }

        let json = format!(r#"{{"event":"failed","severity":"permanent",{members}}}"#);
        let event = Event::decode(json::check(json.as_bytes()).unwrap()).unwrap();
        let mut list = List(Vec::new());
        of_event(LegacyForm::new(&event).unwrap().kind(), &event, &mut list).unwrap();
        list.0
    }

    #[test]
    fn a_drop_has_one_of_two_reasons() {
        assert_eq!(of_failure(r#""reason":"old""#), ["event=dropped", "reason=old"]);
        for reason in ["hardfail", "suppress-bounce", "generic"] {
            assert_eq!(of_failure(&format!(r#""reason":"{reason}""#)), ["event=dropped", "reason=hardfail"]);
        }
    }

    #[test]
    fn the_code_is_that_of_the_reply_before_the_enhanced_one() {
        let bounce = |status: &str| of_failure(&format!(r#""reason":"bounce","delivery-status":{status}"#));
        assert_eq!(
            bounce(r#"{"code":550,"enhanced-code":"5.1.1","message":"No"}"#),
            ["event=bounced", "code=550", "error=No"]
        );
        assert_eq!(bounce(r#"{"enhanced-code":"5.1.1"}"#), ["event=bounced", "code=5.1.1"]);
        assert_eq!(bounce("{}"), ["event=bounced"]);
    }

    #[test]
    fn an_empty_description_is_none() {
        let status = r#""delivery-status":{"message":"No","description":""}"#;
        assert_eq!(of_failure(status), ["event=dropped", "reason=hardfail", "description=No"]);
        assert_eq!(of_failure(&format!(r#""reason":"bounce",{status}"#)), ["event=bounced", "error=No"]);

        let status = r#""delivery-status":{"message":"No","description":"More"}"#;
        assert_eq!(of_failure(status), ["event=dropped", "reason=hardfail", "description=More"]);
        assert_eq!(
            of_failure(&format!(r#""reason":"bounce",{status}"#)),
            ["event=bounced", "error=No", "notification=More"]
        );
    }

    #[test]
    fn one_campaign_and_every_tag_is_told() {
        let fields = of_failure(
            r#""reason":"bounce","campaigns":[{"id":"c1","name":"One"},{"id":"c2"}],"tags":["a","b"],
            "mailing-list":{"address":"list@example.com"}"#,
        );
        let expected = [
            "event=bounced",
            "campaign-id=c1",
            "campaign-name=One",
            "tag=a",
            "tag=b",
            "mailing-list=list@example.com",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn headers_are_json_with_the_escapes_they_came_with() {
        let fields = of_failure(r#""message":{"headers":{"subject":"\"\u00e9\"","message-id":"1@x"}}"#);
        assert_eq!(
            fields[1..3],
            [r#"message-headers=[["Subject","\"\u00e9\""],["Message-Id","<1@x>"]]"#, "Message-Id=<1@x>"]
        );
        assert_eq!(of_failure(r#""message":{"headers":{}}"#)[1], "message-headers=[]");
    }

    #[test]
    fn a_variable_is_its_characters_or_its_json() {
        let fields = of_failure(
            r#""user-variables":{"a":"\ud83d\ude00\n","b":1.50,"c":null,"d":{ "e" : [] },"event":"mine","a":""}"#,
        );
        assert_eq!(
            fields,
            [
                "event=dropped",
                "reason=hardfail",
                "a=😀\n",
                "b=1.50",
                "c=null",
                r#"d={ "e" : [] }"#,
                "event=mine",
                "a="
            ]
        );
    }
}
