//! The `fluxgate` command.

use std::process::ExitCode;

use clap::Parser as _;
use fluxgate_local::cli::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
