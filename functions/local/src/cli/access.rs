//! Which gateway a command calls, and as which tenant.

use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::json::{self, JsonBounds};
use serde_json::{Map, Value};

use super::FolderArgs;
use super::admin::AdminArgs;
use super::exit::{Exit, usage};
use super::variables::{ADMIN_URL, DATA, TOKEN, URL, variable};
use crate::client::TenantClient;
use crate::folder::{FolderSecrets, noted_server};
use crate::values::http_url;

/// Where `serve` listens by default.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Lifetime of the token made for one command.
const TOKEN_MS: u64 = 3_600_000;

#[derive(Args)]
pub(super) struct AccessArgs {
    /// The tenant to speak for, with a token of the local issuer; 'operator' for your own endpoints
    #[arg(long)]
    tenant: Option<TenantId>,
    /// A token of your own issuer instead; the variable is used only without --tenant
    /// [env: FLUXGATE_TOKEN]
    #[arg(long, conflicts_with = "tenant")]
    token: Option<String>,
    /// The gateway [env: FLUXGATE_URL] [default: where the server of the data folder listens, else
    /// http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", value_parser = written_url)]
    url: Option<String>,
    #[command(flatten)]
    folder: FolderArgs,
}

impl AccessArgs {
    pub(super) async fn client(&self) -> Result<TenantClient> {
        let token = match &self.tenant {
            Some(tenant) if tenant.is_operator() => {
                let token = FolderSecrets::open(&self.folder.reader()?.path)?.admin_token;
                return TenantClient::of_operator(&self.gateway()?, token.expose().to_owned());
            }
            Some(tenant) => {
                let folder = self.folder.reader()?;
                folder.token(tenant, TOKEN_MS).await?
            }
            None => self
                .own_token()
                .ok_or_else(|| usage("name a --tenant, or give a --token or FLUXGATE_TOKEN"))?,
        };
        TenantClient::new(&self.gateway()?, token)
    }

    fn own_token(&self) -> Option<String> {
        let written = self.token.clone().or_else(|| variable(TOKEN));
        written.filter(|token| !token.trim().is_empty())
    }

    /// Tells the tenants apart whom commands on this machine speak for. Of a token it is who it
    /// was issued to, which stays the same when the token is renewed.
    pub(super) fn tenant_digest(&self) -> String {
        let who = match &self.tenant {
            Some(tenant) => format!("tenant {tenant}"),
            None => claims(&self.own_token().unwrap_or_default()),
        };
        hex::encode(sha256(who.as_bytes()))
    }

    /// True for the operator's own endpoints, instead of a tenant's.
    pub(super) fn is_operator(&self) -> bool {
        self.tenant.as_ref().is_some_and(TenantId::is_operator)
    }

    /// True when a token can be made anew.
    pub(super) fn makes_tokens(&self) -> bool {
        self.tenant.is_some()
    }

    /// Whom an operator acts for, and by which admin API, if that is what the command line says
    /// by a flag of its own, or the shell where the line names no installation.
    pub(super) fn operated(&self, by_flag: bool) -> Option<(TenantId, AdminArgs)> {
        let tenant = self.tenant.clone()?;
        let names_another = self.url.is_some() || self.folder.data.is_some();
        let by_variable = !names_another && variable(DATA).is_none();
        let is_operator = by_flag || (by_variable && variable(ADMIN_URL).is_some());
        let admin = AdminArgs {
            url: self.url.clone(),
            admin_token_file: None,
            sigv4: false,
            data: self.folder.data.clone(),
        };
        is_operator.then_some((tenant, admin))
    }

    fn named_url(&self) -> Result<Option<String>> {
        named_url(self.url.as_deref())
    }

    /// Only the server that serves this folder accepts the folder's tokens.
    fn gateway(&self) -> Result<String> {
        let (data, named) = (self.folder.path(), self.named_url()?);
        if named.is_none() && self.tenant.is_some() && noted_server(&data).is_none() {
            return Err(Exit::Unreachable.error(format!(
                "no server is serving {}: start one with 'fluxgate serve --data {}', or name one with --url",
                data.display(),
                quoted(&data.to_string_lossy())
            )));
        }
        Ok(gateway_url(named.as_deref(), &data))
    }

    /// The command that fetches a task's outputs later, without the token.
    pub(super) fn download_command(&self, task: &str) -> String {
        let url = self
            .url
            .as_ref()
            .map_or_else(String::new, |url| format!(" --url {}", quoted(url)));
        match &self.tenant {
            Some(tenant) => {
                let data = quoted(&self.folder.path().to_string_lossy());
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
                quoted(&self.folder.path().to_string_lossy())
            ),
            None => "POST /api/v3/predictions".to_owned(),
        }
    }
}

/// The gateway that the command line names, or else the shell.
pub(super) fn named_url(written: Option<&str>) -> Result<Option<String>> {
    match (written, variable(URL)) {
        (Some(url), _) => Ok(Some(url.to_owned())),
        (None, Some(url)) => match written_url(&url) {
            Ok(url) => Ok(Some(url)),
            Err(error) => Err(usage(format!("{URL}: {error:#}"))),
        },
        (None, None) => Ok(None),
    }
}

/// What a token says of its holder; the whole of a token that is not readable.
fn claims(token: &str) -> String {
    let read = || {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let mut claims: Map<String, Value> = json::read(&claims, JsonBounds::DOCUMENT).ok()?;
        for of_this_token in ["exp", "iat", "nbf", "jti"] {
            claims.remove(of_this_token);
        }
        Some(Value::Object(claims).to_string())
    };
    read().unwrap_or_else(|| token.to_owned())
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
pub(super) fn quoted(text: &str) -> String {
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
    fn a_renewed_token_is_the_same_holder_s() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));

        let first = claims(&token(r#"{"sub":"acme","iat":1,"exp":2}"#));

        assert_eq!(first, claims(&token(r#"{"exp":9,"sub":"acme","iat":8}"#)));
        assert_ne!(first, claims(&token(r#"{"sub":"globex","iat":1,"exp":2}"#)));
        assert_eq!(claims("opaque"), "opaque");
    }

    #[test]
    fn a_folder_is_written_as_a_shell_reads_it() {
        assert_eq!(quoted("./data-1/a.b"), "./data-1/a.b");
        assert_eq!(quoted("my data"), "'my data'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
