//! What a restart goes on from, in a file that its owner alone can read: it holds a secret.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fluxgate_core::digest::sha256;
use fluxgate_core::id::EndpointId;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::standard;
use serde::{Deserialize, Serialize};

use super::ListenArgs;
use crate::private;

const FOLDER_MODE: u32 = 0o700;
const LOCK_MODE: u32 = 0o600;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) gateway: String,
    pub(super) endpoint: String,
    pub(super) secret: String,
    /// The cursor behind the last event that the program was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
}

pub(super) struct StateFile {
    path: PathBuf,
    /// Beside the file, which is replaced with each event. Held while this lives.
    _lock: File,
}

impl State {
    /// False for an id or a secret that no gateway gives.
    pub(super) fn is_sound(&self) -> bool {
        let secret = self.secret.starts_with("whsec_")
            && standard::check_secret(&Secret::new(self.secret.as_str())).is_ok();
        secret && EndpointId::parse(&self.endpoint).is_ok()
    }
}

impl StateFile {
    /// The one that is named, or that of this gateway and tenant. Refused while another `listen`
    /// has it: each would pass by what the other was handed.
    pub(super) fn of(args: &ListenArgs, gateway: &str) -> Result<Self> {
        if let Some(path) = &args.state {
            return Self::locked(path.clone());
        }
        let folder = state_folder()
            .context("there is no folder for the state: set HOME, or name a file with --state")?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let of = format!("{gateway} {}", args.access.tenant_digest());
        let name = &hex::encode(sha256(of.as_bytes()))[..16];
        Self::locked(folder.join(format!("listen-{name}.json")))
    }

    fn locked(path: PathBuf) -> Result<Self> {
        let mut lock = path.clone().into_os_string();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(LOCK_MODE)
            .open(&lock)
            .with_context(|| format!("cannot write {}", lock.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: file }),
            Err(TryLockError::WouldBlock) => bail!(
                "another 'fluxgate listen' goes by {}; stop it, or name another file with --state",
                path.display()
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", lock.display()))
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `None` before the first start.
    pub(super) fn read(&self) -> Result<Option<State>> {
        let path = self.path.display();
        let text = match std::fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {path}"))?,
        };
        match json::read(&text, JsonBounds::DOCUMENT) {
            Ok(state) if State::is_sound(&state) => Ok(Some(state)),
            _ => bail!(
                "{path} is not what 'fluxgate listen' wrote; delete it, or name another file with --state"
            ),
        }
    }

    pub(super) fn write(&self, state: &State) -> Result<()> {
        let text = serde_json::to_string_pretty(state)?;
        private::write(&self.path, &text)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// As the XDG Base Directory Specification has it.
fn state_folder() -> Option<PathBuf> {
    let set = |name: &str| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let folder = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(folder.join("fluxgate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_or_an_id_that_no_gateway_gives_is_not_used() {
        let state = |endpoint: &str, secret: &str| State {
            gateway: "http://127.0.0.1:8080".to_owned(),
            endpoint: endpoint.to_owned(),
            secret: secret.to_owned(),
            after: None,
        };
        let (id, secret) = ("e".repeat(32), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        assert!(state(&id, secret).is_sound());

        for (id, secret) in [
            ("../tenants", secret),
            (&id, "whsec_\u{1b}[2J"),
            (&id, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            (&id, ""),
        ] {
            assert!(!state(id, secret).is_sound(), "{id} {secret:?}");
        }
    }
}
