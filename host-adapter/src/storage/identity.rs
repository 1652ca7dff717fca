//! What tells one store from every other.

use std::{fmt, sync::Arc};

use crate::entropy;

/// What makes a store itself; made with it and never changed.
#[derive(Clone)]
pub struct Identity {
    /// The account, 24 hexadecimal digits.
    pub account: Arc<str>,
    /// The key that authenticates cursors.
    pub cursor_key: [u8; 32],
}

impl Identity {
    /// The identity of a new store.
    pub(super) fn generate() -> Self {
        let account = entropy::bytes::<12>();
        Self {
            account: account.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
            cursor_key: entropy::bytes(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("account", &self.account).finish_non_exhaustive()
    }
}
