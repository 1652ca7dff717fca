//! The part of a legacy body that all attempts share.

use super::fields;
use super::kind::LegacyKind;
use super::multipart::{Boundary, PartEncoder};
use super::urlencoded::{self, UrlEncoder};
use crate::error::ResourceError;
use crate::event::Event;
use crate::json::{CountingSink, Sink};

/// One event as a form: all fields but those of the signature.
///
/// The same event gives the same bytes, so they can be written once and kept, with the [`FormEncoding`], for all
/// attempts and endpoints.
#[derive(Clone, Copy, Debug)]
pub struct LegacyForm<'e, 'a> {
    kind: LegacyKind,
    event: &'e Event<'a>,
    encoding: FormEncoding,
}

impl<'e, 'a> LegacyForm<'e, 'a> {
    /// The form of this event; `None` if it goes to no legacy webhook: see [`LegacyKind::of`].
    #[must_use]
    pub fn new(event: &'e Event<'a>) -> Option<Self> {
        let kind = LegacyKind::of(event)?;
        let encoding = match kind {
            LegacyKind::Click | LegacyKind::Deliver | LegacyKind::Open | LegacyKind::Unsubscribe => {
                FormEncoding::UrlEncoded
            }
            LegacyKind::Bounce | LegacyKind::Drop | LegacyKind::Spam => {
                FormEncoding::Multipart(Boundary::around(|hash| fields::of_event(kind, event, hash)))
            }
        };
        Some(Self { kind, event, encoding })
    }

    /// The legacy webhook that it goes to.
    #[must_use]
    pub const fn kind(&self) -> LegacyKind {
        self.kind
    }

    /// How it is written.
    #[must_use]
    pub const fn encoding(&self) -> FormEncoding {
        self.encoding
    }

    /// How many bytes [`write`](Self::write) writes; at least those of the field `event`.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        let mut count = CountingSink::default();
        // A counter takes everything.
        let _taken = self.write(&mut count);
        count.count()
    }

    /// Writes the fields, ready for those of a signature to follow.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write(&self, sink: &mut (impl Sink + ?Sized)) -> Result<(), ResourceError> {
        match self.encoding {
            FormEncoding::UrlEncoded => fields::of_event(self.kind, self.event, &mut UrlEncoder::new(sink)),
            FormEncoding::Multipart(boundary) => {
                fields::of_event(self.kind, self.event, &mut PartEncoder { sink, boundary })
            }
        }
    }
}

/// How a form is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormEncoding {
    /// `application/x-www-form-urlencoded`: deliveries, opens, clicks and unsubscriptions.
    UrlEncoded,
    /// `multipart/form-data`: drops, bounces and complaints, which may have the returned message attached at Mailgun.
    Multipart(Boundary),
}

impl FormEncoding {
    /// The value of the `Content-Type` header.
    #[must_use]
    pub fn content_type(&self) -> &str {
        match self {
            Self::UrlEncoded => urlencoded::CONTENT_TYPE,
            Self::Multipart(boundary) => boundary.content_type(),
        }
    }
}
