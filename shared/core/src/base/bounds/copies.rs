//! The limits of copying outputs, in one process.

/// How many bytes of outputs are held at once. Whoever finds no room waits for others to be done.
#[derive(Debug, Clone, Copy)]
pub struct CopyBounds {
    /// Outputs of one task that are copied at once.
    pub at_once: usize,
    /// Outputs that are small enough for memory, together.
    pub memory_bytes_max: u64,
    /// All others, which lie in temporary files, together. A larger output is copied alone.
    pub file_bytes_max: u64,
    /// How long a copy waits for room. After that its job is given back, and comes again.
    pub wait_max_ms: u64,
}

const MIB: u64 = 1024 * 1024;

impl Default for CopyBounds {
    fn default() -> Self {
        Self {
            at_once: 4,
            memory_bytes_max: 64 * MIB,
            file_bytes_max: 4 * 1024 * MIB,
            wait_max_ms: 20_000,
        }
    }
}
