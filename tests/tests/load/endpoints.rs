//! More endpoints than one domain can have.

use sealpost_tests::Api;

/// The events that no field but the type is needed for.
const KINDS: [&str; 6] = ["accepted", "clicked", "complained", "delivered", "opened", "unsubscribed"];

/// Where events go in that go out to one endpoint alone.
pub(crate) struct Place {
    pub(crate) domain: String,
    pub(crate) kind: &'static str,
}

impl Place {
    /// The path that takes its events.
    pub(crate) fn events(&self) -> String {
        format!("/v3/{}/events", self.domain)
    }
}

/// Makes as many domains as it takes to give each URL a place of its own.
pub(crate) fn subscribe(api: &Api, urls: impl IntoIterator<Item = String>) -> Vec<Place> {
    let mut places = Vec::new();
    for (number, url) in urls.into_iter().enumerate() {
        let (domain, kind) = (format!("d{}.example", number / KINDS.len()), KINDS[number % KINDS.len()]);
        if number % KINDS.len() == 0 {
            let _ = api.multipart("POST", "/v3/domains", &[("name", &domain)]).expect(200);
        }
        let webhooks = format!("/v3/domains/{domain}/webhooks");
        let _ = api.multipart("POST", &webhooks, &[("id", kind), ("url", &url)]).expect(200);
        places.push(Place { domain, kind });
    }
    places
}
