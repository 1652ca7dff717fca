//! Where payloads go: URLs, and which of them want which events.

mod host;
mod subscriptions;
mod url;
mod userinfo;

pub use host::Host;
pub use subscriptions::{Endpoints, MAX_PER_KIND, SubscribeError, Subscriptions};
pub use url::{Scheme, Url, UrlError};
pub use userinfo::Userinfo;
