//! `fluxgate capability-keys status|rotate|retire`.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::admin::CallArgs;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct CapabilityKeysArgs {
    #[command(subcommand)]
    command: CapabilityKeysCommand,
}

#[derive(Subcommand)]
enum CapabilityKeysCommand {
    /// Show which keys sign webhook paths and, on AWS, links to outputs
    Status(CallArgs),
    /// Add a key, which signs from now on; what the old one signed works until it is retired
    Rotate(CallArgs),
    /// Drop the old key, once no link that it signed works any more
    Retire {
        /// Drop it now: links that it signed end, and polling completes the tasks whose webhooks do
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        call: CallArgs,
    },
}

pub(super) async fn run(args: CapabilityKeysArgs) -> Result<()> {
    match args.command {
        CapabilityKeysCommand::Status(call) => {
            let keys = call.admin.admin()?.get("/capability-keys", &[]).await?;
            told(call.print, &keys)
        }
        CapabilityKeysCommand::Rotate(call) => change(&call, "rotate", &[]).await,
        CapabilityKeysCommand::Retire { force, call } => {
            let forced = [("force", "true")];
            change(&call, "retire", if force { &forced } else { &[] }).await
        }
    }
}

/// What the admin API tells of the keys.
#[derive(Deserialize, Serialize)]
struct KeysAnswer {
    active_key: String,
    old_keys: Vec<String>,
    links_end_at: Option<String>,
}

async fn change(call: &CallArgs, how: &str, query: &[(&str, &str)]) -> Result<()> {
    let (admin, _lock) = call.admin.admin_of_holder()?;
    let path = format!("/capability-keys/{how}");
    let keys = admin.call(Method::POST, &path, query, None).await?;
    told(call.print, &keys)
}

fn told(print: PrintArgs, keys: &KeysAnswer) -> Result<()> {
    let mut text = format!("{}  active", keys.active_key);
    for key in &keys.old_keys {
        text += &format!("\n{key}  old");
        if let Some(end) = &keys.links_end_at {
            text += &format!(", needed until {end}");
        }
    }
    print.print(&Facts {
        json: json!(keys),
        quiet: keys.active_key.clone(),
        text,
    })
}
