//! `sealpost accounting`: whether a running server knows where every delivery is.

use std::io::{Write as _, stdout};

use serde::Deserialize;

use super::access::{Access, Method};
use super::failure::Failure;

/// Say where every delivery is
///
/// Prints how many deliveries the server has accepted, how they ended, and how many are pending. The server counts
/// the pending ones one by one, so that the sum can fail: the exit code is 0 if the ends and the pending ones add up
/// to what was accepted, else 1. It takes a key of the account.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    access: Access,
}

/// What the server says.
#[derive(Deserialize)]
struct Accounting {
    account: String,
    accepted: u64,
    acknowledged: u64,
    refused: u64,
    exhausted: u64,
    cancelled: u64,
    pending: u64,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let accounting: Accounting = args.access.call(Method::Get, "/v5/accounts/accounting", &[])?;
    let Accounting { ref account, accepted, acknowledged, refused, exhausted, cancelled, pending } =
        accounting;
    let found = [
        ("acknowledged", acknowledged),
        ("refused", refused),
        ("exhausted", exhausted),
        ("cancelled", cancelled),
        ("pending", pending),
    ];
    let mut out = stdout().lock();
    writeln!(out, "account\t{account}\naccepted\t{accepted}")?;
    for (name, count) in found {
        writeln!(out, "{name}\t{count}")?;
    }
    let verdict = verdict(accepted, found.into_iter().map(|(_, count)| i128::from(count)).sum());
    writeln!(out, "{}", verdict.as_ref().map_or_else(String::as_str, |()| "balances"))?;
    out.flush()?;
    verdict.map_err(|_told| Failure::No)
}

/// Whether what was found is what was accepted, or how far it is from it.
fn verdict(accepted: u64, found: i128) -> Result<(), String> {
    match i128::from(accepted) - found {
        0 => Ok(()),
        missing @ 1.. => Err(format!("does not balance: {missing} missing")),
        over => Err(format!("does not balance: {} too many", -over)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_and_what_is_too_much_is_said() {
        assert_eq!(verdict(7, 7), Ok(()));
        assert_eq!(verdict(7, 5), Err("does not balance: 2 missing".to_owned()));
        assert_eq!(verdict(7, 8), Err("does not balance: 1 too many".to_owned()));
    }
}
