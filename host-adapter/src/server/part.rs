//! A part of the server that has to run as long as the server does.

use crate::api::App;

/// Held by whatever must not end by itself. Dropped before the server is told to stop, by a return or a panic,
/// it says so: the process ends then, and `/healthz` has nothing good to tell.
pub(super) struct Part {
    name: &'static str,
    app: App,
}

impl Part {
    pub(super) fn new(name: &'static str, app: &App) -> Self {
        Self { name, app: app.clone() }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.app.is_draining() {
            self.app.fail(self.name);
        }
    }
}
