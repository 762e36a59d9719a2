//! Prints what a restore of the table leads to, on an emulated AWS. Started by `infra/drill`.

#![expect(clippy::print_stdout, reason = "the table is its result")]

use std::process::ExitCode;

use fluxgate_tests::restore_drill::restore_drill;

#[tokio::main]
async fn main() -> ExitCode {
    let checks = Box::pin(restore_drill()).await;
    let wrong = checks.iter().filter(|check| !check.is_right()).count();
    for check in &checks {
        let verdict = if check.is_right() { "ok" } else { "WRONG" };
        println!("{verdict:5}  {:42}  {}", check.what, check.found);
        if !check.is_right() {
            println!("       {:42}  wanted: {}", "", check.wanted);
        }
    }
    println!("{} checks, {wrong} wrong", checks.len());
    ExitCode::from(u8::from(wrong > 0))
}
