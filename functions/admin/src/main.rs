//! The operator's API as a Lambda function behind IAM.

use fluxgate_lambda::{Environment, InitError, http, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let (edge, scopes, table) = wiring::admin(&Environment::process()).await?;
    let router = table.guard(fluxgate_edge::admin_router(edge));
    http::serve(http::iam_only(router, scopes)).await
}
