//! The keys that secrets are sealed with.

mod links;
mod seed;

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{Owner, Sealed};
use crate::base::error::{Error, Result};
use crate::base::json::{self, JsonBounds};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// How many random bytes one sealing takes.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// The shortest text that a key is derived from.
const KEY_CHARS_MIN: usize = 32;
/// Shorter than any key, so that a key that stands in the place of an id is not taken for one, and
/// not repeated in an error.
const KEY_ID_CHARS_MAX: usize = 24;
const ACTIVE: &str = "active";
/// An id has no '_'.
const ACTIVE_SINCE: &str = "active_since";

/// Keys by id, one of which seals. The others open what they sealed.
///
/// Written as one JSON object: `{"active": "k2", "k1": "…", "k2": "…"}`, each key a random text of
/// at least 32 characters, as Secrets Manager generates them. A rotation adds `active_since`.
pub struct KeyRing {
    active: String,
    active_since: Option<Timestamp>,
    keys: BTreeMap<String, (Secret, LessSafeKey)>,
}

impl KeyRing {
    /// Kind `Internal`, code `encryption_keys_unreadable`, saying what is wrong. The text is never
    /// part of it.
    pub fn parse(text: &Secret) -> Result<Self> {
        Self::read(text).map_err(|why| {
            let text = format!("the encryption keys cannot be read: {why}");
            Error::internal("encryption_keys_unreadable", text)
        })
    }

    /// The ring, or what is wrong with the text.
    fn read(text: &Secret) -> Result<Self, String> {
        let read = json::read(text.expose().as_bytes(), JsonBounds::DOCUMENT);
        let object: Map<String, Value> = read.map_err(|_| {
            "they are not a JSON object like {\"active\": \"k1\", \"k1\": \"…\"}".to_owned()
        })?;
        let mut active = None;
        let mut active_since = None;
        let mut keys = BTreeMap::new();
        for (id, value) in object {
            if id != ACTIVE_SINCE && !is_id(&id) {
                return Err(format!(
                    "the id of a key is 1 to {KEY_ID_CHARS_MAX} letters, digits and '-'"
                ));
            }
            let Value::String(value) = value else {
                return Err(format!("the value of '{id}' is not a text"));
            };
            match id.as_str() {
                ACTIVE => active = Some(value),
                ACTIVE_SINCE => active_since = Some(time(&value)?),
                _ => {
                    let key = derived(&id, &value)?;
                    keys.insert(id, (Secret::new(value), key));
                }
            }
        }
        let active = active.ok_or("'active' is missing")?;
        if !keys.contains_key(&active) {
            return Err("'active' names a key that is not among them".to_owned());
        }
        Ok(Self {
            active,
            active_since,
            keys,
        })
    }

    /// A ring of one new key.
    pub fn fresh(random: [u8; 32]) -> Self {
        let text = Secret::new(hex::encode(random));
        let id = "k1".to_owned();
        let key = derived(&id, text.expose()).expect("64 characters are enough");
        Self {
            active: id.clone(),
            active_since: None,
            keys: BTreeMap::from([(id, (text, key))]),
        }
    }

    /// The same ring with one more key, which seals from now on. Its id is above those of the ring,
    /// and the active key has the highest, so that no id is used twice.
    pub fn rotated(&self, random: [u8; 32], now: Timestamp) -> Result<Self> {
        let mut object = self.object();
        let numbers = self
            .keys
            .keys()
            .filter_map(|id| id.strip_prefix('k')?.parse().ok());
        let id = format!("k{}", numbers.max().unwrap_or(0u32) + 1);
        object.insert(id.clone(), Value::String(hex::encode(random)));
        object.insert(ACTIVE.to_owned(), Value::String(id));
        let since = Value::String(now.rfc3339());
        object.insert(ACTIVE_SINCE.to_owned(), since);
        Self::parse(&Secret::new(Value::Object(object).to_string()))
    }

    /// The same ring, whose active key counts as added now.
    pub fn dated(&self, now: Timestamp) -> Result<Self> {
        let mut object = self.object();
        let since = Value::String(now.rfc3339());
        object.insert(ACTIVE_SINCE.to_owned(), since);
        Self::parse(&Secret::new(Value::Object(object).to_string()))
    }

    /// The same ring without the keys that nothing is sealed with any more.
    pub fn active_only(&self) -> Result<Self> {
        let mut object = self.object();
        object.retain(|id, _| [ACTIVE, ACTIVE_SINCE, &self.active].contains(&id.as_str()));
        Self::parse(&Secret::new(Value::Object(object).to_string()))
    }

    /// What [`Self::parse`] reads.
    pub fn to_secret(&self) -> Secret {
        Secret::new(Value::Object(self.object()).to_string())
    }

    /// The id of the key that seals.
    pub fn active(&self) -> &str {
        &self.active
    }

    /// When the active key was added; `None` for the first one.
    pub fn active_since(&self) -> Option<Timestamp> {
        self.active_since
    }

