//! Who may call the admin API of an installation without IAM: authenticates admin tokens, makes,
//! rotates and revokes them.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::AdminTokenName;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::admin::{
    AdminCaller, AdminScope, AdminToken, AdminTokens, Holder, NewAdminToken,
};
use crate::domain::tenant::{Actor, AuditAction, AuditEntry};
use crate::port::errors::version_moved;
use crate::port::{AdminTokenStore, Clock, Entropy, FolderToken, Ids as _};

/// How long tokens are remembered: a token that another process revoked works no longer than this.
const REMEMBERED_MS: u64 = 2_000;
/// How often a change is made again that others are in the way of.
const TRIES: usize = 10;
/// The longest overlap of an old token and a new one.
const OVERLAP_MAX_MS: u64 = 30 * 24 * 3_600_000;
const LIFETIME_MAX_MS: u64 = 10 * 365 * 24 * 3_600_000;

/// The admin tokens of an installation.
pub struct AdminAccess {
    store: Arc<dyn AdminTokenStore>,
    folder: Arc<dyn FolderToken>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    remembered: Mutex<Option<Arc<Remembered>>>,
}

struct Remembered {
    at: Timestamp,
    tokens: AdminTokens,
    folder: Option<Secret>,
}

/// A token as its owner may see it; never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAdminToken {
    pub name: String,
    pub scopes: Vec<AdminScope>,
    /// Unknown of the data folder's token.
    pub created_at: Option<Timestamp>,
    pub created_by: Option<Actor>,
    pub rotated_at: Option<Timestamp>,
    /// `None` never expires.
    pub expires_at: Option<Timestamp>,
    pub is_expired: bool,
    pub old_works_until: Option<Timestamp>,
}

