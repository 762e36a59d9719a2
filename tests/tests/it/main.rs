//! The product through its public face: HTTP, the command line, the vendor's own SDK.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and its line says where")]

mod admin;
mod admin_on_aws;
mod ambiguous_on_aws;
mod archiving;
mod aws_multipart;
mod aws_secrets;
mod bad_input;
mod batch;
mod books;
mod budgets;
mod callbacks;
mod command;
mod concurrency;
mod contract;
mod cost;
mod crash;
mod demo;
mod dynamodb;
mod dynamodb_keys;
mod dynamodb_late;
mod edit;
mod faults;
mod idempotency;
mod infra;
mod isolation;
mod limits;
mod openapi;
mod operating;
mod partial;
mod prices;
mod python_sdk;
mod reconcile;
mod scopes;
mod sqs;
mod stack;
mod tidy;
mod tokens;
mod uploads;
mod usage;
mod vendor_money;
