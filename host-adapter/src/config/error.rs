//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults that are compiled in.
    Default,
    /// This file.
    File(PathBuf),
    /// The environment variable of this name.
    Variable(String),
    /// The flag of this name, dashes included.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A configuration that cannot work. To be corrected by the operator; the program exits with 64.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    Syntax {
        /// Where.
        origin: Origin,
        /// The line, from 1.
        line: usize,
        /// What the parser says; the line itself is not shown, it may hold a secret.
        reason: String,
    },
    /// The file has a key that does not exist.
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The key, `section.key` or the section alone.
        key: String,
        /// The keys that exist there.
        known: Vec<String>,
    },
    /// A value is not what its key needs.
    Value {
        /// Where.
        origin: Origin,
        /// The key, `section.key`.
        key: String,
        /// The value as it was written; `None` for secrets.
        value: Option<String>,
        /// What would be right: "it must be …".
        right: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                write!(f, "{}: the configuration file cannot be read: {source}", path.display())
            }
            Self::Syntax { origin, line, reason } => {
                write!(f, "{origin}: not valid TOML in line {line}: {reason}")
            }
            Self::UnknownKey { origin, key, known } => {
                write!(f, "{origin}: there is no key `{key}`; those that exist are {}", known.join(", "))
            }
            Self::Value { origin, key, value: Some(value), right } => {
                write!(f, "{origin}: {key} = \"{value}\" is wrong; it must be {right}")
            }
            Self::Value { origin, key, value: None, right } => {
                write!(f, "{origin}: {key} is wrong (its value is not shown); it must be {right}")
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Syntax { .. } | Self::UnknownKey { .. } | Self::Value { .. } => None,
        }
    }
}