impl AdminAccess {
    pub fn new(
        store: Arc<dyn AdminTokenStore>,
        folder: Arc<dyn FolderToken>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            folder,
            clock,
            entropy,
            remembered: Mutex::default(),
        }
    }

    /// Kind `Unauthenticated` with code `admin_token` for what is no token, or one no longer.
    pub async fn authenticate(&self, token: &str) -> Result<AdminCaller> {
        let known = self.known().await?;
        let folder = known.folder.as_ref().map(Secret::expose);
        let refused = |text: String| Error::new(Kind::Unauthenticated, "admin_token", text);
        match known.tokens.holder(token, folder, self.clock.now()) {
            Holder::Caller(caller) => Ok(caller),
            Holder::Expired(at) => Err(refused(format!(
                "this admin token expired at {}; rotate it",
                at.rfc3339()
            ))),
            Holder::Nobody => Err(refused(
                "this token is not accepted: it is no admin token of this installation, or one that was revoked or replaced; 'fluxgate token --admin' prints the data folder's"
                    .to_owned(),
            )),
        }
    }

    /// The data folder's token first, then the others in the order of their creation.
    pub async fn list(&self) -> Result<Vec<ShownAdminToken>> {
        let (tokens, now) = (self.store.admin_tokens().await?, self.clock.now());
        let folder = ShownAdminToken {
            name: AdminTokens::FOLDER.to_owned(),
            scopes: AdminScope::ALL.to_vec(),
            created_at: None,
            created_by: None,
            rotated_at: None,
            expires_at: None,
            is_expired: false,
            old_works_until: tokens.folder_old_works_until(now),
        };
        let others = tokens.list().iter().map(|token| shown(token, now));
        Ok([folder].into_iter().chain(others).collect())
    }

    /// Makes a token. It is answered here and never again.
    ///
    /// Fails as [`AdminTokens::add`] does, and with kind `Invalid` for a lifetime that cannot be.
    pub async fn create(
        &self,
        new: NewAdminToken,
        caller: &AdminCaller,
    ) -> Result<(ShownAdminToken, Secret)> {
        if new
            .lifetime_ms
            .is_some_and(|lifetime_ms| !(1_000..=LIFETIME_MAX_MS).contains(&lifetime_ms))
        {
            let text = "a token's lifetime must be 1 second to 10 years; or let it never expire";
            return Err(Error::invalid("invalid_parameter", text).field("expires_in_s"));
        }
        let detail = json!({
            "name": new.name, "scopes": new.scopes, "lifetime_ms": new.lifetime_ms,
        });
        let secret = self.fresh();
        let action = AuditAction::AdminTokenCreated;
        let shown = self
            .change(caller, action, &detail, |tokens, now| {
                let added = tokens.add(new.clone(), secret.expose(), caller, now)?;
                Ok(shown(added, now))
            })
            .await?;
        Ok((shown, secret))
    }

    /// A new token of that name, with the old one's scopes and lifetime; the old one works until
    /// the overlap is over.
    ///
    /// Fails as [`AdminTokens::rotate`] does, and with kind `Invalid` for an overlap that is too
    /// long.
    pub async fn rotate(
        &self,
        name: &AdminTokenName,
        overlap_ms: u64,
        caller: &AdminCaller,
    ) -> Result<(ShownAdminToken, Secret)> {
        if overlap_ms > OVERLAP_MAX_MS {
            let text = "an overlap must be at most 30 days";
            return Err(Error::invalid("invalid_parameter", text).field("overlap_s"));
        }
        let secret = self.fresh();
        let shown = if name.as_str() == AdminTokens::FOLDER {
            self.rotate_folder(&secret, overlap_ms, caller).await?
        } else {
            let detail = json!({ "name": name, "overlap_ms": overlap_ms });
            let action = AuditAction::AdminTokenRotated;
            self.change(caller, action, &detail, |tokens, now| {
                let rotated = tokens.rotate(name, secret.expose(), overlap_ms, caller, now)?;
                Ok(shown(rotated, now))
            })
            .await?
        };
        Ok((shown, secret))
    }

    /// The token works no more: here at once, in other processes within seconds.
    ///
    /// Kind `NotFound` if there is no such token; kind `Conflict` with code `folder_token` for the
    /// data folder's, which can only be rotated.
    pub async fn revoke(&self, name: &AdminTokenName, caller: &AdminCaller) -> Result<()> {
        if name.as_str() == AdminTokens::FOLDER {
            let text = "the data folder always has a token; rotate it with an overlap of 0 instead";
            return Err(Error::new(Kind::Conflict, "folder_token", text));
        }
        let detail = json!({ "name": name });
        let action = AuditAction::AdminTokenRevoked;
        self.change(caller, action, &detail, |tokens, _| tokens.revoke(name))
            .await
    }

    /// The old token is noted before the file is replaced: after a crash in between it is still the
    /// one in the file.
    async fn rotate_folder(
        &self,
        secret: &Secret,
        overlap_ms: u64,
        caller: &AdminCaller,
    ) -> Result<ShownAdminToken> {
        AdminScope::ALL
            .iter()
            .try_for_each(|scope| caller.require(*scope))?;
        let old = self.folder.read().await?;
        let detail = json!({ "name": AdminTokens::FOLDER, "overlap_ms": overlap_ms });
        let action = AuditAction::AdminTokenRotated;
        self.change(caller, action, &detail, |tokens, now| match &old {
            Some(old) => tokens.rotate_folder(old.expose(), overlap_ms, now),
            None => Ok(()),
        })
        .await?;
        self.folder.replace(secret).await?;
        self.forget();
        let mut all = self.list().await?;
        Ok(all.swap_remove(0))
    }

    /// Reads, changes and writes, again where somebody else was first.
    async fn change<T>(
        &self,
        caller: &AdminCaller,
        action: AuditAction,
        detail: &serde_json::Value,
        change: impl Fn(&mut AdminTokens, Timestamp) -> Result<T>,
    ) -> Result<T> {
        for _ in 0..TRIES {
            let (mut tokens, now) = (self.store.admin_tokens().await?, self.clock.now());
            let changed = change(&mut tokens, now)?;
            tokens.version += 1;
            let entry = AuditEntry {
                id: self.entropy.audit_id(now),
                at: now,
                actor: caller.actor.clone(),
                action,
                tenant: None,
                detail: detail.clone(),
            };
            match self.store.replace_admin_tokens(&tokens, &entry).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => {
                    self.forget();
                    return written.map(|()| changed);
                }
            }
        }
        Err(version_moved("the admin tokens keep changing; try again"))
    }

    async fn known(&self) -> Result<Arc<Remembered>> {
        let now = self.clock.now();
        let is_fresh =
            |known: &Arc<Remembered>| known.at <= now && now.since_ms(known.at) < REMEMBERED_MS;
        if let Some(known) = self.remembered().clone().filter(is_fresh) {
            return Ok(known);
        }
        let known = Arc::new(Remembered {
            at: now,
            tokens: self.store.admin_tokens().await?,
            folder: self.folder.read().await?,
        });
        *self.remembered() = Some(known.clone());
        Ok(known)
    }

    fn forget(&self) {
        *self.remembered() = None;
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<Arc<Remembered>>> {
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self) -> Secret {
        let mut random = [0; 32];
        self.entropy.fill(&mut random);
        Secret::new(format!("fga_{}", hex::encode(random)))
    }
}

fn shown(token: &AdminToken, now: Timestamp) -> ShownAdminToken {
    ShownAdminToken {
        name: token.name.to_string(),
        scopes: token.scopes.iter().copied().collect(),
        created_at: Some(token.created_at),
        created_by: Some(token.created_by.clone()),
        rotated_at: token.rotated_at,
        expires_at: token.expires_at,
        is_expired: token.is_expired(now),
        old_works_until: token.old_works_until(now),
    }
}
