//! Request bins of a live server.

use serde_json::Value;

use crate::{Api, DOMAIN, Response, Server};

/// A bin, as whoever knows its address has it.
pub struct Bin {
    /// Its id.
    pub id: String,
    /// The URL for webhooks.
    pub url: String,
    /// The address of its page.
    pub page: String,
    anyone: Api,
}

impl Bin {
    /// A new bin of the domain of every test server, which answers like this.
    ///
    /// # Panics
    /// If it is not made.
    #[must_use]
    pub fn make(server: &Server, answers: &str) -> Self {
        let fields = [("domain", DOMAIN), ("answers", answers)];
        let made = server.api().urlencoded("POST", "/bins", &fields).expect(200).json();
        let text = |name: &str| made[name].as_str().expect(name).to_owned();
        Self::at(&text("page"))
    }

    /// The bin whose page is at this address.
    ///
    /// # Panics
    /// If it is no such address.
    #[must_use]
    pub fn at(page: &str) -> Self {
        let (_, id) = page.split_once("/bins/").expect("the address of a page");
        Self {
            id: id.to_owned(),
            url: format!("{page}/in"),
            page: page.to_owned(),
            anyone: Api::anonymous(page),
        }
    }

    /// What it has kept, asked with this query, without a key.
    #[must_use]
    pub fn requests(&self, query: &str) -> Response {
        self.anyone.get(&format!("/requests{query}"))
    }

    /// The requests to it, the newest first, once there are so many.
    ///
    /// # Panics
    /// If there are not within 30 s.
    #[must_use]
    pub fn once(&self, count: usize) -> Vec<Value> {
        let list = self.requests(&format!("?count={count}&wait=30s")).expect(200).json();
        list["items"].as_array().expect("items").clone()
    }

    /// Sends a body to it with these header fields.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn send(&self, headers: &[(&'static str, &str)], body: &[u8]) -> Response {
        let sender = headers
            .iter()
            .fold(Api::anonymous(&self.page), |sender, (name, value)| sender.with_header(name, value));
        sender.send("POST", "/in", Some("application/json"), body)
    }
}
