//! How a command ends when it does not do what it was asked for.

use std::io;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::server;

/// Why a command failed, for the person at the terminal.
pub(super) enum Failure {
    /// Arguments or configuration that cannot work: exit code 64.
    Usage(String),
    /// It was tried and did not succeed: exit code 1.
    Failed(String),
    /// The answer is no, and has been given on standard output: exit code 1.
    No,
    /// Whoever read standard output has gone; nobody is left to tell. Exit code 1.
    NobodyReads,
}

impl Failure {
    /// Tells on standard error; the exit code.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Usage(why) => {
                eprintln!("sealpost: {why}");
                ExitCode::from(super::USAGE)
            }
            Self::Failed(why) => {
                eprintln!("sealpost: {why}");
                ExitCode::FAILURE
            }
            Self::No | Self::NobodyReads => ExitCode::FAILURE,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<server::Error> for Failure {
    fn from(error: server::Error) -> Self {
        match error {
            server::Error::Client(error) => Self::Usage(format!("egress.ca_file: {error}")),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// Errors of writing to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Failed(format!("standard output: {error}")),
        }
    }
}
