//! The `fluxgate` command.

use std::process::ExitCode;

use clap::Parser as _;
use fluxgate_local::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
