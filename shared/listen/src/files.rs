//! The limit of open files.

/// The limit on nearly every system, if the actual one cannot be read.
const FILES_LEAST: u64 = 1_024;

/// Raises this process's soft limit to the hard limit, and returns how many files may be open. If
/// it fails, nothing changes.
pub fn raise_file_limit() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(FILES_LEAST)
}
