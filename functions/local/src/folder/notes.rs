//! What the process that serves a folder notes there for the commands beside it: its provider, its
//! address, its bounds.

use std::path::Path;

use anyhow::{Context as _, Result};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::secret::Secret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::DataFolder;
use crate::private;
use crate::settings::NotedBounds;

/// The provider of the process that serves a folder, for the commands that call it.
#[derive(Serialize, Deserialize)]
pub struct NotedProvider {
    pub base_url: String,
    /// Of the emulator, new at each start. A real provider's is kept in no file.
    pub api_key: Option<Secret>,
}

impl NotedProvider {
    /// With the key that is noted, else with this one.
    pub fn with_key(self, key: Option<Secret>) -> Result<(Url, Secret)> {
        let missing = || {
            format!(
                "the server of this data folder uses {}: set WAVESPEED_API_KEY as it has it, to have that asked",
                self.base_url
            )
        };
        let key = self.api_key.or(key).with_context(missing)?;
        Ok((Url::parse(&self.base_url)?, key))
    }
}

impl DataFolder {
    /// Writes down the bounds of the serving process, for the commands beside it.
    pub fn note_bounds(&self, bounds: &NotedBounds) -> Result<()> {
        self.note(BOUNDS, Some(&serde_json::to_string(bounds)?))
    }

    /// Writes down which provider the serving process calls.
    pub fn note_provider(&self, provider: &NotedProvider) -> Result<()> {
        self.note(EMULATOR, None)?;
        self.note(PROVIDER, Some(&serde_json::to_string(provider)?))
    }

    /// Writes down where the serving process listens, for the commands that call it; or that none
    /// does any more.
    pub fn note_server(&self, base_url: Option<&str>) -> Result<()> {
        self.note(SERVER, base_url)
    }

    fn note(&self, name: &str, text: Option<&str>) -> Result<()> {
        let path = self.path.join(name);
        let noted = match text {
            Some(text) => private::write(&path, text),
            None => std::fs::remove_file(&path).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
        };
        noted.with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// The provider of the process that serves this folder, or did last; its emulator may be gone.
pub fn noted_provider(folder: &Path) -> Option<NotedProvider> {
    let text = std::fs::read_to_string(folder.join(PROVIDER)).ok()?;
    json::read(text.as_bytes(), JsonBounds::DOCUMENT).ok()
}

/// Where the process that serves this folder listens, or the last one that was killed did.
pub fn noted_server(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join(SERVER))
        .ok()
        .map(|url| url.trim().to_owned())
}

/// The bounds of the process that serves this folder, or did last, and over them those that the
/// environment sets.
pub(super) fn bounds_of_commands(folder: &Path) -> Result<Bounds> {
    let path = folder.join(BOUNDS);
    let unreadable = || {
        format!(
            "{} cannot be read; the next start of 'fluxgate serve' writes it anew",
            path.display()
        )
    };
    match std::fs::read(&path) {
        Ok(text) => json::read::<NotedBounds>(&text, JsonBounds::DOCUMENT)
            .with_context(unreadable)?
            .with_environment(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            NotedBounds::default().with_environment()
        }
        Err(error) => Err(error).with_context(unreadable),
    }
}

/// The file of the server's bounds.
const BOUNDS: &str = "bounds.json";
/// The file that says which provider is called.
const PROVIDER: &str = "provider.json";
/// Its name while it was for the emulator alone.
const EMULATOR: &str = "emulator.json";
/// The file that names the server's address.
const SERVER: &str = "server-url";
