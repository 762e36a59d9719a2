//! Sends callbacks. A Lambda function behind the notify queue.

use fluxgate_lambda::{Environment, InitError, batch, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let consumer = wiring::notifier(&Environment::process()).await?;
    batch::serve(consumer).await
}
