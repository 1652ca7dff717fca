//! Events: Mailgun's event-data, with all its fields and their rules.
//!
//! An event comes in as JSON and is looked at three times, each time at the text itself:
//!
//! 1. [`accept`] reads it into an [`Event`], which borrows from the text: every field that Mailgun
//!    names has its type, the values are plausible, members of other names pass.
//! 2. [`complete`] writes the text again with what was absent: id, timestamp, domain, account.
//! 3. From then on it is frozen. These bytes are what every endpoint gets, on every attempt.
//!
//! Who makes events instead of passing them on fills an [`Event`] and calls [`Event::encode`].
//!
//! Field names and types are those of Mailgun's event-data
//! (<https://documentation.mailgun.com/docs/mailgun/user-manual/events/events>), as recorded traffic
//! and its client libraries have them: some of those refuse a whole page for one mistyped field.

mod accept;
mod account;
mod complete;
mod data;
mod delivery_status;
mod engagement;
mod envelope;
mod flags;
mod kind;
mod message;
mod origin;
mod route;
mod storage;

pub use accept::accept;
pub use account::{Account, Domain};
pub use complete::{CompleteError, Completion, complete};
pub use data::Event;
pub use delivery_status::DeliveryStatus;
pub use engagement::{ClientInfo, Geolocation};
pub use envelope::Envelope;
pub use flags::Flags;
pub use kind::{EventKind, Severity, WebhookKind};
pub use message::{Attachment, Headers, Message};
pub use origin::{Batch, Campaign, MailingList, Reject, Template};
pub use route::{Route, RouteMatch};
pub use storage::Storage;
