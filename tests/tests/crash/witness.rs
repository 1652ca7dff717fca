//! The endpoints, and what they have seen: the other half of the truth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sealpost_tests::calls::webhooks;
use sealpost_tests::{Api, Receiver, Reply};

/// A delivery, as the receiver knows it: a path and the event's id.
pub(crate) type Key = (&'static str, String);

/// The paths of each webhook, in the order of its URLs. What comes behind them is dead.
const WEBHOOKS: [(&str, &[&str]); 3] =
    [("opened", &["/healthy", "/slow", "/flaky"]), ("clicked", &["/refuses", "/closes"]), ("delivered", &[])];

/// Sets the webhooks; `clicked` has a dead URL too, and `delivered` another one alone.
pub(crate) fn subscribe(api: &Api, receiver: &Receiver, dead: &str) {
    for (kind, paths) in WEBHOOKS {
        let mut urls: Vec<_> = paths.iter().map(|path| receiver.url(path)).collect();
        urls.extend((kind != "opened").then(|| format!("{dead}/{kind}")));
        let _ = api.subscribe(kind, &urls).expect(200);
    }
}

/// Takes the webhook `delivered` away, which cancels what waits for it, and sets it again, for this time or until
/// nobody answers.
pub(crate) fn withdraw_for(span: Duration, api: &Api, dead: &str) {
    let until = Instant::now() + span;
    let url = format!("{dead}/delivered");
    let set = [("id", "delivered"), ("url", url.as_str())];
    while Instant::now() < until {
        // The kill before may have come between the two, so that either may find nothing to do.
        let withdrawn = api.try_send("DELETE", &webhooks("/delivered"), None, &[]);
        let set = withdrawn.map(|_| api.multipart("POST", &webhooks(""), &set));
        assert!(set.is_ok_and(|answer| answer.status < 500), "the server is there");
        thread::sleep(Duration::from_millis(40));
    }
}

/// The delivery to this place in the fan-out of an event; `None` for the dead endpoint.
pub(crate) fn key(kind: &str, place: usize, id: String) -> Option<Key> {
    let (_, paths) = WEBHOOKS.into_iter().find(|(known, _)| *known == kind)?;
    Some((paths.get(place)?, id))
}

#[derive(Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<BTreeMap<Key, Seen>>>);

#[derive(Default)]
struct Seen {
    attempts: usize,
    /// Attempts that were answered with an end: 200 or 406.
    ends: usize,
}

impl Witness {
    pub(crate) fn receiver(&self) -> Receiver {
        let witness = self.clone();
        Receiver::start().deciding(move |request| witness.answer(&request.path, request.event_id()))
    }

    fn answer(&self, path: &str, id: String) -> Reply {
        let mut paths = WEBHOOKS.into_iter().flat_map(|(_, paths)| paths.iter().copied());
        let path = paths.find(|known| *known == path).expect("a known path");
        let sum: usize = id.bytes().map(usize::from).sum();
        let mut seen = self.0.lock().expect("no panic");
        let seen = seen.entry((path, id)).or_default();
        seen.attempts += 1;
        let reply = match path {
            "/slow" => Reply::After(Duration::from_millis(30), 200),
            "/flaky" if sum.is_multiple_of(3) && seen.attempts <= 2 => Reply::Status(500),
            "/closes" if sum.is_multiple_of(4) && seen.attempts == 1 => Reply::Close,
            "/refuses" => Reply::Status(406),
            _ => Reply::Status(200),
        };
        seen.ends += usize::from(!matches!(reply, Reply::Status(500) | Reply::Close));
        reply
    }

    /// After a kill: deliveries that were answered with an end and are nevertheless pending are to be made again, and
    /// nothing else is. Notes how often each has ended so far, and counts by path those that the kill has added.
    pub(crate) fn excuse(
        &self,
        pending: &[Key],
        excused: &mut BTreeMap<Key, usize>,
    ) -> BTreeMap<&'static str, usize> {
        let seen = self.0.lock().expect("no panic");
        let mut lost = BTreeMap::new();
        for key in pending {
            let ends = seen.get(key).map_or(0, |seen| seen.ends);
            let before = if ends > 0 { excused.insert(key.clone(), ends).unwrap_or(0) } else { 0 };
            *lost.entry(key.0).or_default() += ends - before;
        }
        lost
    }

    /// Every event has arrived wherever it was to arrive, and was answered with an end once more than is excused, no
    /// less and no more. How many attempts were repeated.
    pub(crate) fn assert_all_arrived(
        &self,
        accepted: &[(String, &'static str)],
        excused: &BTreeMap<Key, usize>,
    ) -> usize {
        let seen = self.0.lock().expect("no panic");
        let mut repeated = 0;
        for (id, kind) in accepted {
            let (_, paths) = WEBHOOKS.into_iter().find(|(known, _)| known == kind).expect("a known kind");
            for path in paths {
                let key = (*path, id.clone());
                let ends = seen.get(&key).map_or(0, |seen| seen.ends);
                let allowed = 1 + excused.get(&key).copied().unwrap_or(0);
                assert!((1..=allowed).contains(&ends), "{id} at {path}: {ends} of at most {allowed} ends");
                repeated += ends - 1;
            }
        }
        repeated
    }
}
