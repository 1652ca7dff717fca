//! Events on their way in: validate, store, answer.

mod split;

pub use split::Packing;
