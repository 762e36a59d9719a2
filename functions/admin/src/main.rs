//! The operator's API as a Lambda function behind IAM.

use fluxgate_lambda::{Environment, InitError, http, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let (edge, scopes) = wiring::admin(&Environment::process()).await?;
    http::serve(http::iam_only(fluxgate_edge::admin_router(edge), scopes)).await
}
