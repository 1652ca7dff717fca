//! What happened, line by line, for whoever replays a seed.

use std::fmt::Arguments;

use super::plan::START;

/// The lines of a run, kept only if someone wants to read them.
pub(crate) struct Story {
    seed: u64,
    lines: Option<Vec<String>>,
}

impl Story {
    pub(crate) fn new(seed: u64, wanted: bool) -> Self {
        Self { seed, lines: wanted.then(Vec::new) }
    }

    pub(crate) fn tell(&mut self, now: u64, line: Arguments<'_>) {
        if let Some(lines) = &mut self.lines {
            let ms = now.saturating_sub(START);
            lines.push(format!("{:>8}.{:03}s  {line}", ms / 1000, ms % 1000));
        }
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// The contract is broken.
    pub(crate) fn violated(&self, now: u64, what: Arguments<'_>) -> ! {
        self.lines().iter().for_each(|line| eprintln!("{line}"));
        let (seed, ms) = (self.seed, now.saturating_sub(START));
        panic!("seed {seed}, at {ms} ms: {what}; SEED={seed} tells the story");
    }
}
