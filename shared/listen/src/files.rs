//! The limit of open files.

/// What nearly every system grants, for where the limit cannot be read.
const FILES_LEAST: u64 = 1_024;

/// Raises this process's soft limit to the hard one, and says how many files may be open. A failure
/// changes nothing.
pub fn raise_file_limit() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(FILES_LEAST)
}
