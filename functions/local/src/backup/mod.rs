//! Backups of a data folder, beside whoever serves it, and their restoration into a new folder.
//! Both come into being under another name: half of one is never taken for a whole one.

mod buckets;
mod dated;
mod files;
mod make;
mod manifest;
mod restore;
mod staging;

pub use dated::{dated, remove_older};
pub use make::{BackupWanted, make};
pub use manifest::{BackupFile, CopiedBuckets, Manifest};
pub use restore::{RestoreWanted, Restored, restore};

/// How far a backup or a restoration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Pages of the database, of so many.
    Database { copied: u64, pages: u64 },
    /// Files of the buckets that were copied or checked.
    Buckets { files: u64 },
}

const DATABASE: &str = "fluxgate.db";
const KEYS: &str = "encryption-keys.json";
/// What a folder cannot do without, besides its database.
const SECRETS: [&str; 3] = ["secrets.json", KEYS, "admin-token"];
/// The folder of the buckets, in a data folder and in a backup.
const BUCKETS: &str = "s3";
/// Names the buckets, which are there also where they are empty, one on each line.
const BUCKET_NAMES: &str = "buckets.txt";
/// Names every file of the buckets with its digest, as `sha256sum --check` reads it.
const BUCKET_DIGESTS: &str = "buckets.sha256";
