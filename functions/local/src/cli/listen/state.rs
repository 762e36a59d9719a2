//! What a restart goes on from, in a file that its owner alone can read: it holds a secret.

use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fluxgate_core::digest::sha256;
use fluxgate_core::json::{self, JsonBounds};
use serde::{Deserialize, Serialize};

use super::ListenArgs;
use crate::private;

const FOLDER_MODE: u32 = 0o700;

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

pub(super) struct StateFile(PathBuf);

impl StateFile {
    /// The one that is named, or that of this gateway and tenant.
    pub(super) fn of(args: &ListenArgs, gateway: &str) -> Result<Self> {
        if let Some(path) = &args.state {
            return Ok(Self(path.clone()));
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
        Ok(Self(folder.join(format!("listen-{name}.json"))))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// `None` before the first start.
    pub(super) fn read(&self) -> Result<Option<State>> {
        let path = self.0.display();
        let text = match std::fs::read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {path}"))?,
        };
        match json::read(&text, JsonBounds::DOCUMENT) {
            Ok(state) => Ok(Some(state)),
            Err(_) => bail!(
                "{path} is not what 'fluxgate listen' wrote; delete it, or name another file with --state"
            ),
        }
    }

    pub(super) fn write(&self, state: &State) -> Result<()> {
        let text = serde_json::to_string_pretty(state)?;
        private::write(&self.0, &text).with_context(|| format!("cannot write {}", self.0.display()))
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
