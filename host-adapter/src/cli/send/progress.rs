//! The progress bar of a long submission: on standard error, when that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Nothing at first; a bar from the second batch on.
pub(super) struct Progress {
    length: Option<u64>,
    batches: u64,
    bar: ProgressBar,
}

impl Progress {
    /// For an input of `length` bytes, if that is known.
    pub(super) fn new(length: Option<u64>) -> Self {
        Self { length, batches: 0, bar: ProgressBar::hidden() }
    }

    /// Another batch is about to be sent; `read` bytes of the input have been taken.
    pub(super) fn batch(&mut self, read: u64) {
        self.batches += 1;
        if self.batches == 2 {
            // Draws nothing where standard error is no terminal.
            self.bar = self.length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
            let template = match self.length {
                Some(_) => "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                None => "{spinner} {bytes} {bytes_per_sec}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
        self.bar.set_position(read);
    }

    /// Tells something on standard error.
    pub(super) fn say(&self, what: &str) {
        self.bar.suspend(|| eprintln!("sealpost: {what}"));
    }

    /// Runs `print`, which writes to the terminal, without the bar in between.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
