//! Data keys: what inputs, callback URLs and the lines of batches are sealed with. A tenant has one
//! for each month, kept apart from what is backed up: when it is removed, no backup tells what it
//! sealed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::{NONCE_BYTES, Owner, StoredText};
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

const ID_BYTES: usize = 4;
const KEY_BYTES: usize = 32;
const TIME_BYTES: usize = 8;

/// One random key.
pub struct DataKey {
    id: [u8; ID_BYTES],
    made_at: Timestamp,
    bytes: [u8; KEY_BYTES],
    cipher: LessSafeKey,
}

/// The keys of a tenant's month, oldest first. The last one seals; another follows it when what it
/// sealed is to be erased.
#[derive(Default)]
pub struct DataKeys(Vec<DataKey>);

impl DataKey {
    /// How many random bytes a key takes.
    pub const RANDOM_BYTES: usize = ID_BYTES + KEY_BYTES;
    const STORED_BYTES: usize = Self::RANDOM_BYTES + TIME_BYTES;

    pub fn new(random: [u8; Self::RANDOM_BYTES], made_at: Timestamp) -> Self {
        let (id, bytes) = random.split_at(ID_BYTES);
        let id = id.try_into().expect("an id is the beginning");
        Self::of(id, bytes.try_into().expect("a key is the rest"), made_at)
    }

    fn of(id: [u8; ID_BYTES], bytes: [u8; KEY_BYTES], made_at: Timestamp) -> Self {
        let cipher = UnboundKey::new(&AES_256_GCM, &bytes).expect("AES-256 has keys of 32 bytes");
        Self {
            id,
            made_at,
            bytes,
            cipher: LessSafeKey::new(cipher),
        }
    }

    pub fn made_at(&self) -> Timestamp {
        self.made_at
    }

    fn read(stored: &[u8]) -> Option<Self> {
        let (id, rest) = stored.split_first_chunk()?;
        let (made_at, bytes) = rest.split_first_chunk()?;
        let made_at = Timestamp(i64::from_be_bytes(*made_at));
        Some(Self::of(*id, bytes.try_into().ok()?, made_at))
    }

    fn copied(&self) -> Self {
        Self::of(self.id, self.bytes, self.made_at)
    }
}

impl DataKeys {
    /// What [`Self::to_bytes`] wrote. Kind `Internal`, code `input_keys_unreadable`.
    pub fn from_bytes(stored: &[u8]) -> Result<Self> {
        let keys = stored.chunks(DataKey::STORED_BYTES).map(DataKey::read);
        keys.collect::<Option<_>>().map(Self).ok_or_else(|| {
            let text = "the stored keys of a tenant's inputs are damaged; what they sealed cannot be read without them";
            Error::internal("input_keys_unreadable", text)
        })
    }

    /// The keys themselves: for the store alone.
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = self.0.iter().flat_map(|key| {
            let made_at = key.made_at.0.to_be_bytes();
            [key.id.as_slice(), &made_at, &key.bytes].concat()
        });
        parts.collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The same with one more, which seals from now on.
    #[must_use]
    pub fn with(&self, key: DataKey) -> Self {
        let keys = self.0.iter().map(DataKey::copied);
        Self(keys.chain([key]).collect())
    }

    /// Those that were made at this moment or later.
    #[must_use]
    pub fn since(&self, moment: Timestamp) -> Self {
        let young = self.0.iter().filter(|key| key.made_at >= moment);
        Self(young.map(DataKey::copied).collect())
    }

    /// When the key that seals was made; `None` without one.
    pub fn newest_made_at(&self) -> Option<Timestamp> {
        self.0.last().map(DataKey::made_at)
    }

    /// True if one of them sealed it, or nothing did.
    pub fn knows(&self, stored: &StoredText) -> bool {
        match stored {
            StoredText::Plain(_) => true,
            StoredText::Sealed(bytes) => self.key_of(bytes).is_some(),
        }
    }

    /// `None` without a key.
    pub fn seal(
        &self,
        owner: Owner<'_>,
        nonce: [u8; NONCE_BYTES],
        text: &str,
    ) -> Option<StoredText> {
        let key = self.0.last()?;
        let mut bytes = text.as_bytes().to_vec();
        let aad = Aad::from(owner.associated_data());
        let unique = Nonce::assume_unique_for_key(nonce);
        key.cipher
            .seal_in_place_append_tag(unique, aad, &mut bytes)
            .expect("a text is far shorter than what AES-GCM takes");
        let sealed = [key.id.as_slice(), &nonce, &bytes].concat();
        Some(StoredText::Sealed(sealed))
    }

