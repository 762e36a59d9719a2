//! Fluxgate's adapters for AWS, and for whatever speaks its protocols: S3 is the same adapter on one machine.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that cannot go on panics"))]

pub mod s3;

pub use s3::{S3Limits, S3ObjectStore, S3StoreSettings};
