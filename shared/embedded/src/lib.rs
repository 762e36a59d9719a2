//! Fluxgate's adapters for local mode: SQLite stores with a durable queue, the objects of the
//! local buckets with an S3 server for them, and a file of usage events.

#![cfg_attr(
    test,
    expect(
        clippy::unwrap_used,
        reason = "a test that cannot go on panics, and its line says where"
    )
)]

pub mod input_keys;
pub mod objects;
mod pace;
pub mod s3;
pub mod sqlite;
mod usage_file;

pub use sqlite::SqliteStore;
pub use usage_file::FileUsageSink;
