//! The tenant API as a Lambda function.

use fluxgate_lambda::{Environment, InitError, http, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let (edge, table) = wiring::gateway(&Environment::process()).await?;
    let gateway = edge.gateway.clone();
    http::serve(http::learning_base_url(
        table.guard(fluxgate_edge::api_router(edge)),
        gateway,
    ))
    .await
}
