//! Outputs and uploads, in memory, bounded by bytes and by number; the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

const FILES_MAX: usize = 200_000;

#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) bytes: Bytes,
    pub(crate) content_type: String,
}

pub(crate) struct FileStore {
    bytes_max: usize,
    files: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    by_path: HashMap<String, File>,
    oldest_first: VecDeque<String>,
    bytes: usize,
}

impl FileStore {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            files: Mutex::default(),
        }
    }

    /// Paths are made by the emulator and never used twice.
    pub(crate) fn insert(&self, path: String, file: File) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.bytes += file.bytes.len();
        files.oldest_first.push_back(path.clone());
        files.by_path.insert(path, file);
        while files.bytes > self.bytes_max || files.oldest_first.len() > FILES_MAX {
            files.forget_oldest();
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<File> {
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_path
            .get(path)
            .cloned()
    }
}

impl Files {
    fn forget_oldest(&mut self) {
        let oldest = self
            .oldest_first
            .pop_front()
            .expect("a store over its bound holds a file");
        let file = self
            .by_path
            .remove(&oldest)
            .expect("each path in the order is in the map");
        self.bytes -= file.bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_file_makes_room() {
        let store = FileStore::new(10);
        let file = |size| File {
            bytes: vec![0; size].into(),
            content_type: "image/png".to_owned(),
        };

        store.insert("a".to_owned(), file(6));
        store.insert("b".to_owned(), file(5));

        assert!(store.get("a").is_none());
        assert_eq!(store.get("b").map(|file| file.bytes.len()), Some(5));
    }
}
