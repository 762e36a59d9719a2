//! Audits every tenant on a schedule, and exports usage. A Lambda function.

use fluxgate_lambda::{Environment, InitError, schedule, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let schedule = wiring::sweeper(&Environment::process()).await?;
    schedule::serve(schedule).await
}
