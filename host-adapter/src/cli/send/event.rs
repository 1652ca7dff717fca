//! An item on its way into a batch: checked, in one line, with an id.

use sealpost_core::host::Clock as _;
use sealpost_core::json;
use sha2::{Digest as _, Sha256};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::items::Item;
use crate::clock::SystemClock;
use crate::entropy;

/// Where the ids of events without one come from.
pub(super) enum Ids {
    /// From the domain, the event's place and its bytes: a file sent again is the same events again.
    OfContent { domain: String },
    /// A new one each time: a stream is never sent again.
    Fresh(SystemClock),
}

impl Ids {
    fn id(&self, item: &Item) -> String {
        match self {
            Self::Fresh(clock) => entropy::event_id(clock.unix()),
            Self::OfContent { domain } => {
                let digest = Sha256::new()
                    .chain_update(domain)
                    .chain_update([0])
                    .chain_update(item.number.to_be_bytes())
                    .chain_update(&item.bytes)
                    .finalize();
                let mut id = URL_SAFE_NO_PAD.encode(digest);
                id.truncate(22);
                id
            }
        }
    }
}

/// The event in one line, ended by a line feed, with the id it brings or one of `ids`.
///
/// Bytes stay as they are but for line breaks between tokens: no JSON string holds a raw one.
pub(super) fn line(item: &Item, ids: &Ids) -> Result<Vec<u8>, String> {
    let event = json::check(&item.bytes).map_err(|error| error.to_string())?;
    let mut line = Vec::with_capacity(item.bytes.len() + 32);
    let members = item.bytes.strip_prefix(b"{").unwrap_or_default();
    line.push(b'{');
    if event.member("id").is_none() {
        let comma = if event.members().next().is_some() { "," } else { "" };
        line.extend_from_slice(format!(r#""id":"{}"{comma}"#, ids.id(item)).as_bytes());
    }
    line.extend(members.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: u64, text: &str) -> Item {
        Item { number, line: number, bytes: text.as_bytes().to_owned() }
    }

    fn of_content() -> Ids {
        Ids::OfContent { domain: "example.com".to_owned() }
    }

    fn text(number: u64, text: &str, ids: &Ids) -> String {
        String::from_utf8(line(&item(number, text), ids).unwrap()).unwrap()
    }

    #[test]
    fn an_id_that_is_there_stays() {
        assert_eq!(
            text(1, r#"{"event":"opened","id":"x"}"#, &of_content()),
            "{\"event\":\"opened\",\"id\":\"x\"}\n"
        );
    }

    #[test]
    fn an_absent_id_is_put_first_and_the_rest_is_one_line() {
        let line = text(1, "{\r\n \"event\": \"op\\ned\"}", &of_content());
        assert!(
            line.starts_with("{\"id\":\"") && line.ends_with("\",   \"event\": \"op\\ned\"}\n"),
            "{line}"
        );
        assert!(json::check(text(1, "{ }", &of_content()).as_bytes()).is_ok());
    }

    #[test]
    fn a_file_gives_the_same_ids_again_and_equal_lines_different_ones() {
        let (once, again) = (text(1, "{}", &of_content()), text(1, "{}", &of_content()));
        assert_eq!(once, again);
        assert_ne!(once, text(2, "{}", &of_content()));
        let fresh = Ids::Fresh(SystemClock::new());
        assert_ne!(text(1, "{}", &fresh), text(1, "{}", &fresh));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        assert_eq!(line(&item(1, "{]}"), &of_content()).unwrap_err(), "at byte 1: expected a key in quotes");
    }
}
