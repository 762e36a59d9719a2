//! Which gateway a command calls, and as whom.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use fluxgate_core::id::TenantId;

use super::FolderArgs;
use crate::client::TenantClient;
use crate::folder::{DataFolder, noted_server};
use crate::values::http_url;

/// Where 'serve' listens unless it is told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Of a token for one command.
const TOKEN_MS: u64 = 3_600_000;

#[derive(Args)]
pub(super) struct AccessArgs {
    /// The tenant to speak for, with a token of the local issuer
    #[arg(long)]
    tenant: Option<TenantId>,
    /// A token of your own issuer instead [env: FLUXGATE_TOKEN, where no --tenant is named]
    #[arg(long, conflicts_with = "tenant")]
    token: Option<String>,
    /// The gateway [default: where the server of the data folder listens, else
    /// http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", value_parser = written_url)]
    url: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

impl AccessArgs {
    pub(super) async fn client(&self) -> Result<TenantClient> {
        let token = match &self.tenant {
            Some(tenant) => {
                DataFolder::open_existing(&self.folder.data)?
                    .token(tenant, TOKEN_MS)
                    .await?
            }
            None => self
                .own_token()
                .context("name a --tenant, or give a --token or FLUXGATE_TOKEN")?,
        };
        TenantClient::new(&self.gateway()?, token)
    }

    fn own_token(&self) -> Option<String> {
        self.token
            .clone()
            .or_else(|| std::env::var("FLUXGATE_TOKEN").ok())
            .filter(|token| !token.trim().is_empty())
    }

    /// Only the server of the folder takes the folder's tokens.
    fn gateway(&self) -> Result<String> {
        let data = &self.folder.data;
        if self.url.is_none() && self.tenant.is_some() && noted_server(data).is_none() {
            bail!(
                "no server serves {}: start one with 'fluxgate serve --data {}', or name another with --url",
                data.display(),
                quoted(&data.to_string_lossy())
            );
        }
        Ok(gateway_url(self.url.as_deref(), data))
    }

    /// The command that fetches a task's outputs later, without the token.
    pub(super) fn download_command(&self, task: &str) -> String {
        let url = self
            .url
            .as_ref()
            .map_or_else(String::new, |url| format!(" --url {}", quoted(url)));
        match &self.tenant {
            Some(tenant) => {
                let data = quoted(&self.folder.data.to_string_lossy());
                format!("fluxgate download {task} --tenant {tenant} --data {data}{url}")
            }
            None => format!("FLUXGATE_TOKEN=… fluxgate download {task}{url}"),
        }
    }

    /// How to find a task whose name never arrived.
    pub(super) fn list_command(&self) -> String {
        match &self.tenant {
            Some(tenant) => format!(
                "fluxgate tasks {tenant} --data {}",
                quoted(&self.folder.data.to_string_lossy())
            ),
            None => "POST /api/v3/predictions".to_owned(),
        }
    }
}

/// The gateway that was named, else the one that serves the folder.
pub(super) fn gateway_url(named: Option<&str>, data: &Path) -> String {
    named
        .map(str::to_owned)
        .or_else(|| noted_server(data))
        .unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// Any http or https URL, as it was written.
pub(super) fn written_url(text: &str) -> Result<String> {
    http_url(text).map(|_| text.to_owned())
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_as_a_shell_reads_it() {
        assert_eq!(quoted("./data-1/a.b"), "./data-1/a.b");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
