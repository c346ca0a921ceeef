//! `vedette-relay`: reads the command line and prints what went wrong, once.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match relay::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails.
            drop(writeln!(std::io::stderr(), "vedette-relay: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
