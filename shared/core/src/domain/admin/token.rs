//! One admin token. What it is itself is shown once and never stored, only its digest.

use std::collections::BTreeSet;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};

use super::AdminScope;
use crate::base::digest::{Sha256, sha256};
use crate::base::error::{Error, Kind, Result};
use crate::base::id::AdminTokenName;
use crate::base::time::Timestamp;
use crate::domain::tenant::Actor;

/// What a caller asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAdminToken {
    pub name: AdminTokenName,
    pub scopes: BTreeSet<AdminScope>,
    /// `None` never expires.
    pub lifetime_ms: Option<u64>,
}

/// An admin token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminToken {
    pub name: AdminTokenName,
    pub scopes: BTreeSet<AdminScope>,
    pub created_at: Timestamp,
    pub created_by: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Timestamp>,
    /// Of each that a rotation makes. `None` never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifetime_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    digest: TokenDigest,
    /// Those of before, until their overlap is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<OldToken>,
}

/// SHA-256 of a token, in hex where it is stored. The token is random, so that its digest does not
/// tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct TokenDigest(Sha256);

/// A token that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OldToken {
    digest: TokenDigest,
    until: Timestamp,
}

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        Self(sha256(token.as_bytes()))
    }

    /// In constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl OldToken {
    pub(super) fn new(digest: TokenDigest, until: Timestamp) -> Self {
        Self { digest, until }
    }

    pub(super) fn is(&self, digest: &TokenDigest, now: Timestamp) -> bool {
        self.digest.is(digest) && now < self.until
    }

    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }

    pub(super) fn until(&self) -> Timestamp {
        self.until
    }
}

/// How many of one name may work at a time.
pub(super) const OVERLAPPING_MAX: usize = 5;

impl AdminToken {
    pub(super) fn new(new: NewAdminToken, token: &str, by: Actor, now: Timestamp) -> Self {
        Self {
            name: new.name,
            scopes: new.scopes,
            created_at: now,
            created_by: by,
            rotated_at: None,
            lifetime_ms: new.lifetime_ms,
            expires_at: new.lifetime_ms.map(|lifetime_ms| now.plus_ms(lifetime_ms)),
            digest: TokenDigest::of(token),
            before: Vec::new(),
        }
    }

    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Until when the last of those that were replaced works.
    pub fn old_works_until(&self, now: Timestamp) -> Option<Timestamp> {
        let old = self.before.iter().filter(|old| !old.is_over(now));
        old.map(OldToken::until).max()
    }

    /// Whether this is the token or one that it replaced; true of an expired one too.
    pub(super) fn is(&self, digest: &TokenDigest, now: Timestamp) -> bool {
        self.digest.is(digest) || self.before.iter().any(|old| old.is(digest, now))
    }

    /// Replaces the token; the old one works for so long, unless it expires before.
    pub(super) fn rotate(&mut self, token: &str, overlap_ms: u64, now: Timestamp) -> Result<()> {
        let overlap = now.plus_ms(overlap_ms);
        let until = self
            .expires_at
            .map_or(overlap, |expires_at| expires_at.min(overlap));
        self.before.push(OldToken::new(self.digest, until));
        if overlap_ms == 0 {
            self.before.clear();
        }
        self.before.retain(|old| !old.is_over(now));
        check_overlapping(self.before.len())?;
        self.digest = TokenDigest::of(token);
        self.rotated_at = Some(now);
        self.expires_at = self.lifetime_ms.map(|lifetime_ms| now.plus_ms(lifetime_ms));
        Ok(())
    }
}

pub(super) fn check_overlapping(old: usize) -> Result<()> {
    if old < OVERLAPPING_MAX {
        return Ok(());
    }
    let text = format!(
        "{OVERLAPPING_MAX} tokens of this name work already; wait until an overlap is over, or rotate with an overlap of 0"
    );
    Err(Error::new(Kind::Conflict, "too_many_secrets", text))
}

impl TryFrom<String> for TokenDigest {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest)?;
        Ok(Self(digest))
    }
}

impl From<TokenDigest> for String {
    fn from(digest: TokenDigest) -> Self {
        hex::encode(digest.0)
    }
}
