//! Clients that repeat what had no answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use sealpost_tests::calls::{event, events};
use sealpost_tests::{Api, Random};

/// One client, across all lives of the server.
pub(crate) struct Submitter {
    name: usize,
    next: usize,
    random: Random,
    /// What had no answer, to be said again.
    unanswered: Vec<(String, &'static str)>,
    /// The ids that were answered with 200 since somebody took them out.
    pub(crate) newly_accepted: Vec<String>,
    /// Every event that was answered with 200.
    pub(crate) accepted: Vec<(String, &'static str)>,
}

impl Submitter {
    pub(crate) fn new(name: usize, random: Random) -> Self {
        Self {
            name,
            next: 0,
            random,
            unanswered: Vec::new(),
            newly_accepted: Vec::new(),
            accepted: Vec::new(),
        }
    }

    /// Submits one to four events at a time, until the server is gone or all is answered and `done`.
    pub(crate) fn run(&mut self, api: &Api, done: &AtomicBool) {
        while !(done.load(Ordering::Relaxed) && self.unanswered.is_empty()) {
            if self.unanswered.is_empty() {
                self.unanswered = (0..=self.random.below(4)).map(|_| self.new_event()).collect();
            }
            let lines: Vec<_> = self.unanswered.iter().map(|(id, kind)| event(kind, id)).collect();
            let sent =
                api.try_send("POST", &events(""), Some("application/x-ndjson"), lines.join("\n").as_bytes());
            let Ok(answer) = sent else { return };
            let _ = answer.expect(200);
            self.newly_accepted.extend(self.unanswered.iter().map(|(id, _)| id.clone()));
            self.accepted.append(&mut self.unanswered);
            thread::sleep(Duration::from_millis(self.random.below(30)));
        }
    }

    fn new_event(&mut self) -> (String, &'static str) {
        self.next += 1;
        let kind = ["opened", "opened", "clicked", "clicked", "delivered"][self.random.below(5) as usize];
        (format!("s{}-{}", self.name, self.next), kind)
    }
}
