//! Fluxgate's adapters for one machine: SQLite stores with a durable queue, and an S3 server in the process.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and its line says where"))]

pub mod s3;
pub mod sqlite;

pub use sqlite::SqliteStore;
