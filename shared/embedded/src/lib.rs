//! Fluxgate's adapters for local mode: SQLite stores with a durable queue, an in-process S3 server,
//! and a file of usage events.

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        reason = "a test that cannot go on panics, and its line says where"
    )
)]

pub mod s3;
pub mod sqlite;
mod usage_file;

pub use sqlite::SqliteStore;
pub use usage_file::FileUsageSink;
