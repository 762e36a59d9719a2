//! Copies outputs into tenants' buckets. A Lambda function behind the archive queue.

use fluxgate_lambda::{Environment, InitError, batch, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), InitError> {
    let consumer = wiring::archiver(&Environment::process()).await?;
    batch::serve(consumer).await
}
