//! The notes of the library, read.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub(super) struct Record {
    pub(super) at: SystemTime,
    pub(super) inode: u64,
    pub(super) op: Op,
}

pub(super) enum Op {
    /// A file; without a name as yet if there is no path.
    Created(Option<PathBuf>),
    Written {
        offset: usize,
        bytes: Vec<u8>,
    },
    /// To this size.
    Cut(usize),
    /// It covers the records before this number.
    Synced {
        covers: usize,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Linked(PathBuf),
    Removed(PathBuf),
    FolderMade(PathBuf),
}

/// Numbers in front of each record, as `struct head` has them.
const HEAD: usize = 7;

/// A record that was cut off by the end of the process did not happen.
pub(super) fn read(log: &Path) -> Vec<Record> {
    let log = std::fs::read(log).unwrap();
    let mut rest = log.as_slice();
    let mut records = Vec::new();
    while let Some(record) = next(&mut rest) {
        records.push(record);
    }
    records
}

fn next(rest: &mut &[u8]) -> Option<Record> {
    let head = take(rest, HEAD * 8)?;
    let number = |n: usize| {
        let bytes = head[n * 8..(n + 1) * 8].try_into();
        u64::from_ne_bytes(bytes.unwrap())
    };
    let size = |n| usize::try_from(number(n)).unwrap();
    let first = path(take(rest, size(5))?);
    let second = take(rest, size(6))?;
    let op = match number(0) {
        1 => Op::Created(first.is_absolute().then_some(first)),
        2 => Op::Written {
            offset: size(3),
            bytes: second.to_vec(),
        },
        3 => Op::Cut(size(3)),
        4 => Op::Synced { covers: size(4) },
        5 => Op::Renamed {
            from: first,
            to: path(second),
        },
        6 => Op::Linked(first),
        7 => Op::Removed(first),
        8 => Op::FolderMade(first),
        other => panic!("the library notes an operation that is unknown here: {other}"),
    };
    Some(Record {
        at: SystemTime::UNIX_EPOCH + Duration::from_nanos(number(1)),
        inode: number(2),
        op,
    })
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(bytes)?;
    *rest = left;
    Some(taken)
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(std::str::from_utf8(bytes).unwrap())
}
