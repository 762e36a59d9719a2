//! The data folder of one installation: the database, the buckets, and the secrets, which are
//! generated on first use.

mod notes;
mod reader;
pub(crate) mod secrets_file;
mod token_file;

use std::fmt::{self, Display};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_core::app::{AdminAccess, Capability};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::port::{Entropy as _, SystemClock, SystemEntropy};
use fluxgate_core::seal::KeyRing;
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::{CapabilityKeys, KeyForm};
use fluxgate_edge::auth::LocalIssuer;
use fluxgate_embedded::SqliteStore;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{key_ring, private};
use notes::bounds_of_commands;
pub use notes::{
    NotedProvider, NotedSettings, noted_own_address, noted_provider, noted_server,
    settings_of_commands,
};
pub use reader::FolderReader;
use token_file::TokenFile;

/// The `iss` of tokens that `fluxgate token` prints.
pub const LOCAL_ISSUER: &str = "urn:fluxgate:local";
/// Their `aud`.
pub const LOCAL_AUDIENCE: &str = "fluxgate";
/// The claim in them that names the tenant.
pub const TENANT_CLAIM: &str = "tenant";

/// An open data folder. Several processes may have it open; only one may serve it.
pub struct DataFolder {
    pub path: PathBuf,
    pub store: SqliteStore,
    pub secrets: FolderSecrets,
    pub(crate) bounds: Arc<Bounds>,
}

/// The secrets of a folder, generated once.
pub struct FolderSecrets {
    pub issuer: LocalIssuer,
    pub s3_access_key: String,
    pub s3_secret_key: Secret,
    /// The folder's own admin token.
    pub admin_token: Secret,
}

#[derive(Serialize, Deserialize)]
struct SecretsFile {
    issuer_pkcs8: String,
    /// One key, or a ring of them once they were rotated.
    capability: Value,
    s3_access_key: String,
    s3_secret_key: Secret,
}

impl DataFolder {
    /// Opens or creates the folder, with the bounds of whoever serves it. Fails with one line that
    /// names it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, bounds_of_commands(path)?)
    }

    /// Opens or creates the folder with these bounds, whatever was noted.
    pub fn open_with(path: &Path, bounds: Bounds) -> Result<Self> {
        private::folder(path)
            .with_context(|| format!("cannot create the data folder {}", path.display()))?;
        check_not_lost(path)?;
        let secrets = FolderSecrets::open(path)?;
        let store = SqliteStore::open(path, Arc::new(SystemClock))
            .with_context(|| format!("cannot open the data folder {}", path.display()))?;
        store.set_polls_per_second(bounds.polls_per_second);
        key_ring::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            store,
            secrets,
            bounds: Arc::new(bounds),
        })
    }

    /// True if there is one at this path.
    pub fn exists(path: &Path) -> bool {
        path.join(DATABASE).is_file()
    }

    /// Fails unless there is one at this path.
    pub fn check_exists(path: &Path) -> Result<()> {
        check_is_one(path)
    }

    /// Opens a folder that must exist, so that a mistyped path is not taken for a new installation.
    pub fn open_existing(path: &Path) -> Result<Self> {
        check_is_one(path)?;
        Self::open(path)
    }

    /// What signs the links of this folder.
    pub fn capability(&self) -> fluxgate_core::Result<Capability> {
        key_ring::capability(&self.path)
    }

    /// Who may call the admin API of this folder.
    pub(crate) fn admin_access(&self) -> Arc<AdminAccess> {
        access(&self.store, &self.path)
    }

    /// Where the buckets lie.
    pub fn buckets(&self) -> PathBuf {
        buckets(&self.path)
    }
}

/// Who may call the admin API of a folder.
pub(crate) fn access(store: &SqliteStore, folder: &Path) -> Arc<AdminAccess> {
    Arc::new(AdminAccess::new(
        Arc::new(store.clone()),
        Arc::new(TokenFile::of(folder)),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    ))
}

/// Where the buckets of a folder lie.
pub(crate) fn buckets(folder: &Path) -> PathBuf {
    folder.join("s3")
}

