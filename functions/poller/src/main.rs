//! Watches tasks: late submits, doubts to resolve, asking the provider. A Lambda function behind
//! the watch queue.

use fluxgate_lambda::{Environment, InitError, batch, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let consumer = wiring::poller(&Environment::process()).await?;
    batch::serve(consumer).await
}
