//! The calls that most tests make, on the domain that every test server has.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Api, DOMAIN, Response};

/// A page of the Events API.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// Its events, as the bytes that they are.
    pub items: Vec<Box<RawValue>>,
    /// Where it leads.
    pub paging: Paging,
}

/// The links of a page.
#[derive(Clone, Debug, Deserialize)]
pub struct Paging {
    /// To the page before.
    pub previous: String,
    /// To the first page.
    pub first: String,
    /// To the last page.
    pub last: String,
    /// To the page behind.
    pub next: String,
}

/// An event of this type and id, such as a mail system sends it.
#[must_use]
pub fn event(kind: &str, id: &str) -> String {
    format!(r#"{{"event":"{kind}","id":"{id}","recipient":"alice@example.net"}}"#)
}

/// The path of the webhooks, and of one of them if `rest` is `/TYPE`.
#[must_use]
pub fn webhooks(rest: &str) -> String {
    format!("/v3/domains/{DOMAIN}/webhooks{rest}")
}

/// The path of the events, with a query that may be empty.
#[must_use]
pub fn events(query: &str) -> String {
    format!("/v3/{DOMAIN}/events{query}")
}

impl Api {
    /// Sets a webhook as `curl -F id=… -F url=…` does.
    #[must_use]
    pub fn subscribe(&self, kind: &str, urls: &[String]) -> Response {
        let urls = urls.iter().map(|url| ("url", url.as_str()));
        let fields: Vec<_> = [("id", kind)].into_iter().chain(urls).collect();
        self.multipart("POST", &webhooks(""), &fields)
    }

    /// Submits one event, or an array of them.
    #[must_use]
    pub fn submit(&self, events: &str) -> Response {
        self.post(&self::events(""), "application/json", events)
    }

    /// The page at this path or link.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn page(&self, path: &str) -> Page {
        let answer = self.get(path).expect(200);
        serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.text()))
    }

    /// The ids of all events that there are, the oldest first, read page by page.
    ///
    /// # Panics
    /// If a page is none.
    #[must_use]
    pub fn listed(&self) -> Vec<String> {
        let mut page = self.page(&events("?ascending=yes&limit=300"));
        let mut ids = Vec::new();
        while !page.items.is_empty() {
            ids.extend(page.ids());
            page = self.page(&page.paging.next);
        }
        ids
    }
}

impl Page {
    /// The ids of its events, in order.
    ///
    /// # Panics
    /// If an event has none.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Identified {
            id: String,
        }
        let id = |item: &RawValue| serde_json::from_str::<Identified>(item.get()).expect("an id").id;
        self.items.iter().map(|item| id(item)).collect()
    }
}
