//! The Events API: the events of a domain, page by page.

mod cursor;
mod filter;
mod pretty;
mod range;
mod time;

pub use cursor::CursorKey;
