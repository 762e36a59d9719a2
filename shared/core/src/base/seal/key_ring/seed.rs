//! Other keys that are derived from the active one.

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};

use super::{Aes256, KeyRing};

impl KeyRing {
    /// 256 bits of the active key for one purpose, by HKDF.
    pub fn seed(&self, purpose: &[u8]) -> [u8; 32] {
        let (text, _) = &self.keys[&self.active];
        let secret = Salt::new(HKDF_SHA256, purpose).extract(text.expose().as_bytes());
        let mut seed = [0; 32];
        secret
            .expand(&[self.active.as_bytes()], Aes256)
            .and_then(|material| material.fill(&mut seed))
            .expect("HKDF gives 32 bytes");
        seed
    }
}