/// What makes a folder a data folder.
const DATABASE: &str = "fluxgate.db";
pub(crate) const SECRETS: &str = "secrets.json";

/// There is no data folder at this path.
#[derive(Debug)]
pub struct NoFolder(PathBuf);

impl Display for NoFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not a data folder; name the one of 'fluxgate serve' with --data, or make one with 'fluxgate tenants add NAME --data DIR'",
            self.0.display()
        )
    }
}

impl std::error::Error for NoFolder {}

/// Every command that opens a folder which must be there asks this first.
fn check_is_one(path: &Path) -> Result<()> {
    check_not_lost(path)?;
    if !DataFolder::exists(path) {
        return Err(NoFolder(path.to_owned()).into());
    }
    Ok(())
}

/// What is made after the database: beside any of it, one that is missing or empty was lost. SQLite
/// takes a file of one byte for an empty one.
fn check_not_lost(path: &Path) -> Result<()> {
    let database = path.join(DATABASE);
    let is_empty = database.metadata().map_or(true, |it| it.len() <= 1);
    let made_later = [
        key_ring::path(path),
        notes::of_server(path),
        buckets(path).join(".fluxgate"),
    ];
    let Some(later) = made_later.iter().find(|it| is_empty && it.exists()) else {
        return Ok(());
    };
    bail!(
        "{} is missing or empty, and {} shows that it was in use; restore the folder from a backup by 'fluxgate restore'. \
         To begin anew without its data, move the whole folder away",
        database.display(),
        later.display()
    )
}

impl FolderSecrets {
    /// Those of a folder that is there. What is missing is made, but for the secrets of a folder
    /// that has tenants: they are made anew only where somebody said so.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(SECRETS);
        let damaged = || format!("{} is damaged; restore it from a backup", path.display());
        secrets_file::renew_if_told(&path, Self::fresh)?;
        let text = made_once(folder, SECRETS, || {
            secrets_file::check_unneeded(folder, &path)?;
            Self::fresh()
        })?;
        let file: SecretsFile =
            json::read(text.as_bytes(), JsonBounds::DOCUMENT).with_context(damaged)?;
        Self::parse(file, token_file::open(folder)?).with_context(damaged)
    }

    /// Fails where the secrets are missing or damaged. Makes nothing.
    pub(crate) fn verify(folder: &Path) -> Result<()> {
        let path = folder.join(SECRETS);
        let unusable = |what: &str| {
            let path = path.display();
            format!("{path} {what}; restore it from a backup: links and tokens depend on it")
        };
        let text = std::fs::read(&path).with_context(|| unusable("cannot be read"))?;
        let file: SecretsFile =
            json::read(&text, JsonBounds::DOCUMENT).with_context(|| unusable("is damaged"))?;
        let parsed = Self::parse(file, Secret::new(""));
        parsed.map(drop).with_context(|| unusable("is damaged"))
    }

    fn fresh() -> Result<String> {
        Ok(serde_json::to_string_pretty(&SecretsFile {
            issuer_pkcs8: STANDARD.encode(LocalIssuer::generate().1),
            capability: Value::String(random(32)),
            s3_access_key: format!("fluxgate{}", random(8)),
            s3_secret_key: Secret::new(random(20)),
        })?)
    }

    fn parse(file: SecretsFile, admin_token: Secret) -> Result<Self> {
        let capability = KeyRing::of_links(&key_ring::text_of(&file.capability))?;
        CapabilityKeys::of(&capability, KeyForm::Hex)?;
        Ok(Self {
            issuer: LocalIssuer::from_pkcs8(&STANDARD.decode(&file.issuer_pkcs8)?)?,
            s3_access_key: file.s3_access_key,
            s3_secret_key: file.s3_secret_key,
            admin_token,
        })
    }
}

/// The content of a private file that is created on first use.
fn made_once(folder: &Path, name: &str, make: impl FnOnce() -> Result<String>) -> Result<String> {
    let path = folder.join(name);
    if !path.exists() {
        create(folder, &path, &make()?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Written to a temporary file and linked into place: if two processes race, the second reads the
/// file of the first.
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
