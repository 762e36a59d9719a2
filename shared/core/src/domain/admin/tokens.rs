//! All admin tokens of an installation: one small record, so that a change sees all of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::token::{OldToken, TokenDigest, check_overlapping};
use super::{AdminCaller, AdminScope, AdminToken, NewAdminToken};
use crate::base::error::{Error, Kind, Result};
use crate::base::id::AdminTokenName;
use crate::base::time::Timestamp;
use crate::domain::tenant::Actor;

/// The tokens by name. The token in the data folder is not among them: it lies in its own file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AdminTokens {
    /// Counts the changes; the store writes one only over the version it was made from.
    #[serde(default)]
    pub version: u64,
    #[serde(default)]
    tokens: Vec<AdminToken>,
    /// What the data folder's token replaced, until the overlap is over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    folder_before: Vec<OldToken>,
}

/// Whom a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Caller(AdminCaller),
    /// It was a token until then.
    Expired(Timestamp),
    Nobody,
}

impl AdminTokens {
    /// The name of the token in the data folder.
    pub const FOLDER: &str = "folder";
    pub const MAX: usize = 50;

    /// In the order of their creation.
    pub fn list(&self) -> &[AdminToken] {
        &self.tokens
    }

    /// Compares digests in constant time, so that a token cannot be probed.
    pub fn holder(&self, token: &str, folder: Option<&str>, now: Timestamp) -> Holder {
        let digest = TokenDigest::of(token);
        let is_folder = folder.is_some_and(|folder| TokenDigest::of(folder).is(&digest));
        if is_folder || self.folder_before.iter().any(|old| old.is(&digest, now)) {
            return Holder::Caller(AdminCaller {
                actor: Actor::admin(Self::FOLDER),
                scopes: AdminScope::all(),
            });
        }
        match self.tokens.iter().find(|known| known.is(&digest, now)) {
            None => Holder::Nobody,
            Some(AdminToken {
                expires_at: Some(at),
                ..
            }) if *at <= now => Holder::Expired(*at),
            Some(known) => Holder::Caller(AdminCaller {
                actor: Actor::admin(known.name.as_str()),
                scopes: known.scopes.clone(),
            }),
        }
    }

    /// Kind `Conflict`: `admin_token_exists` for a name that is taken, `too_many_admin_tokens`.
    /// Kind `Forbidden` as in [`AdminCaller::require`] for a scope that the caller lacks.
    pub fn add(
        &mut self,
        new: NewAdminToken,
        token: &str,
        caller: &AdminCaller,
        now: Timestamp,
    ) -> Result<&AdminToken> {
        check_within(&new.scopes, caller)?;
        let name = &new.name;
        if name.as_str() == Self::FOLDER || self.tokens.iter().any(|known| known.name == *name) {
            let text = format!(
                "there is an admin token '{name}'; rotate it, or revoke it before its name is used again"
            );
            return Err(Error::new(Kind::Conflict, "admin_token_exists", text).field("name"));
        }
        if self.tokens.len() >= Self::MAX {
            let text = format!("there are {} admin tokens already; revoke one", Self::MAX);
            return Err(Error::new(Kind::Conflict, "too_many_admin_tokens", text));
        }
        let token = AdminToken::new(new, token, caller.actor.clone(), now);
        self.tokens.push(token);
        Ok(self.tokens.last().expect("one was just added"))
    }

    /// Kind `NotFound`; kind `Forbidden` for one with a scope that the caller lacks; kind
    /// `Conflict` with code `too_many_secrets` while too many overlap.
    pub fn rotate(
        &mut self,
        name: &AdminTokenName,
        token: &str,
        overlap_ms: u64,
        caller: &AdminCaller,
        now: Timestamp,
    ) -> Result<&AdminToken> {
        let found = self.tokens.iter_mut().find(|known| known.name == *name);
        let known = found.ok_or_else(|| no_such_token(name))?;
        check_within(&known.scopes, caller)?;
        known.rotate(token, overlap_ms, now)?;
        Ok(known)
    }

    /// The data folder's token is replaced; the old one works for so long.
    pub fn rotate_folder(&mut self, old: &str, overlap_ms: u64, now: Timestamp) -> Result<()> {
        if overlap_ms == 0 {
            self.folder_before.clear();
            return Ok(());
        }
        self.folder_before.retain(|old| !old.is_over(now));
        let until = now.plus_ms(overlap_ms);
        self.folder_before
            .push(OldToken::new(TokenDigest::of(old), until));
        check_overlapping(self.folder_before.len())
    }

    pub fn folder_old_works_until(&self, now: Timestamp) -> Option<Timestamp> {
        let old = self.folder_before.iter().filter(|old| !old.is_over(now));
        old.map(OldToken::until).max()
    }

    /// Kind `NotFound` if there is no such token.
    pub fn revoke(&mut self, name: &AdminTokenName) -> Result<()> {
        let before = self.tokens.len();
        self.tokens.retain(|known| known.name != *name);
        if self.tokens.len() == before {
            return Err(no_such_token(name));
        }
        Ok(())
    }
}

/// A token made by a caller can do no more than the caller.
fn check_within(scopes: &BTreeSet<AdminScope>, caller: &AdminCaller) -> Result<()> {
    if scopes.is_empty() {
        let text = "an admin token needs at least one scope";
        return Err(Error::invalid("invalid_parameter", text).field("scopes"));
    }
    scopes.iter().try_for_each(|scope| caller.require(*scope))
}

fn no_such_token(name: &AdminTokenName) -> Error {
    let text = format!("there is no admin token '{name}'; list them to see which there are");
    Error::not_found(text)
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;
