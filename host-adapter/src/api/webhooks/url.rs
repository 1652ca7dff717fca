//! A webhook URL on its way in: normal form first, then the egress guard's verdict.

use crate::api::App;
use crate::api::error::Error;
use crate::storage::EndpointUrl;

/// The URL in normal form, if webhooks may be sent to it.
pub(super) async fn vet(_app: &App, text: &str) -> Result<EndpointUrl, Error> {
    let parsed = ::url::Url::parse(text).map_err(|error| bad(text, error))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host().is_none() {
        return Err(bad(text, "its scheme must be https or http, and it must have a host"));
    }
    Ok(EndpointUrl::new(parsed.as_str()))
}

fn bad(text: &str, reason: impl std::fmt::Display) -> Error {
    Error::BadUrl { shown: EndpointUrl::new(text).shown().to_owned(), reason: reason.to_string() }
}
