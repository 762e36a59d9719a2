//! `fluxgate capability-keys status|rotate|retire`.

use anyhow::Result;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};
use crate::client::Admin;

#[derive(Args)]
pub(super) struct CapabilityKeysArgs {
    #[command(subcommand)]
    command: CapabilityKeysCommand,
}

#[derive(Subcommand)]
enum CapabilityKeysCommand {
    /// Show which keys sign webhook paths and, on AWS, links to outputs
    Status {
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Add a key, which signs from now on; what the old one signed works until it is retired
    Rotate {
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Drop the old key, once no link that it signed works any more
    Retire {
        /// Drop it now: links that it signed end, and polling completes the tasks whose webhooks do
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

pub(super) async fn run(args: CapabilityKeysArgs) -> Result<()> {
    match args.command {
        CapabilityKeysCommand::Status { print, admin } => {
            let keys = admin.admin()?.get("/capability-keys", &[]).await?;
            told(print, &keys)
        }
        CapabilityKeysCommand::Rotate { print, admin } => {
            let (admin, _lock) = admin.admin_of_holder()?;
            told(print, &changed(&admin, "rotate", false).await?)
        }
        CapabilityKeysCommand::Retire {
            force,
            print,
            admin,
        } => {
            let (admin, _lock) = admin.admin_of_holder()?;
            told(print, &changed(&admin, "retire", force).await?)
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

async fn changed(admin: &Admin, how: &str, force: bool) -> Result<KeysAnswer> {
    let query: &[(&str, &str)] = match force {
        true => &[("force", "true")],
        false => &[],
    };
    let path = format!("/capability-keys/{how}");
    admin.call(Method::POST, &path, query, None).await
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
