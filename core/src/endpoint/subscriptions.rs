//! Which endpoints want which events.

use core::fmt;
use core::slice::Iter;

use super::url::Url;
use crate::event::WebhookKind;

/// How many URLs one webhook may have in one scope
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/configuring-webhooks>).
pub const MAX_PER_KIND: usize = 3;

/// At most `N` endpoints, none of them twice, in the order in which they came. `N` is at most 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints<T, const N: usize = MAX_PER_KIND>(heapless::Vec<T, N, u8>);

impl<T: PartialEq, const N: usize> Endpoints<T, N> {
    /// No endpoints.
    #[must_use]
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// Adds an endpoint behind the others.
    ///
    /// # Errors
    /// [`SubscribeError::Duplicate`] if it is there already, [`SubscribeError::Limit`] if `N` others are.
    pub fn insert(&mut self, endpoint: T) -> Result<(), SubscribeError> {
        if self.0.contains(&endpoint) {
            return Err(SubscribeError::Duplicate);
        }
        self.0.push(endpoint).map_err(|_| SubscribeError::Limit { max: N })
    }

    /// The endpoints in order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.0.as_slice()
    }

    /// The endpoints in order.
    pub fn iter(&self) -> Iter<'_, T> {
        self.0.iter()
    }
}

impl<T: PartialEq, const N: usize> Default for Endpoints<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a, T: PartialEq, const N: usize> IntoIterator for &'a Endpoints<T, N> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The webhooks of one scope: for every kind up to three URLs.
///
/// ```
/// use sealpost_core::{Subscriptions, Url, WebhookKind};
///
/// let mut subscriptions = Subscriptions::new();
/// subscriptions.subscribe(WebhookKind::Clicked, Url::parse("https://example.com/hook")?)?;
/// assert_eq!(subscriptions.endpoints(WebhookKind::Clicked).len(), 1);
/// assert!(subscriptions.endpoints(WebhookKind::Opened).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Subscriptions<'a> {
    by_kind: [Endpoints<Url<'a>>; WebhookKind::ALL.len()],
}

impl<'a> Subscriptions<'a> {
    /// No webhooks.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_kind: [const { Endpoints::new() }; WebhookKind::ALL.len()] }
    }

    /// Sends events of this kind to this URL too.
    ///
    /// # Errors
    /// [`SubscribeError::Duplicate`] if they go there already, [`SubscribeError::Limit`] for a fourth URL.
    pub fn subscribe(&mut self, kind: WebhookKind, url: Url<'a>) -> Result<(), SubscribeError> {
        match self.by_kind.get_mut(kind.index()) {
            Some(endpoints) => endpoints.insert(url),
            None => Ok(()),
        }
    }

    /// Where events of this kind go.
    #[must_use]
    pub fn endpoints(&self, kind: WebhookKind) -> &[Url<'a>] {
        self.by_kind.get(kind.index()).map(Endpoints::as_slice).unwrap_or_default()
    }
}

/// Why an endpoint was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SubscribeError {
    /// It is there already.
    Duplicate,
    /// As many as fit are there already.
    Limit {
        /// How many fit.
        max: usize,
    },
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate => f.write_str("this URL is subscribed already"),
            Self::Limit { max } => write!(f, "no more than {max} URLs fit; remove one first"),
        }
    }
}

impl core::error::Error for SubscribeError {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    fn url(text: &str) -> Url<'_> {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_fourth_url_is_refused_and_the_limit_named() {
        let mut subscriptions = Subscriptions::new();
        let mut subscribe = |text| subscriptions.subscribe(WebhookKind::Opened, url(text));
        for text in ["http://a/", "http://b/", "http://c/"] {
            assert_eq!(subscribe(text), Ok(()));
        }
        let error = subscribe("http://d/").unwrap_err();
        assert_eq!(error, SubscribeError::Limit { max: 3 });
        assert!(error.to_string().contains('3'));
        let kept = subscriptions.endpoints(WebhookKind::Opened);
        assert_eq!(kept, [url("http://a/"), url("http://b/"), url("http://c/")]);
    }

    #[test]
    fn the_same_url_twice_is_refused_for_one_kind_and_fine_for_two() {
        let mut subscriptions = Subscriptions::new();
        let mut subscribe = |kind| subscriptions.subscribe(kind, url("http://a/"));
        assert_eq!(subscribe(WebhookKind::Opened), Ok(()));
        assert_eq!(subscribe(WebhookKind::Opened), Err(SubscribeError::Duplicate));
        assert_eq!(subscribe(WebhookKind::Clicked), Ok(()));
    }
}