    /// The ids of the keys that open and do not seal.
    pub fn old_keys(&self) -> Vec<String> {
        let ids = self.keys.keys().filter(|id| **id != self.active);
        ids.cloned().collect()
    }

    pub fn has_key(&self, id: &str) -> bool {
        self.keys.contains_key(id)
    }

    /// True when both have the same keys, and the same of them seals.
    pub fn is_same(&self, other: &Self) -> bool {
        self.to_secret().expose() == other.to_secret().expose()
    }

    /// True when the active key sealed it.
    pub fn is_current(&self, sealed: &Sealed) -> bool {
        sealed.key_id() == Some(&self.active)
    }

    /// True when the ring can open it.
    pub fn knows(&self, sealed: &Sealed) -> bool {
        sealed.key_id().is_none_or(|id| self.has_key(id))
    }

    pub fn seal(&self, owner: Owner<'_>, nonce: [u8; NONCE_BYTES], secret: &Secret) -> Sealed {
        let (_, key) = &self.keys[&self.active];
        let mut bytes = secret.expose().as_bytes().to_vec();
        let aad = Aad::from(owner.associated_data());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut bytes)
            .expect("a secret is far shorter than what AES-GCM takes");
        let body = [nonce.as_slice(), &bytes].concat();
        let body = URL_SAFE_NO_PAD.encode(body);
        Sealed(format!("{}{}.{body}", Sealed::MARK, self.active))
    }

    /// Kind `Internal`: code `encryption_key_missing` when the ring lacks the key that sealed it,
    /// code `secret_unreadable` when it was sealed for another owner or was altered.
    pub fn open(&self, owner: Owner<'_>, sealed: &Sealed) -> Result<Secret> {
        if let Some(plain) = sealed.plain() {
            return Ok(plain);
        }
        let id = sealed.key_id().unwrap_or_default();
        let Some((_, key)) = self.keys.get(id) else {
            let text = format!(
                "the encryption key '{id}' is not in the key ring; restore it from a backup"
            );
            return Err(Error::internal("encryption_key_missing", text));
        };
        opened(key, owner, sealed).ok_or_else(|| {
            let text = "a stored secret does not open; it was altered, or belongs to another owner";
            Error::internal("secret_unreadable", text)
        })
    }

    fn object(&self) -> Map<String, Value> {
        let keys = self
            .keys
            .iter()
            .map(|(id, (text, _))| (id.clone(), text.expose()));
        let active = (ACTIVE.to_owned(), self.active.as_str());
        let mut object: Map<String, Value> = std::iter::once(active)
            .chain(keys)
            .map(|(id, text)| (id, Value::String(text.to_owned())))
            .collect();
        if let Some(since) = self.active_since {
            object.insert(ACTIVE_SINCE.to_owned(), Value::String(since.rfc3339()));
        }
        object
    }
}

