//! The form bodies of legacy webhooks: what Mailgun posted before June 2018, and until 2023 to those who kept them.
//!
//! A legacy webhook has a name of its own ([`LegacyKind`]), gets form fields instead of event-data, and the signature
//! as three of these fields. [`LegacyForm`] is what the event says, the same for every attempt; [`LegacyPayload`]
//! adds the signature of one:
//!
//! ```text
//! Event ── LegacyForm ── write ──► fields ─┐
//!                          encoding ───────┼──► LegacyPayload: the fields, the signature
//! SigningKey::sign ──► SignatureBlock ─────┘
//! ```
//!
//! ```
//! use sealpost_core::legacy::{LegacyForm, LegacyPayload};
//! use sealpost_core::json::{self, SliceSink};
//! use sealpost_core::{Event, SigningKey, Token, UnixTime};
//!
//! let raw = json::check(br#"{
//!     "event": "clicked", "recipient": "alice@recipient.test", "url": "https://example.com/?a=1",
//!     "user-variables": {"order": "no. 42"}
//! }"#)?;
//! let event = Event::decode(raw)?;
//! let form = LegacyForm::new(&event).expect("clicks have a legacy webhook");
//! let mut room = [0; 256];
//! let mut fields = SliceSink::new(&mut room);
//! form.write(&mut fields)?;
//!
//! let key = SigningKey::new(b"key-example")?;
//! let block = key.sign(UnixTime::new(1_529_006_854, 0), Token::from_entropy([7; 25]));
//! let payload = LegacyPayload::new(form.encoding(), fields.into_filled(), &block);
//! assert_eq!(payload.content_type(), "application/x-www-form-urlencoded");
//! let body = payload.chunks().concat();
//! assert_eq!(body.len(), payload.len());
//! assert!(body.starts_with(
//!     b"event=clicked&recipient=alice%40recipient%2Etest&url=https%3A%2F%2Fexample%2Ecom%2F%3Fa%3D1\
//!       &order=no%2E+42&timestamp=1529006854&token=0707"
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The fields
//! In this order; what the event does not have is left out. `delivered`, `opened`, `clicked` and `unsubscribed` are
//! URL-encoded, `dropped`, `bounced` and `complained` are multipart, as at Mailgun, where these may have attachments.
//!
//! | field | of | from |
//! |---|---|---|
//! | `event` | all | [`LegacyKind::event`] |
//! | `recipient` | all | `recipient` |
//! | `domain` | all | `domain.name` |
//! | `ip` | opened, clicked, unsubscribed | `ip` |
//! | `country`, `region`, `city` | these | `geolocation` |
//! | `user-agent`, `device-type`, `client-type`, `client-name`, `client-os` | these | `client-info` |
//! | `message-headers` | delivered, dropped, bounced, complained | `message.headers`, as JSON `[["To","…"],…]` with `To`, `From`, `Subject` and `Message-Id` |
//! | `Message-Id` | these | `message.headers.message-id` between `<` and `>` |
//! | `X-Mailgun-Tag` | delivered, dropped | `tags`, once for each |
//! | `reason` | dropped | `old` if `reason` is that, else `hardfail` |
//! | `code` | dropped, bounced | `delivery-status.code`; `enhanced-code` if there is none |
//! | `description` | dropped | `delivery-status.description`; `message` if that is empty |
//! | `error` | bounced | `delivery-status.message` |
//! | `notification` | bounced | `delivery-status.description`, unless it is empty |
//! | `campaign-id`, `campaign-name` | all but delivered and dropped | the first of `campaigns` |
//! | `tag` | these | `tags`, once for each |
//! | `mailing-list` | these | `mailing-list.address` |
//! | `message-id` | opened, clicked, unsubscribed | `message.headers.message-id` |
//! | `url` | clicked | `url` |
//! | custom variables | all | `user-variables`: one field for each, named as it is |
//! | `timestamp`, `token`, `signature` | all | the [`SignatureBlock`](crate::SignatureBlock) |
//!
//! A custom variable may have the name of another field. It stands behind all of these but the last three, which are
//! the last whatever comes: so a receiver that takes the last value of a name gets a signature that holds, as django-anymail
//! found Mailgun's posts to be. Its value is the characters of a string, and of anything else, `null` included, the
//! JSON as it came.
//!
//! Event-data has nothing for `X-Mailgun-Sid`, for the headers beyond these four, and for what a receiving server
//! returned (`attachment-count`, `attachment-1` and so on), so these are never sent; nor are `body-plain` and `h`, which
//! were not documented.
//!
//! Names and meanings are those of Mailgun's documentation before 2018
//! (<https://github.com/mailgun/documentation>, `source/user_manual.rst`) and of
//! <https://help.mailgun.com/hc/en-us/articles/14048832145051-Legacy-Webhooks>.

mod fields;
mod form;
mod kind;
mod multipart;
mod payload;
mod percent;
mod urlencoded;
mod value;

pub use form::{FormEncoding, LegacyForm};
pub use kind::LegacyKind;
pub use multipart::Boundary;
pub use payload::{LegacyPayload, MAX_ENDING};
