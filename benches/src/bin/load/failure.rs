//! What ends a run before its table.

use std::error::Error;

/// A failure, in words for whoever runs the tool.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Or else why not.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;
