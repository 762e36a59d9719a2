//! Fluxgate's ports on AWS: the table (DynamoDB), the queues (SQS), tenants' roles (STS) and
//! secrets (Secrets Manager).
//!
//! The buckets are not here: S3 has one adapter, `fluxgate-s3`, because local mode uses S3 too.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod clients;
pub mod dynamodb;
mod failure;
pub mod http;
pub mod secrets;
pub mod sqs;
pub mod sts;

pub use aws_credential_types::Credentials;
pub use aws_credential_types::provider::SharedCredentialsProvider;
pub use clients::AwsSettings;
