//! The command line: reads arguments, calls the library, says what went wrong, chooses the exit code.

mod access;
mod accounting;
mod dev;
mod domains;
mod failure;
mod fsck;
mod key;
mod keys;
mod send;
mod serve;
mod server_args;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Exit code of a command line or configuration that cannot work (`EX_USAGE` of BSD's sysexits).
const USAGE: u8 = 64;

#[derive(Parser)]
#[command(
    name = "sealpost",
    version,
    about = "Signed, Mailgun-compatible webhooks from your own machine",
    long_about = "Sealpost takes events in, posts each one, signed as Mailgun signs, to up to three URLs \
                  per event type, retries until it is acknowledged, and lets the same events be polled.",
    after_long_help = "Exit codes: 0 done, 1 failed, 64 wrong usage or configuration."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Dev(dev::Args),
    Send(send::Args),
    Verify(verify::Args),
    Key(keys::Args),
    Domain(domains::Args),
    Fsck(fsck::Args),
    Accounting(accounting::Args),
}

/// Runs the program with these arguments, the first of which is its own name.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli.command,
        Err(asked_for_or_wrong) => {
            // Nothing can be done about a closed terminal; the code still says how it went.
            let _ = asked_for_or_wrong.print();
            let wrong = asked_for_or_wrong.use_stderr();
            return if wrong { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let done = match command {
        Command::Serve(args) => serve::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Key(args) => keys::run(&args),
        Command::Domain(args) => domains::run(&args),
        Command::Fsck(args) => fsck::run(&args),
        Command::Accounting(args) => accounting::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_is_sound_and_every_flag_has_a_short_and_a_long_help() {
        Cli::command().debug_assert();
        Cli::command().get_subcommands().for_each(assert_explained);
    }

    fn assert_explained(command: &clap::Command) {
        let name = command.get_name();
        assert!(command.get_about().is_some() && command.get_long_about().is_some(), "{name}");
        for argument in command.get_arguments() {
            let (short, long) = (argument.get_help(), argument.get_long_help());
            assert!(short.is_some() && long.is_some(), "{name} {}", argument.get_id());
        }
        command.get_subcommands().for_each(assert_explained);
    }
}
