//! Which provider a server or a command asks, and the emulator in this process.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::secret::Secret;
use fluxgate_embedded::sqlite::FolderLock;
use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_outbound::{Guard, WaveSpeedClient};

use super::wiring;
use crate::connections::Listeners;
use crate::folder::{NotedProvider, noted_provider};
use crate::pictures;
use crate::settings::{ProviderChoice, Settings};

/// The provider for a command that runs apart from the server: the one in FLUXGATE_PROVIDER, else
/// that of the server that now serves the folder, else the one implied by the key.
pub(crate) fn provider_of(
    folder: &Path,
    bounds: &Bounds,
    settings: &Settings,
) -> Result<Arc<WaveSpeedClient>> {
    let is_served = FolderLock::is_held(folder);
    let noted = noted_provider(folder).filter(|_| is_served);
    let provider = match (settings.provider.is_some(), noted) {
        (false, Some(noted)) => noted.with_key(settings.provider_key.clone())?,
        (_, noted) => match settings.provider()? {
            ProviderChoice::Remote { url, key } => (url, key),
            ProviderChoice::Emulator => {
                let text = "the emulator runs inside 'fluxgate serve': start that first, or set FLUXGATE_PROVIDER to a provider";
                noted
                    .filter(|noted| noted.api_key.is_some())
                    .context(text)?
                    .with_key(None)?
            }
        },
    };
    Ok(Arc::new(wiring::provider_client(
        provider,
        bounds.provider_timeout_ms,
    )?))
}

/// The provider in the settings, and its name for messages; `None` for the emulator.
pub(crate) fn named_provider(settings: &Settings) -> Result<Option<(String, WaveSpeedClient)>> {
    let ProviderChoice::Remote { url, key } = settings.provider()? else {
        return Ok(None);
    };
    let name = url.origin().ascii_serialization();
    Ok(Some((
        name,
        wiring::provider_client((url, key), settings.bounds.bounds(true).provider_timeout_ms)?,
    )))
}

/// Where the folder's emulator listened before: tasks under way have its links. A note without a
/// key is of a real provider.
fn emulator_address(folder: &Path) -> Option<SocketAddr> {
    let noted = noted_provider(folder).filter(|noted| noted.api_key.is_some())?;
    let address = noted.base_url.strip_prefix("http://")?.parse();
    address
        .ok()
        .filter(|address: &SocketAddr| address.ip().is_loopback())
}

/// It can only reach addresses that a tenant's callback could reach.
pub(super) async fn start_emulator(
    settings: &Settings,
    listeners: &Listeners,
    guard: &Guard,
) -> Result<Option<Emulator>> {
    match settings.provider()? {
        ProviderChoice::Emulator => {
            let config = EmulatorConfig {
                connections: listeners.emulator.clone(),
                pictures: Some(pictures::through(guard)),
                forgotten_runs_fail: true,
                ..EmulatorConfig::default()
            };
            if let Some(listen) = emulator_address(&settings.data) {
                let config = EmulatorConfig {
                    listen,
                    ..config.clone()
                };
                // Another program may have the port by now.
                if let Ok(emulator) = Emulator::start(config).await {
                    return Ok(Some(emulator));
                }
            }
            let emulator = Emulator::start(config).await;
            Ok(Some(emulator.context("cannot start the emulator")?))
        }
        ProviderChoice::Remote { .. } => Ok(None),
    }
}

pub(super) fn provider_note(
    settings: &Settings,
    emulator: Option<&Emulator>,
) -> Result<NotedProvider> {
    Ok(match (emulator, settings.provider()?) {
        (Some(emulator), _) => NotedProvider {
            base_url: emulator.base_url(),
            api_key: Some(Secret::new(emulator.api_key())),
        },
        (None, ProviderChoice::Remote { url, .. }) => NotedProvider {
            base_url: url.to_string(),
            api_key: None,
        },
        (None, ProviderChoice::Emulator) => anyhow::bail!("the emulator was not started"),
    })
}
