//! Lists that are read by iteration and never collected.

use core::fmt;
use core::iter::Copied;
use core::marker::PhantomData;
use core::slice;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::de::decode;
use super::raw::{Elements, RawJson};
use super::token;

/// An array whose elements are all of one type: a slice of the caller, or JSON of which each element
/// has been found to be a `T`. However long it is, it takes no memory of its own.
///
/// ```
/// use sealpost_core::json::{self, List, Text};
/// let tags: List<Text> = json::decode(json::check(br#"["a", "b"]"#)?)?;
/// assert_eq!(tags, List::from([Text::from("a"), Text::from("b")].as_slice()));
///
/// let error = json::decode::<List<Text>>(json::check(br#"["a", 2]"#)?).unwrap_err();
/// assert_eq!(error.to_string(), "`[1]` must be a string");
/// # Ok::<(), json::InputError>(())
/// ```
#[derive(Clone, Copy)]
pub struct List<'a, T>(Repr<'a, T>);

#[derive(Clone, Copy)]
enum Repr<'a, T> {
    Slice(&'a [T]),
    /// An array whose elements all decode.
    Json(RawJson<'a>),
}

impl<'a, T: Copy + Deserialize<'a>> List<'a, T> {
    /// The elements in order.
    #[must_use]
    pub fn iter(&self) -> ListIter<'a, T> {
        ListIter(match self.0 {
            Repr::Slice(elements) => IterRepr::Slice(elements.iter().copied()),
            Repr::Json(raw) => IterRepr::Json(raw.elements()),
        })
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<'a, T> From<&'a [T]> for List<'a, T> {
    fn from(elements: &'a [T]) -> Self {
        Self(Repr::Slice(elements))
    }
}

impl<'a, T: Copy + Deserialize<'a>> IntoIterator for &List<'a, T> {
    type Item = T;
    type IntoIter = ListIter<'a, T>;

    fn into_iter(self) -> ListIter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Copy + Deserialize<'a> + PartialEq> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: Copy + Deserialize<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Serialize> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Repr::Slice(elements) => elements.serialize(serializer),
            Repr::Json(raw) => raw.serialize(serializer),
        }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de> + 'a> Deserialize<'de> for List<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(token::LIST, ListVisitor(PhantomData))
    }
}

struct ListVisitor<'a, T>(PhantomData<(&'a (), T)>);

impl<'de: 'a, 'a, T: Deserialize<'de> + 'a> Visitor<'de> for ListVisitor<'a, T> {
    type Value = List<'a, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(token::LIST)
    }

    /// The decoder gives the text of the array first, then each element.
    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<List<'a, T>, A::Error> {
        let raw = array.next_element::<RawJson<'de>>()?.ok_or_else(|| A::Error::custom(token::LIST))?;
        while array.next_element::<T>()?.is_some() {}
        Ok(List(Repr::Json(raw)))
    }
}

/// The elements of a [`List`].
#[derive(Clone)]
pub struct ListIter<'a, T>(IterRepr<'a, T>);

#[derive(Clone)]
enum IterRepr<'a, T> {
    Slice(Copied<slice::Iter<'a, T>>),
    Json(Elements<'a>),
}

impl<'a, T: Copy + Deserialize<'a>> Iterator for ListIter<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            IterRepr::Slice(elements) => elements.next(),
            // Each element has been decoded once already, so this ends where the array does.
            IterRepr::Json(elements) => elements.next().and_then(|element| decode(element).ok()),
        }
    }
}
