//! Where payloads go: URLs, and which of them want which events.

mod subscriptions;
mod url;

pub use subscriptions::{Endpoints, MAX_PER_KIND, SubscribeError, Subscriptions};
pub use url::{Host, Scheme, Url, UrlError, Userinfo};
