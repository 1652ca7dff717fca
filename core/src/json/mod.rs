//! JSON without std, without alloc and without floats.
//!
//! Bytes from outside pass [`check`] once and become a [`RawJson`]: text that is valid JSON by
//! construction. Everything after that takes `RawJson` and has no syntax errors left to handle:
//!
//! ```text
//! bytes ── check ──► RawJson ── decode ──► types with `Deserialize`
//!                       │
//!                       └── elements, members (iterators that borrow, no tree)
//! types with `Serialize` ── encode ──► Sink
//! ```
//!
//! Nothing is converted on the way. A [`Number`] is the digits that came in, a [`Text`] keeps its
//! escapes, so that what goes out is what came in, byte for byte.
//!
//! ```
//! use sealpost_core::json;
//! let raw = json::check(br#" {"code": 250, "tls": true} "#)?;
//! let code = raw.member("code").and_then(|code| code.as_number());
//! assert_eq!(code.and_then(|code| code.as_u64()), Some(250));
//!
//! let error = json::check(br#"{"code": 25O}"#).unwrap_err();
//! assert_eq!(error.to_string(), "at byte 11: expected `,` or `}`");
//! # Ok::<(), json::InputError>(())
//! ```

mod block;
mod check;
mod cursor;
mod de;
mod error;
mod list;
mod nullable;
mod number;
mod object;
mod raw;
mod scan;
mod ser;
mod sink;
mod text;
mod token;

pub(crate) use check::check_to_depth;
pub use check::{MAX_DEPTH, check, split_first};
pub use de::decode;
pub use error::{InputError, Path, Reason};
pub use list::{List, ListIter};
pub(crate) use nullable::nullable;
pub use number::Number;
pub use object::Object;
pub use raw::{Elements, Kind, Members, RawJson};
pub(crate) use ser::put_characters;
pub use ser::{EncodeError, encode, encoded_len};
pub use sink::{CountingSink, Sink, SliceSink, WriteSink};
pub use text::{Chars, Text};
