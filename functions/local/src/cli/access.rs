//! Which gateway a command calls, and as which tenant.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use fluxgate_core::id::TenantId;

use super::FolderArgs;
use crate::client::TenantClient;
use crate::folder::noted_server;
use crate::values::http_url;

/// Where `serve` listens by default.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Lifetime of the token made for one command.
const TOKEN_MS: u64 = 3_600_000;

#[derive(Args)]
pub(super) struct AccessArgs {
    /// The tenant to speak for, with a token of the local issuer
    #[arg(long)]
    tenant: Option<TenantId>,
    /// A token of your own issuer instead [env: FLUXGATE_TOKEN, if no --tenant is given]
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
                let folder = self.folder.reader()?;
                folder.token(tenant, TOKEN_MS).await?
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

    /// Only the server that serves this folder accepts the folder's tokens.
    fn gateway(&self) -> Result<String> {
        let data = &self.folder.data;
        if self.url.is_none() && self.tenant.is_some() && noted_server(data).is_none() {
            bail!(
                "no server is serving {}: start one with 'fluxgate serve --data {}', or name one with --url",
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

    /// How to find a task whose id never arrived.
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

/// The named gateway, or else the one that serves the folder.
pub(super) fn gateway_url(named: Option<&str>, data: &Path) -> String {
    named
        .map(str::to_owned)
        .or_else(|| noted_server(data))
        .unwrap_or_else(|| DEFAULT_URL.to_owned())
}

/// Any http or https URL, kept as it was written.
pub(super) fn written_url(text: &str) -> Result<String> {
    http_url(text).map(|_| text.to_owned())
}

/// Quoted for a shell.
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
