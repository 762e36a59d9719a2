//! The keys that links are signed with: a ring too, and one text before its first rotation.

use super::{KeyRing, derived};
use crate::base::error::{Error, Result};
use crate::base::secret::Secret;

/// The id of a key that has none.
const FIRST: &str = "k1";

impl KeyRing {
    /// A ring, or the one text of at least 32 characters that earlier releases had.
    ///
    /// Kind `Internal` with code `capability_keys_unreadable`, saying what is wrong.
    pub fn of_links(text: &Secret) -> Result<Self> {
        let read = match is_ring(text.expose().trim()) {
            true => Self::read(text),
            false => derived(FIRST, text.expose()).map(|key| Self {
                active: FIRST.to_owned(),
                active_since: None,
                keys: [(FIRST.to_owned(), (text.clone(), key))].into(),
            }),
        };
        read.map_err(|why| {
            let text = format!("the keys that links are signed with cannot be read: {why}");
            Error::internal("capability_keys_unreadable", text)
        })
    }

    /// What the keys are made of, the active one first.
    pub fn texts(&self) -> impl Iterator<Item = &Secret> {
        let (active, _) = &self.keys[&self.active];
        let others = self.keys.iter().filter(|(id, _)| **id != self.active);
        std::iter::once(active).chain(others.map(|(_, (text, _))| text))
    }
}

/// Also one that is damaged: as a key it would sign other links, without a word. A random text may
/// begin as a ring does.
fn is_ring(text: &str) -> bool {
    text.starts_with('{') && (text.ends_with('}') || text.contains("\"active\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;

    #[test]
    fn a_text_of_before_is_a_ring_of_one_key_and_stays_in_it_when_that_is_rotated() {
        let plain = Secret::new("p".repeat(64));

        let ring = KeyRing::of_links(&plain).unwrap();
        let rotated = ring.rotated([8; 32], Timestamp(0)).unwrap();
        let read = KeyRing::of_links(&rotated.to_secret()).unwrap();

        assert!(read.is_same(&rotated));
        assert_eq!(
            (read.active(), read.old_keys()),
            ("k2", vec!["k1".to_owned()])
        );
        let texts: Vec<&str> = read.texts().map(Secret::expose).collect();
        assert_eq!(texts, [hex::encode([8; 32]).as_str(), plain.expose()]);
    }

    #[test]
    fn a_random_text_that_begins_as_a_ring_is_a_key() {
        let plain = Secret::new(format!("{{{}", "p".repeat(63)));

        let ring = KeyRing::of_links(&plain).unwrap();

        assert_eq!(
            ring.texts().next().map(Secret::expose),
            Some(plain.expose())
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_repeated() {
        for text in [
            "short-secret",
            "{}",
            "{\"active\": \"k1\", \"k1\": \"0000000000000000000000000000000000000000",
            "{\"active\": \"k1\", \"k1\": \"short-secret\"}",
        ] {
            let error = KeyRing::of_links(&Secret::new(text)).err().unwrap();

            assert_eq!(error.code, "capability_keys_unreadable");
            assert!(!error.message.contains("short-secret"), "{}", error.message);
        }
    }
}
