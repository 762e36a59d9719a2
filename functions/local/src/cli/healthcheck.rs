//! `fluxgate healthcheck`: whether requests should be sent to the server of a data folder.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::FolderArgs;
use super::access::{gateway_url, written_url};
use super::exit::Exit;
use super::print::{Facts, PrintArgs};
use super::variables::{URL, variable};
use crate::client::unanswered;
use crate::folder::DataFolder;

const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(super) struct HealthcheckArgs {
    /// The gateway to ask [env: FLUXGATE_URL] [default: where the server of the data folder
    /// listens, else http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", value_parser = written_url)]
    url: Option<String>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Exit code 6 unless `/readyz` says yes; another for a folder that was named and is not there.
pub(super) async fn run(args: HealthcheckArgs) -> Result<()> {
    let named = args.url.clone().or_else(|| variable(URL));
    let folder = args.folder.path();
    if named.is_none() && args.folder.is_named() && !folder.exists() {
        DataFolder::check_exists(&folder)?;
    }
    let url = gateway_url(named.as_deref(), &folder);
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .build()?;
    let ready = http.get(format!("{}/readyz", url.trim_end_matches('/')));
    let answer = ready
        .send()
        .await
        .map_err(|error| unanswered(&url, &error))?;
    let status = answer.status();
    if !status.is_success() {
        let text = answer.text().await.unwrap_or_default();
        return Err(Exit::Unreachable.error(format!(
            "{url} is not ready ({}): {}",
            status.as_u16(),
            text.trim()
        )));
    }
    args.print.print(&Facts {
        json: json!({ "ready": true, "url": url }),
        quiet: String::new(),
        text: format!("{url} is ready"),
    })
}
