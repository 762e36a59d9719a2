//! A text as a store keeps it: sealed with a data key, or plain, as releases before data keys wrote
//! it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a sealed text begins with where it is written as text; no URL and no JSON does.
const MARK: &str = "key1.";

/// Inputs, the URL of a callback, or the lines of a batch.
#[derive(Clone, PartialEq, Eq)]
pub enum StoredText {
    Plain(String),
    /// The key's id, a nonce, the ciphertext and its tag.
    Sealed(Vec<u8>),
}

impl StoredText {
    /// In place of inputs that are gone.
    pub const GONE: &str = "{}";

    /// Bytes as they are stored.
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(text) => text.len(),
            Self::Sealed(bytes) => bytes.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As it was put in, for what was never sealed.
    pub fn plain(&self) -> Option<&str> {
        match self {
            Self::Plain(text) => Some(text),
            Self::Sealed(_) => None,
        }
    }

    /// Stands for what a store has removed.
    pub fn gone() -> Self {
        Self::Plain(Self::GONE.to_owned())
    }
}

/// Hides it: it may be plain.
impl fmt::Debug for StoredText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Plain(_) => "plain",
            Self::Sealed(_) => "sealed",
        };
        write!(f, "StoredText({kind}, {} bytes)", self.len())
    }
}

impl From<String> for StoredText {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<&str> for StoredText {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl PartialEq<str> for StoredText {
    fn eq(&self, other: &str) -> bool {
        self.plain() == Some(other)
    }
}

impl PartialEq<&str> for StoredText {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<String> for StoredText {
    fn eq(&self, other: &String) -> bool {
        *self == **other
    }
}

impl Serialize for StoredText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Sealed(bytes) => {
                let text = URL_SAFE_NO_PAD.encode(bytes);
                serializer.collect_str(&format_args!("{MARK}{text}"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for StoredText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let Some(body) = text.strip_prefix(MARK) else {
            return Ok(Self::Plain(text));
        };
        let bytes = URL_SAFE_NO_PAD.decode(body);
        bytes.map(Self::Sealed).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_and_plain_texts_are_read_as_they_were_written() {
        for stored in [
            StoredText::from("https://shop.example/done?x=1"),
            StoredText::Sealed(vec![0, 255, 7]),
        ] {
            let written = serde_json::to_string(&stored).unwrap();
            let read: StoredText = serde_json::from_str(&written).unwrap();

            assert_eq!(read, stored, "{written}");
        }
        assert!(serde_json::from_str::<StoredText>("\"key1.*\"").is_err());
    }

    #[test]
    fn the_debug_form_hides_the_text() {
        let shown = format!("{:?}", StoredText::from("a private prompt"));

        assert_eq!(shown, "StoredText(plain, 16 bytes)");
    }
}
