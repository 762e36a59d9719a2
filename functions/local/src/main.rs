//! The `fluxgate` command.

use std::process::ExitCode;

use fluxgate_local::cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
