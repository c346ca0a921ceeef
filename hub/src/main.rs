//! `vedette-hub`: reads the command line and prints what went wrong, once.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match hub::cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when this fails.
            drop(writeln!(std::io::stderr(), "vedette-hub: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
