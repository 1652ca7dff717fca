//! A webhook URL on its way in: normal form first, then the egress guard's verdict.

use std::fmt;
use std::sync::Arc;

use sealpost_core::Url;
use tracing::info;

use crate::api::App;
use crate::api::error::Error;
use crate::storage::{Endpoint, EndpointUrl};
use crate::transport::normalise;

/// The URL in normal form, if webhooks may be sent to it. `own` are the endpoints of whoever asks, whose shown forms
/// are good.
pub(in crate::api) async fn vet(
    app: &App,
    own: impl IntoIterator<Item = &Arc<Endpoint>>,
    text: &str,
) -> Result<EndpointUrl, Error> {
    let bad = |reason: &dyn fmt::Display| Error::BadUrl { shown: shown(text), reason: reason.to_string() };
    let normal = normalise(text).map_err(|error| bad(&error))?;
    let url = EndpointUrl::new(&normal);
    if is_masked(&url) && known(own, &url).is_none() {
        return Err(bad(&"its credentials are masked; send the real ones"));
    }
    let parsed = Url::parse(&normal).map_err(|error| bad(&error))?;
    app.client().check_endpoint(&parsed).await.map_err(|denied| {
        info!(endpoint = %parsed, reason = %denied, "refused by the egress guard");
        bad(&denied)
    })?;
    Ok(url)
}

/// The endpoint among these that has this URL, or shows it.
pub(super) fn known<'a>(
    own: impl IntoIterator<Item = &'a Arc<Endpoint>>,
    url: &EndpointUrl,
) -> Option<Arc<Endpoint>> {
    own.into_iter().find(|known| known.url() == url || known.url().shown() == url.expose()).cloned()
}

/// Whether a URL is what a listing showed in place of one with credentials.
fn is_masked(url: &EndpointUrl) -> bool {
    url.expose() == url.shown() && url.shown().contains("***@")
}

/// A URL that may be anything, without credentials and not too long to repeat. Where it has no normal form
/// nobody can tell where its credentials end: at its last `@`, at the latest.
fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let shown = match (normalise(text), text.rsplit_once('@')) {
        (Ok(normal), _) => EndpointUrl::new(&normal).shown().to_owned(),
        (Err(_), Some((_, behind))) => format!("***@{behind}"),
        (Err(_), None) => text.to_owned(),
    };
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_url_is_repeated_without_credentials_and_in_part() {
        for (text, repeated) in [
            ("https://user:hunter2@10.0.0.1/", "https://user:***@10.0.0.1/"),
            (r"https:\\user:hunter2@10.0.0.1\x", "https://user:***@10.0.0.1/x"),
            ("https:/user:hunter2@10.0.0.1/x", "https://user:***@10.0.0.1/x"),
            ("https://user:hun/ter2@10.0.0.1/x", "***@10.0.0.1/x"),
            ("ftp://user:hunter2@a.test/", "***@a.test/"),
            ("user:hun@ter2@a.test", "***@a.test"),
            ("no address", "no address"),
        ] {
            assert_eq!(shown(text), repeated, "{text}");
        }
        assert_eq!(shown(&"é".repeat(5000)).chars().count(), 203);
    }
}
