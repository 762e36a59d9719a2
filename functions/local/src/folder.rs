//! The data folder of one installation: the database, the buckets, and the secrets made at its
//! first use.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::port::{Entropy, SystemClock};
use fluxgate_core::secret::Secret;
use fluxgate_edge::auth::LocalIssuer;
use fluxgate_embedded::SqliteStore;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::private;

/// The `iss` of tokens that `fluxgate token` prints.
pub const LOCAL_ISSUER: &str = "urn:fluxgate:local";
/// Their `aud`.
pub const LOCAL_AUDIENCE: &str = "fluxgate";
/// The claim that names the tenant in them.
pub const TENANT_CLAIM: &str = "tenant";

/// An opened data folder. Several processes may open one; only one may serve it.
pub struct DataFolder {
    pub path: PathBuf,
    pub store: SqliteStore,
    pub secrets: FolderSecrets,
}

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

/// What is secret in a folder, made once.
pub struct FolderSecrets {
    pub issuer: LocalIssuer,
    pub capability: [u8; 32],
    pub s3_access_key: String,
    pub s3_secret_key: Secret,
    /// Whoever bears it may call the admin API.
    pub admin_token: Secret,
}

#[derive(Serialize, Deserialize)]
struct SecretsFile {
    issuer_pkcs8: String,
    capability: String,
    s3_access_key: String,
    s3_secret_key: Secret,
}

/// The kernel's random bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the kernel gives random bits");
    }
}

impl DataFolder {
    /// Opens or creates the folder. Fails with one line that names it.
    pub fn open(path: &Path) -> Result<Self> {
        private::folder(path)
            .with_context(|| format!("the data folder {} cannot be created", path.display()))?;
        let secrets = FolderSecrets::open(path)?;
        let store = SqliteStore::open(path, Arc::new(SystemClock))
            .with_context(|| format!("the data folder {} cannot be opened", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            store,
            secrets,
        })
    }

    /// Opens a folder that must be there already, so that a mistyped path is not taken for a new
    /// installation.
    pub fn open_existing(path: &Path) -> Result<Self> {
        if !path.join("fluxgate.db").is_file() {
            anyhow::bail!(
                "{} is not a data folder; name the one of 'fluxgate serve' with --data, or make one with 'fluxgate tenants add'",
                path.display()
            );
        }
        Self::open(path)
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

    /// The provider of the process that serves this folder, or did last; its emulator may be gone.
    pub fn noted_provider(&self) -> Option<NotedProvider> {
        let text = std::fs::read_to_string(self.path.join(PROVIDER)).ok()?;
        json::read(text.as_bytes(), JsonBounds::DOCUMENT).ok()
    }

    /// Where the buckets lie.
    pub fn buckets(&self) -> PathBuf {
        self.path.join("s3")
    }
}

/// Where the process that serves this folder listens, or the last one that was killed did.
pub fn noted_server(folder: &Path) -> Option<String> {
    std::fs::read_to_string(folder.join(SERVER))
        .ok()
        .map(|url| url.trim().to_owned())
}

/// The file that says which provider is called.
const PROVIDER: &str = "provider.json";
/// Its name while it was for the emulator alone.
const EMULATOR: &str = "emulator.json";
/// The file that names the server's address.
const SERVER: &str = "server-url";

/// The file of the admin token: apart from the other secrets, so that deleting it makes a new one
/// and nothing else.
const ADMIN_TOKEN: &str = "admin-token";

impl FolderSecrets {
    fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("secrets.json");
        let damaged = || format!("{} is damaged; restore it from a backup", path.display());
        let text = made_once(folder, "secrets.json", Self::fresh)?;
        let file: SecretsFile =
            json::read(text.as_bytes(), JsonBounds::DOCUMENT).with_context(damaged)?;
        let admin_token = made_once(folder, ADMIN_TOKEN, || Ok(format!("fga_{}\n", random(32))))?;
        if admin_token.trim().is_empty() {
            anyhow::bail!(
                "{} is empty; delete it, and a new one is made",
                folder.join(ADMIN_TOKEN).display()
            );
        }
        Self::parse(file, Secret::new(admin_token.trim())).with_context(damaged)
    }

    fn fresh() -> Result<String> {
        Ok(serde_json::to_string_pretty(&SecretsFile {
            issuer_pkcs8: STANDARD.encode(LocalIssuer::generate().1),
            capability: random(32),
            s3_access_key: format!("fluxgate{}", random(8)),
            s3_secret_key: Secret::new(random(20)),
        })?)
    }

    fn parse(file: SecretsFile, admin_token: Secret) -> Result<Self> {
        let mut capability = [0; 32];
        hex::decode_to_slice(&file.capability, &mut capability)?;
        Ok(Self {
            issuer: LocalIssuer::from_pkcs8(&STANDARD.decode(&file.issuer_pkcs8)?)?,
            capability,
            s3_access_key: file.s3_access_key,
            s3_secret_key: file.s3_secret_key,
            admin_token,
        })
    }
}

/// The text of a private file that is made at its first use.
fn made_once(folder: &Path, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let path = folder.join(name);
    if !path.exists() {
        create(folder, &path, &make()?)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Written beside and linked into place whole: of two processes at once, the second finds the first
/// one's.
fn create(folder: &Path, path: &Path, text: &str) -> Result<()> {
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(path) {
        Ok(_) => Ok(std::fs::File::open(folder)?.sync_all()?),
        Err(_) if path.exists() => Ok(()),
        Err(error) => Err(error.error.into()),
    }
}

fn random(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    SystemEntropy.fill(&mut random);
    hex::encode(random)
}
