//! Keys of the client commands: from a flag, else from the environment.

use std::env::{VarError, var};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::failure::Failure;
use crate::config;
use crate::secrets::Secret;

/// The key of the flag, else of the environment variable. `what` names it in the errors.
pub(super) fn given(flag: Option<&Secret>, variable: &str, what: &str) -> Result<Secret, Failure> {
    if let Some(key) = flag {
        return Ok(key.clone());
    }
    match var(variable) {
        Ok(text) => parse(&text).map_err(|why| Failure::Usage(format!("{variable}: {why}"))),
        Err(VarError::NotPresent) => Err(Failure::Usage(format!("no {what}: set {variable}, or pass --key"))),
        Err(VarError::NotUnicode(_)) => Err(Failure::Usage(format!("{variable} is not UTF-8"))),
    }
}

/// The value of an `Authorization` header with this API key (RFC 7617).
pub(super) fn basic(api_key: &Secret) -> String {
    format!("Basic {}", STANDARD.encode(format!("api:{}", api_key.expose())))
}

/// For clap: a key, or what it must look like.
pub(super) fn parse(text: &str) -> Result<Secret, String> {
    config::key(text).ok_or_else(|| format!("a key has {}", config::KEY))
}
