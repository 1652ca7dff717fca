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
            server::Error::Client(error) => Self::Usage(error.to_string()),
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

#[cfg(test)]
mod tests {
    use sealpost_core::http::Header;

    use super::*;
    use crate::transport::ClientError;

    #[test]
    fn a_setting_of_the_client_is_named_once() {
        let error = Header::new("User-Agent", "a\r\nb").expect_err("a line break");
        let client = ClientError::UserAgent(error);
        let sentence = client.to_string();
        assert!(sentence.starts_with("delivery.user_agent: "), "{sentence}");
        let failure = Failure::from(server::Error::Client(client));
        assert!(matches!(failure, Failure::Usage(why) if why == sentence));
    }
}
