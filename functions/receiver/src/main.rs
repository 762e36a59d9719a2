//! What the provider calls at the end of a run, as a Lambda function.

use fluxgate_lambda::{Environment, InitError, http, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let (edge, table) = wiring::receiver(&Environment::process()).await?;
    http::serve(table.guard(fluxgate_edge::receiver_router(edge))).await
}