    /// `None` for what was sealed with a key that is gone. Kind `Internal`, code
    /// `secret_unreadable`, for what belongs to another owner or was altered.
    pub fn open(&self, owner: Owner<'_>, stored: &StoredText) -> Result<Option<String>> {
        let sealed = match stored {
            StoredText::Plain(text) => return Ok(Some(text.clone())),
            StoredText::Sealed(sealed) => sealed,
        };
        let Some(key) = self.key_of(sealed) else {
            return Ok(None);
        };
        let opened = opened(key, owner, &sealed[ID_BYTES..]);
        opened.map(Some).ok_or_else(|| {
            let text = "a sealed text does not open; it was altered, or belongs to another owner";
            Error::internal("secret_unreadable", text)
        })
    }

    fn key_of(&self, sealed: &[u8]) -> Option<&DataKey> {
        self.0.iter().find(|key| sealed.starts_with(&key.id))
    }
}

fn opened(key: &DataKey, owner: Owner<'_>, sealed: &[u8]) -> Option<String> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let aad = Aad::from(owner.associated_data());
    let mut bytes = ciphertext.to_vec();
    let length = key.cipher.open_in_place(nonce, aad, &mut bytes).ok()?.len();
    bytes.truncate(length);
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: Owner<'_> = Owner {
        tenant: "acme",
        id: "task/1/inputs",
    };
    const PROMPT: &str = "{\"prompt\":\"a portrait of Jane Roe\"}";

    fn key(n: u8) -> DataKey {
        DataKey::new([n; DataKey::RANDOM_BYTES], Timestamp(n.into()))
    }

    fn keys(numbers: &[u8]) -> DataKeys {
        let none = DataKeys::default();
        numbers.iter().fold(none, |keys, n| keys.with(key(*n)))
    }

    fn sealed(keys: &DataKeys) -> StoredText {
        keys.seal(ACME, [1; NONCE_BYTES], PROMPT).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_owner_alone_and_shows_nothing() {
        let (keys, sealed) = (keys(&[1]), sealed(&keys(&[1])));
        let StoredText::Sealed(bytes) = &sealed else {
            panic!("{sealed:?}")
        };
        let other = Owner {
            id: "task/2/inputs",
            ..ACME
        };

        assert_eq!(bytes.len(), PROMPT.len() + ID_BYTES + NONCE_BYTES + 16);
        assert!(!String::from_utf8_lossy(bytes).contains("Jane"));
        assert_eq!(keys.open(ACME, &sealed).unwrap().unwrap(), PROMPT);
        let error = keys.open(other, &sealed).unwrap_err();
        assert_eq!(error.code, "secret_unreadable");
        for short in [0, ID_BYTES + 3, bytes.len() - 1] {
            let cut = StoredText::Sealed(bytes[..short].to_vec());
            assert!(!matches!(keys.open(ACME, &cut), Ok(Some(_))), "{short}");
        }
    }

    #[test]
    fn the_newest_key_seals_and_what_an_absent_one_sealed_is_gone() {
        let old = sealed(&keys(&[1]));
        let both = keys(&[1, 2]);
        let new = sealed(&both);

        assert_eq!(both.open(ACME, &old).unwrap().unwrap(), PROMPT);
        let young = both.since(Timestamp(2));
        assert!(young.knows(&new) && !young.knows(&old) && young.len() == 1);
        assert_eq!(young.open(ACME, &old).unwrap(), None);
        assert_eq!(young.open(ACME, &new).unwrap().unwrap(), PROMPT);
        assert!(DataKeys::default().seal(ACME, [1; 12], PROMPT).is_none());
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_damaged_ones_are_refused() {
        let both = keys(&[1, 2]);
        let new = sealed(&both);

        let read = DataKeys::from_bytes(&both.to_bytes()).unwrap();

        assert_eq!(read.open(ACME, &new).unwrap().unwrap(), PROMPT);
        assert_eq!(read.newest_made_at(), Some(Timestamp(2)));
        let error = DataKeys::from_bytes(&both.to_bytes()[1..]).err().unwrap();
        assert_eq!(error.code, "input_keys_unreadable");
    }

    #[test]
    fn what_was_never_sealed_is_read_as_it_is() {
        let plain = StoredText::from(PROMPT);

        let read = DataKeys::default().open(ACME, &plain).unwrap();

        assert_eq!(read.unwrap(), PROMPT);
        assert!(DataKeys::default().knows(&plain));
    }
}
