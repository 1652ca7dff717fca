//! An object whose members are the business of whoever sent it.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::raw::{Kind, Members, RawJson};
use super::token::{self, Token};

/// A [`RawJson`] that is an object, with members of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Object<'a>(RawJson<'a>);

impl<'a> Object<'a> {
    /// The object, if `raw` is one.
    #[must_use]
    pub fn new(raw: RawJson<'a>) -> Option<Self> {
        (raw.kind() == Kind::Object).then_some(Self(raw))
    }

    /// The value as it stands.
    #[must_use]
    pub const fn raw(self) -> RawJson<'a> {
        self.0
    }

    /// The members, in order, duplicates included.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        self.0.members()
    }
}

impl<'a> Token<'a> for Object<'a> {
    const NAME: &'static str = token::OBJECT;

    fn from_raw(raw: RawJson<'a>) -> Option<Self> {
        Self::new(raw)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        token::read(deserializer)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
