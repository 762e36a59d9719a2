//! How this process uses the system's memory.

/// Memory in pages of 4 KB, also where the system gives every process huge ones: those round each
/// part of the heap and each thread's stack up to 2 MB. Nothing depends on it but the size.
pub(crate) fn without_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay on");
    }
}
