//! Pictures that the emulator serves: outputs and uploads. In memory they are bounded, and the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

const MEMORY_BYTES_MAX: usize = 256 << 20;

#[derive(Debug)]
pub(crate) enum Files {
    Memory(Mutex<Memory>),
    Folder(PathBuf),
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    by_key: HashMap<String, Bytes>,
    oldest_first: VecDeque<String>,
    bytes: usize,
}

impl Files {
    pub(crate) fn new(folder: Option<&Path>) -> Self {
        folder.map_or_else(|| Self::Memory(Mutex::default()), |folder| Self::Folder(folder.to_owned()))
    }

    /// Every key is written once.
    pub(crate) async fn put(&self, key: &str, content: Bytes) -> io::Result<()> {
        match self {
            Self::Memory(memory) => {
                lock(memory).put(key, content);
                Ok(())
            }
            Self::Folder(folder) => {
                let path = path_in(folder, key).ok_or(io::ErrorKind::InvalidFilename)?;
                tokio::fs::create_dir_all(path.parent().unwrap_or(folder)).await?;
                tokio::fs::write(path, content).await
            }
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Bytes> {
        match self {
            Self::Memory(memory) => lock(memory).by_key.get(key).cloned(),
            Self::Folder(folder) => tokio::fs::read(path_in(folder, key)?).await.ok().map(Bytes::from),
        }
    }
}

impl Memory {
    fn put(&mut self, key: &str, content: Bytes) {
        self.bytes += content.len();
        self.by_key.insert(key.to_owned(), content);
        self.oldest_first.push_back(key.to_owned());
        while self.bytes > MEMORY_BYTES_MAX && self.oldest_first.len() > 1 {
            let oldest = self.oldest_first.pop_front().and_then(|key| self.by_key.remove(&key));
            self.bytes -= oldest.map_or(0, |content| content.len());
        }
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// None for a key that could lead out of the folder.
fn path_in(folder: &Path, key: &str) -> Option<PathBuf> {
    let is_plain = |segment: &str| !segment.is_empty() && !segment.starts_with('.') && !segment.contains(['\\', ':']);
    key.split('/').all(is_plain).then(|| folder.join(key))
}

/// By the name's ending, as a CDN would.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_leads_out_of_the_folder() {
        let folder = Path::new("/data");

        assert_eq!(path_in(folder, "media/a/cat.png"), Some(PathBuf::from("/data/media/a/cat.png")));
        for key in ["../secret", "media/../../x", "/etc/passwd", "media//x", "media/.ssh", "c:\\x"] {
            assert_eq!(path_in(folder, key), None, "{key}");
        }
    }

    #[test]
    fn memory_forgets_the_oldest_pictures_first() {
        let mut memory = Memory::default();
        let half = Bytes::from(vec![0; MEMORY_BYTES_MAX / 2]);

        for key in ["first", "second", "third"] {
            memory.put(key, half.clone());
        }

        assert!(!memory.by_key.contains_key("first"));
        assert!(memory.by_key.contains_key("second") && memory.by_key.contains_key("third"));
    }
}
