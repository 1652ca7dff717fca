//! Which events a walk shows.
//!
//! So far by `event` alone: names joined by `OR`. Everything outside this file treats a filter as a text
//! that parses back to it, so that a larger grammar concerns no one else.

use sealpost_core::EventKind;
use url::form_urlencoded;

use crate::api::error::Error;
use crate::api::form::Form;

/// The longest filter, in bytes of its canonical text.
const MAX_TEXT: usize = 1024;
/// Mailgun's other filter parameters: to ignore one would show what was not asked for.
const UNSUPPORTED: [&str; 11] = [
    "list",
    "attachment",
    "from",
    "message-id",
    "subject",
    "to",
    "size",
    "recipient",
    "recipients",
    "tags",
    "severity",
];

/// A condition on events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    text: String,
    kinds: Option<Vec<EventKind>>,
}

impl Filter {
    /// The filter that the parameters ask for. A parameter that is repeated must hold each time.
    pub(super) fn parse(query: &Form) -> Result<Self, Error> {
        if let Some(name) = UNSUPPORTED.into_iter().find(|name| query.first(name).is_some()) {
            return Err(Error::invalid(name, "events cannot be filtered by it yet; leave it out"));
        }
        let mut filter = Self::default();
        let mut text = form_urlencoded::Serializer::new(String::new());
        for expression in query.all("event").filter(|expression| !expression.trim().is_empty()) {
            let kinds = any_of(expression)?;
            text.append_pair(
                "event",
                &kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(" OR "),
            );
            filter.kinds = Some(match filter.kinds {
                Some(before) => before.into_iter().filter(|kind| kinds.contains(kind)).collect(),
                None => kinds,
            });
        }
        filter.text = text.finish();
        if filter.text.len() > MAX_TEXT {
            return Err(Error::invalid("event", format_args!("longer than {MAX_TEXT} bytes")));
        }
        Ok(filter)
    }

    /// The filter whose canonical text this is.
    pub(super) fn from_text(text: &str) -> Result<Self, Error> {
        Self::parse(&Form::from_query(text)?)
    }

    /// The canonical text, at most 1 KiB of a query string.
    pub(super) fn as_text(&self) -> &str {
        &self.text
    }

    /// The kinds that pass; `None` where all do.
    pub(super) fn kinds(&self) -> Option<&[EventKind]> {
        self.kinds.as_deref()
    }
}

fn any_of(expression: &str) -> Result<Vec<EventKind>, Error> {
    let mut kinds = expression.split(" OR ").map(one).collect::<Result<Vec<_>, _>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}

fn one(name: &str) -> Result<EventKind, Error> {
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    EventKind::parse(&name).ok_or_else(|| {
        let names = EventKind::ALL.map(EventKind::as_str).join(", ");
        Error::invalid("event", format_args!("must be one or more of {names}, joined by ' OR '"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(query: &str) -> Option<Vec<EventKind>> {
        let filter = Filter::parse(&Form::from_query(query).expect("a query")).expect(query);
        filter.kinds().map(<[_]>::to_vec)
    }

    #[test]
    fn names_are_joined_by_or_and_repeated_parameters_by_and() {
        use EventKind::{Clicked, Failed, Opened};
        assert_eq!(kinds(""), None);
        assert_eq!(kinds("event="), None);
        assert_eq!(kinds("event=Opened"), Some(vec![Opened]));
        assert_eq!(kinds("event=opened+OR+clicked+OR+opened"), Some(vec![Clicked, Opened]));
        assert_eq!(kinds("event=opened+OR+failed&event=failed"), Some(vec![Failed]));
        assert_eq!(kinds("event=opened&event=failed"), Some(vec![]));
    }

    #[test]
    fn a_filter_survives_its_text() {
        for query in ["", "event=opened", "event=opened+OR+clicked", "event=opened&event=failed"] {
            let filter = Filter::parse(&Form::from_query(query).expect("a query")).expect(query);
            assert_eq!(Filter::from_text(filter.as_text()).ok(), Some(filter), "{query}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_never_ignored() {
        for query in
            ["event=permanent_fail", "event=NOT+opened", "event=opened+clicked", "recipient=a@b.test"]
        {
            let filter = Filter::parse(&Form::from_query(query).expect("a query"));
            assert!(matches!(filter, Err(Error::Invalid { .. })), "{query}");
        }
    }
}
