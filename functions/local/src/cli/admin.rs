//! Which installation an operator's command is about: one elsewhere, or that of a data folder.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::secret::Secret;
use fluxgate_embedded::SqliteStore;
use fluxgate_embedded::sqlite::FolderLock;

use super::DEFAULT_FOLDER;
use super::access::{quoted, written_url};
use super::exit::usage;
use super::print::PrintArgs;
use super::variables::{ADMIN_TOKEN as TOKEN, ADMIN_URL as URL, DATA, variable};
use crate::client::{Admin, FolderAdmin, RemoteAdmin, is_function_url};
use crate::folder::{DataFolder, FolderSecrets, noted_server};
use crate::settings::Settings;

#[derive(Args, Clone)]
#[command(next_help_heading = "Which installation")]
pub(super) struct AdminArgs {
    /// One elsewhere, by the URL of its admin API [env: FLUXGATE_ADMIN_URL]
    #[arg(long, value_name = "URL", value_parser = written_url, conflicts_with = "data")]
    pub(super) url: Option<String>,
    /// A file with its admin token [default: the token in the variable FLUXGATE_ADMIN_TOKEN]
    #[arg(long, value_name = "FILE")]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Sign calls with AWS credentials, as for a Lambda function URL, whose calls are always signed
    #[arg(long, conflicts_with_all = ["admin_token_file", "data"])]
    pub(super) sigv4: bool,
    /// The one on this machine with this data folder [env: FLUXGATE_DATA] [default: fluxgate-data]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<PathBuf>,
}

/// Of an operator's command that is told what to call, and how to tell the answer, and no more.
#[derive(Args)]
pub(super) struct CallArgs {
    #[command(flatten)]
    pub(super) print: PrintArgs,
    #[command(flatten)]
    pub(super) admin: AdminArgs,
}

/// What goes on where a step ended: the `next` of its answer.
pub(super) fn cursor_query(cursor: Option<&str>) -> Vec<(&'static str, &str)> {
    let cursor = cursor.map(|cursor| ("cursor", cursor));
    cursor.into_iter().collect()
}

enum Place {
    Url(String),
    Folder(PathBuf),
}

/// A data folder that this process holds, so that nobody serves it.
pub(super) struct HeldFolder {
    lock: FolderLock,
    path: PathBuf,
}

impl HeldFolder {
    /// Leaves nothing of what was erased in the log of the folder's database.
    pub(super) fn end_log(&self) -> fluxgate_core::Result<()> {
        SqliteStore::checkpoint(&self.path)
    }
}

impl AdminArgs {
    /// The admin API, for a command that does not need the provider.
    pub(super) fn admin(&self) -> Result<Admin> {
        self.open(FolderAdmin::new)
    }

    /// The admin API, for a command that asks the provider.
    pub(super) fn admin_asking_provider(&self) -> Result<Admin> {
        let settings = Settings::load(None, serde_json::json!({}))?;
        self.open(|folder| FolderAdmin::with_settings(folder, settings))
    }

    /// The admin API of the server that holds the folder, because it knows where it may call, or
    /// else in this process with the settings of the environment.
    pub(super) fn admin_of_server(&self) -> Result<Admin> {
        if let Place::Folder(path) = self.place()?
            && FolderLock::is_held(&path)
            && let Some(url) = noted_server(&path)
        {
            let token = FolderSecrets::open(&path)?.admin_token;
            return Ok(Admin::Remote(RemoteAdmin::with_token(&url, token)?));
        }
        self.admin_asking_provider()
    }

    /// The data folder, if it is one that the command is about. It is made only where it was named,
    /// so that a forgotten --data makes none.
    pub(super) fn folder_to_fill(&self, print: PrintArgs) -> Result<Option<PathBuf>> {
        let Place::Folder(path) = self.place()? else {
            return Ok(None);
        };
        let is_named = self.data.is_some() || variable(DATA).is_some();
        if is_named && !DataFolder::exists(&path) {
            DataFolder::open(&path)?;
            print.note(format_args!(
                "{} is a new data folder; serve it with 'fluxgate serve --data {}'",
                path.display(),
                quoted(&path.to_string_lossy())
            ));
        }
        DataFolder::check_exists(&path)?;
        Ok(Some(path))
    }

    /// The admin API as whoever holds the folder serves it: the server, or else this process, which
    /// holds it meanwhile.
    pub(super) fn admin_of_holder(&self) -> Result<(Admin, Option<FolderLock>)> {
        let (admin, held) = self.held(FolderAdmin::new)?;
        Ok((admin, held.map(|held| held.lock)))
    }

    /// The same, for a command that changes what lies in buckets.
    pub(super) fn admin_of_buckets(&self) -> Result<(Admin, Option<HeldFolder>)> {
        self.held(FolderAdmin::held)
    }

    fn held(&self, open: fn(&Path) -> FolderAdmin) -> Result<(Admin, Option<HeldFolder>)> {
        let Place::Folder(path) = self.place()? else {
            return Ok((self.admin()?, None));
        };
        if !FolderLock::is_held(&path) {
            let admin = self.open(open)?;
            DataFolder::check_exists(&path)?;
            let lock = FolderLock::acquire(&path)?;
            return Ok((admin, Some(HeldFolder { lock, path })));
        }
        let url = noted_server(&path).with_context(|| {
            format!(
                "{} is in use by another process that is no server; wait until it has ended",
                path.display()
            )
        })?;
        let token = FolderSecrets::open(&path)?.admin_token;
        Ok((Admin::Remote(RemoteAdmin::with_token(&url, token)?), None))
    }

    fn open(&self, folder: impl FnOnce(&Path) -> FolderAdmin) -> Result<Admin> {
        match self.place()? {
            Place::Url(url) => Ok(Admin::Remote(self.remote(&url)?)),
            Place::Folder(path) if self.admin_token_file.is_none() && !self.sigv4 => {
                Ok(Admin::Folder(Box::new(folder(&path))))
            }
            Place::Folder(_) => Err(usage(format!(
                "--admin-token-file and --sigv4 are for an installation elsewhere: name it with --url or {URL}"
            ))),
        }
    }

    fn remote(&self, url: &str) -> Result<RemoteAdmin> {
        let is_signed = self.admin_token_file.is_none() && is_function_url(url);
        if self.sigv4 || is_signed {
            return RemoteAdmin::signing(url);
        }
        RemoteAdmin::with_token(url, self.token()?)
    }

    fn place(&self) -> Result<Place> {
        if let Some(url) = &self.url {
            return Ok(Place::Url(url.clone()));
        }
        if let Some(data) = &self.data {
            return Ok(Place::Folder(data.clone()));
        }
        match (variable(URL), variable(DATA)) {
            (Some(_), Some(_)) => Err(usage(format!(
                "{URL} and {DATA} name two installations; say which one with --url or --data"
            ))),
            (Some(url), None) => match written_url(&url) {
                Ok(url) => Ok(Place::Url(url)),
                Err(error) => Err(usage(format!("{URL}: {error:#}"))),
            },
            (None, data) => Ok(Place::Folder(
                data.unwrap_or_else(|| DEFAULT_FOLDER.to_owned()).into(),
            )),
        }
    }

    fn token(&self) -> Result<Secret> {
        let token = match &self.admin_token_file {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
            None => variable(TOKEN).unwrap_or_default(),
        };
        if token.trim().is_empty() {
            return Err(usage(format!(
                "give the admin token: a file with --admin-token-file, or {TOKEN}; on its machine 'fluxgate token --admin' prints it; on AWS give --sigv4 instead"
            )));
        }
        Ok(Secret::new(token.trim()))
    }
}
