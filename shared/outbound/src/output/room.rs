//! How many bytes of outputs this process holds: in memory, and in files. A fetched output counts
//! until its last reader drops it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::bounds::CopyBounds;
use tempfile::TempPath;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::spool::MEMORY_BYTES_MAX;

/// Bytes are counted in units of this size.
const UNIT_BYTES: u64 = 1024;

/// The places for outputs.
pub(super) struct Rooms {
    memory: Pool,
    files: Pool,
    wait_max: Duration,
}

struct Pool {
    free: Arc<Semaphore>,
    units: u32,
}

/// How much an output needs, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    in_memory: bool,
    bytes: u64,
}

impl Need {
    /// One of unknown length may be as long as any.
    pub(super) fn of(announced: Option<u64>, bytes_max: u64) -> Self {
        let bytes = announced.unwrap_or(bytes_max);
        let in_memory = announced.is_some_and(|bytes| bytes <= MEMORY_BYTES_MAX as u64);
        Self { in_memory, bytes }
    }
}

/// A place for one output. Others have it once this is dropped.
pub(super) struct Room {
    need: Need,
    permit: OwnedSemaphorePermit,
}

impl Pool {
    fn of(bytes_max: u64) -> Self {
        let units = units(bytes_max).max(1);
        Self {
            free: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    /// What is larger than all of it is there alone.
    fn units(&self, bytes: u64) -> u32 {
        units(bytes).min(self.units)
    }
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

impl Rooms {
    pub(super) fn new(bounds: CopyBounds) -> Self {
        Self {
            memory: Pool::of(bounds.memory_bytes_max),
            files: Pool::of(bounds.file_bytes_max),
            wait_max: Duration::from_millis(bounds.wait_max_ms),
        }
    }

    fn pool(&self, need: Need) -> &Pool {
        if need.in_memory {
            &self.memory
        } else {
            &self.files
        }
    }

    /// `None` if there is no room now, or others wait for it.
    pub(super) fn try_take(&self, need: Need) -> Option<Room> {
        let pool = self.pool(need);
        let permit = pool
            .free
            .clone()
            .try_acquire_many_owned(pool.units(need.bytes));
        permit.ok().map(|permit| Room { need, permit })
    }

    /// Whoever waits first is first. `None` once one has waited for as long as one may.
    pub(super) async fn take(&self, need: Need) -> Option<Room> {
        let pool = self.pool(need);
        let waiting = pool.free.clone().acquire_many_owned(pool.units(need.bytes));
        let permit = timeout(self.wait_max, waiting).await.ok()?;
        permit.ok().map(|permit| Room { need, permit })
    }
}

impl Room {
    /// The length that it was taken for, if it is in memory.
    pub(super) fn in_memory(&self) -> Option<usize> {
        let bytes = Some(self.need.bytes).filter(|_| self.need.in_memory)?;
        usize::try_from(bytes).ok()
    }

    pub(super) fn fits(&self, need: Need) -> bool {
        self.need.in_memory == need.in_memory && self.need.bytes >= need.bytes
    }

    /// Gives back what an output of this length does not need.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let needed = units(bytes) as usize;
        let spare = self.permit.num_permits().saturating_sub(needed);
        drop(self.permit.split(spare));
    }
}

/// Bytes in memory, with their place.
pub(super) struct HeldBytes {
    bytes: Vec<u8>,
    _room: Room,
}

impl HeldBytes {
    pub(super) fn new(bytes: Vec<u8>, room: Room) -> Self {
        Self { bytes, _room: room }
    }
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A file that removes itself, with its place.
pub(super) struct HeldFile {
    path: TempPath,
    _room: Room,
}

impl HeldFile {
    pub(super) fn new(path: TempPath, room: Room) -> Self {
        Self { path, _room: room }
    }
}

impl AsRef<Path> for HeldFile {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1024;

    fn rooms() -> Rooms {
        Rooms::new(CopyBounds {
            memory_bytes_max: 100 * KIB,
            file_bytes_max: 10_000 * KIB,
            wait_max_ms: 30,
            ..CopyBounds::default()
        })
    }

    fn small(kib: u64) -> Need {
        Need::of(Some(kib * KIB), u64::MAX)
    }

    #[test]
    fn memory_and_files_are_counted_apart_until_they_are_dropped() {
        let rooms = rooms();

        let first = rooms.try_take(small(60)).unwrap();
        assert!(rooms.try_take(small(41)).is_none());
        let second = rooms.try_take(small(40)).unwrap();
        let file = rooms.try_take(small(9_000)).unwrap();
        assert!(!file.need.in_memory && rooms.try_take(small(2_000 + 100)).is_none());
        drop((first, second, file));

        assert!(rooms.try_take(small(100)).is_some() && rooms.try_take(small(10_000)).is_some());
    }

    #[test]
    fn an_output_of_unknown_length_takes_what_the_longest_would_and_gives_the_rest_back() {
        let rooms = rooms();
        let need = Need::of(None, 8_000 * KIB);

        let mut room = rooms.try_take(need).unwrap();
        assert!(rooms.try_take(small(5_000)).is_none());
        room.shrink(10);

        assert!(rooms.try_take(small(9_000)).is_some());
        assert!(room.fits(Need::of(Some(7_000 * KIB), u64::MAX)) && !room.fits(small(1)));
    }

    #[tokio::test]
    async fn what_is_larger_than_all_room_is_there_alone() {
        let rooms = rooms();
        let small_file = rooms.try_take(small(3_000)).unwrap();

        assert!(rooms.take(small(50_000)).await.is_none());
        drop(small_file);
        let alone = rooms.take(small(50_000)).await.unwrap();

        assert!(rooms.try_take(small(3_000)).is_none());
        drop(alone);
    }
}