fn is_id(text: &str) -> bool {
    (1..=KEY_ID_CHARS_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn time(text: &str) -> Result<Timestamp, String> {
    let why = "'active_since' is not a time like 2026-11-01T12:00:00Z";
    Timestamp::from_rfc3339(text).ok_or_else(|| why.to_owned())
}

fn opened(key: &LessSafeKey, owner: Owner<'_>, sealed: &Sealed) -> Option<Secret> {
    let body = sealed.0.rsplit('.').next()?;
    let mut bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    let is_long_enough = bytes.len() > NONCE_BYTES;
    let mut ciphertext = is_long_enough.then(|| bytes.split_off(NONCE_BYTES))?;
    let nonce = Nonce::try_assume_unique_for_key(&bytes).ok()?;
    let aad = Aad::from(owner.associated_data());
    let plain = key.open_in_place(nonce, aad, &mut ciphertext).ok()?;
    Some(Secret::new(std::str::from_utf8(plain).ok()?))
}

/// HKDF of the text, bound to the key's id: a generated text of any alphabet becomes 256 bits.
fn derived(id: &str, text: &str) -> Result<LessSafeKey, String> {
    if text.len() < KEY_CHARS_MIN {
        return Err(format!(
            "the key '{id}' is shorter than {KEY_CHARS_MIN} characters"
        ));
    }
    let secret = Salt::new(HKDF_SHA256, b"fluxgate secrets at rest 1").extract(text.as_bytes());
    let mut key = [0; 32];
    secret
        .expand(&[id.as_bytes()], Aes256)
        .and_then(|material| material.fill(&mut key))
        .expect("HKDF gives 32 bytes");
    let key = UnboundKey::new(&AES_256_GCM, &key).expect("AES-256 has keys of 32 bytes");
    Ok(LessSafeKey::new(key))
}

struct Aes256;

impl KeyType for Aes256 {
    fn len(&self) -> usize {
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: Owner<'_> = Owner {
        tenant: "acme",
        id: "e1/secret",
    };

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn ring() -> KeyRing {
        KeyRing::fresh([7; 32])
    }

    fn sealed(ring: &KeyRing) -> Sealed {
        ring.seal(ACME, [1; NONCE_BYTES], &Secret::new("whsec_known"))
    }

    #[test]
    fn a_sealed_secret_opens_for_its_owner_alone() {
        let (ring, sealed) = (ring(), sealed(&ring()));
        let other_tenant = Owner {
            tenant: "other",
            ..ACME
        };
        let other_id = Owner {
            id: "e2/secret",
            ..ACME
        };
        // The same bytes, cut elsewhere.
        let cut_elsewhere = Owner {
            tenant: "acme/e1",
            id: "secret",
        };

        assert_eq!(ring.open(ACME, &sealed).unwrap().expose(), "whsec_known");
        for owner in [other_tenant, other_id, cut_elsewhere] {
            let error = ring.open(owner, &sealed).unwrap_err();
            assert_eq!(error.code, "secret_unreadable", "{owner:?}");
        }
    }

    #[test]
    fn a_sealed_secret_shows_nothing_of_itself_and_names_its_key() {
        let sealed = sealed(&ring());
        let stored = serde_json::to_string(&sealed).unwrap();

        assert!(!stored.contains("known") && stored.starts_with("\"enc1.k1."));
        assert_eq!(format!("{sealed:?}"), "Sealed(k1)");
        assert_eq!(sealed.key_id(), Some("k1"));
    }

    #[test]
    fn an_altered_secret_does_not_open() {
        let ring = ring();
        let text = sealed(&ring).0;
        for altered in [
            format!("{}A", &text[..text.len() - 1]),
            text[..text.len() - 4].to_owned(),
            "enc1.k1.".to_owned(),
            "enc1.k1.AAAA".to_owned(),
        ] {
            let error = ring.open(ACME, &Sealed(altered.clone())).unwrap_err();
            assert_eq!(error.code, "secret_unreadable", "{altered}");
        }
    }

    #[test]
    fn after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() {
        let before = ring();
        let after = before.rotated([8; 32], NOW).unwrap();
        let old = sealed(&before);
        let new = sealed(&after);

        assert_eq!((old.key_id(), new.key_id()), (Some("k1"), Some("k2")));
        assert!(after.open(ACME, &old).is_ok() && after.open(ACME, &new).is_ok());
        assert!(after.is_current(&new) && !after.is_current(&old));
        assert!(!before.knows(&new));
        let error = before.open(ACME, &new).unwrap_err();
        assert_eq!(error.code, "encryption_key_missing");

        let only_new = after.active_only().unwrap();
        assert!(only_new.open(ACME, &new).is_ok() && only_new.open(ACME, &old).is_err());
        assert_eq!(only_new.rotated([9; 32], NOW).unwrap().active(), "k3");
        assert_eq!(after.old_keys(), ["k1"]);
        assert_eq!(only_new.old_keys(), [""; 0]);
        let read = KeyRing::parse(&after.to_secret()).unwrap();
        assert!(read.is_same(&after) && !read.is_same(&before) && !read.is_same(&only_new));
        assert_eq!(read.active_since(), Some(NOW));
        assert_eq!(read.open(ACME, &old).unwrap().expose(), "whsec_known");
    }

    #[test]
    fn what_an_earlier_release_wrote_in_plain_text_is_read() {
        let plain: Sealed = serde_json::from_str("\"whsec_old\"").unwrap();

        assert_eq!(ring().open(ACME, &plain).unwrap().expose(), "whsec_old");
        assert!(!ring().is_current(&plain) && ring().knows(&plain));
        assert_eq!(format!("{plain:?}"), "Sealed(plain)");
    }

    #[test]
    fn keys_that_cannot_be_used_are_refused_with_the_reason_and_without_the_keys() {
        let long = "x".repeat(32);
        for (text, why) in [
            ("secret-key".to_owned(), "not a JSON object"),
            ("{}".to_owned(), "'active' is missing"),
            (format!(r#"{{"active":"k2","k1":"{long}"}}"#), "not among"),
            (r#"{"active":"k1","k1":"secret-key"}"#.to_owned(), "shorter"),
            (r#"{"active":"k1","k1":7}"#.to_owned(), "not a text"),
            (format!(r#"{{"active":"a.b","a.b":"{long}"}}"#), "the id of"),
            // A key in the place of its id.
            (
                format!(r#"{{"active":"k1","secret-key{long}":"k1"}}"#),
                "the id of",
            ),
            (
                format!(r#"{{"active":"k1","k1":"{long}","active_since":"secret-key"}}"#),
                "'active_since'",
            ),
        ] {
            let error = KeyRing::parse(&Secret::new(text)).err().unwrap();
            assert!(error.message.contains(why), "{}", error.message);
            assert!(!error.message.contains("secret-key"), "{}", error.message);
        }
    }
}
