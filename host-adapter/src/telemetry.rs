//! The log: on standard error, as text for people and as JSON for programs.

use std::io::IsTerminal as _;

use crate::config::{Log, LogFormat};

/// Starts logging for the whole process. A second call changes nothing.
pub fn init(log: &Log) {
    let json = match log.format {
        LogFormat::Auto => !std::io::stderr().is_terminal(),
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(log.level)
        .with_target(false);
    // An error says that a subscriber stands already, which is what was asked for.
    let _ = if json { subscriber.json().try_init() } else { subscriber.try_init() };
}
