//! Audits every tenant on a schedule. A Lambda function.

use fluxgate_lambda::{Environment, InitError, schedule, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let fluxgate = wiring::sweeper(&Environment::process()).await?;
    schedule::serve(fluxgate).await
}
