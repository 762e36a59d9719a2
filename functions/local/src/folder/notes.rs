//! What the process that serves a folder notes there for the commands beside it: its provider, its
//! address, its bounds, its other settings that matter to them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;

use anyhow::{Context as _, Result};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::secret::Secret;
use fluxgate_embedded::sqlite::FolderLock;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use super::DataFolder;
use crate::private;
use crate::provider_key::ProviderKey;
use crate::settings::{NotedBounds, Settings};

/// The provider of the process that serves a folder, for the commands that call it.
#[derive(Serialize, Deserialize)]
pub struct NotedProvider {
    pub base_url: String,
    /// Of the emulator, new at each start. A real provider's is kept in no file.
    pub api_key: Option<Secret>,
}

impl NotedProvider {
    /// With the key that is noted, else with this one.
    pub fn with_key(self, key: Option<ProviderKey>) -> Result<(Url, ProviderKey)> {
        let missing = || {
            format!(
                "the server of this data folder uses {}: set WAVESPEED_API_KEY as it has it, to have that asked",
                self.base_url
            )
        };
        let noted = self.api_key.clone().map(ProviderKey::from);
        let key = noted.or(key).with_context(missing)?;
        Ok((Url::parse(&self.base_url)?, key))
    }
}

/// Settings of the process that serves a folder, for the commands that call others as it does.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NotedSettings {
    #[serde(default)]
    allow_net: Vec<IpNet>,
    #[serde(default)]
    provider_rate_per_minute: Option<NonZeroU32>,
    #[serde(default)]
    provider_concurrency: Option<NonZeroU32>,
    /// Where its plain listener is, beside one with TLS.
    #[serde(default)]
    own_address: Option<SocketAddr>,
}

impl NotedSettings {
    pub fn of(settings: &Settings) -> Self {
        Self {
            allow_net: settings.allow_net.clone(),
            provider_rate_per_minute: settings.provider_rate_per_minute,
            provider_concurrency: settings.provider_concurrency,
            own_address: None,
        }
    }

    /// With the address of the plain listener that a server with TLS has for commands.
    #[must_use]
    pub fn with_own_address(self, own_address: Option<SocketAddr>) -> Self {
        Self {
            own_address,
            ..self
        }
    }

    /// A command's settings, and these where it has none of its own.
    fn under(self, own: Settings) -> Settings {
        let allow_net = match own.allow_net.is_empty() {
            true => self.allow_net,
            false => own.allow_net,
        };
        Settings {
            allow_net,
            provider_rate_per_minute: own
                .provider_rate_per_minute
                .or(self.provider_rate_per_minute),
            provider_concurrency: own.provider_concurrency.or(self.provider_concurrency),
            ..own
        }
    }
}

impl DataFolder {
    /// Writes down where the serving process may call, and the limits of its provider's account.
    pub fn note_settings(&self, settings: &NotedSettings) -> Result<()> {
        self.note(SETTINGS, Some(&serde_json::to_string(settings)?))
    }

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

/// The settings of a command over a folder: its own, and under them those of the server that now
/// serves it.
pub fn settings_of_commands(folder: &Path, own: Settings) -> Settings {
    let noted = FolderLock::is_held(folder).then(|| noted_settings(folder));
    match noted.flatten() {
        Some(noted) => noted.under(own),
        None => own,
    }
}

fn noted_settings(folder: &Path) -> Option<NotedSettings> {
    let text = std::fs::read_to_string(folder.join(SETTINGS)).ok()?;
    json::read(text.as_bytes(), JsonBounds::DOCUMENT).ok()
}

/// Where the server that held this folder last had its plain listener, if it had TLS. Commands that
/// wait through a restart go on asking there.
pub fn noted_own_address(folder: &Path) -> Option<SocketAddr> {
    let noted = noted_settings(folder)?.own_address;
    noted.filter(|address| address.ip().is_loopback())
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

/// What every start of a server writes once the folder is open.
pub(super) fn of_server(folder: &Path) -> std::path::PathBuf {
    folder.join(BOUNDS)
}

/// The file of the server's bounds.
const BOUNDS: &str = "bounds.json";
/// The file of what else commands do as the server does.
const SETTINGS: &str = "server-settings.json";
/// The file that says which provider is called.
const PROVIDER: &str = "provider.json";
/// Its name while it was for the emulator alone.
const EMULATOR: &str = "emulator.json";
/// The file that names the server's address.
const SERVER: &str = "server-url";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_beside_a_server_has_its_settings_unless_it_has_its_own() {
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(place.path()).unwrap();
        let limit = NonZeroU32::new;
        let nets = |text: &str| vec![text.parse::<IpNet>().unwrap()];
        let served = Settings {
            allow_net: nets("127.0.0.0/8"),
            provider_rate_per_minute: limit(60),
            provider_concurrency: limit(4),
            ..Settings::default()
        };
        folder.note_settings(&NotedSettings::of(&served)).unwrap();
        let of = |own| settings_of_commands(place.path(), own);

        let alone = of(Settings::default());
        let _lock = FolderLock::acquire(place.path()).unwrap();
        let beside = of(Settings::default());
        let own = of(Settings {
            allow_net: nets("10.0.0.0/8"),
            provider_rate_per_minute: limit(7),
            ..Settings::default()
        });

        assert!(alone.allow_net.is_empty() && alone.provider_concurrency.is_none());
        assert_eq!(beside.allow_net, served.allow_net);
        assert_eq!(beside.capacity(), served.capacity());
        assert_eq!(own.allow_net, nets("10.0.0.0/8"));
        assert_eq!(
            (own.provider_rate_per_minute, own.provider_concurrency),
            (limit(7), limit(4))
        );
    }
}
