//! Fluxgate's adapters for one machine: SQLite stores with a durable queue, and an S3 server in the process.

pub mod s3;
pub mod sqlite;

pub use sqlite::SqliteStore;
