//! Fluxgate's ports on AWS: the table (DynamoDB), the queues (SQS) and secrets (Secrets
//! Manager).
//!
//! The buckets and the tenants' roles are not here: they are `fluxgate-s3` and `fluxgate-sts`,
//! because local mode uses them too.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod clients;
mod clock;
pub mod dynamodb;
mod failure;
pub mod http;
pub mod secrets;
pub mod sqs;

pub use aws_credential_types::Credentials;
pub use aws_credential_types::provider::SharedCredentialsProvider;
pub use clients::AwsSettings;
pub use clock::ClockWatch;
