//! `fluxgate admin-tokens create|list|rotate|revoke`.

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::admin::AdminScope;
use fluxgate_core::id::AdminTokenName;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};
use crate::values::duration_ms;

#[derive(Args)]
pub(super) struct AdminTokensArgs {
    #[command(subcommand)]
    command: AdminTokensCommand,
}

#[derive(Subcommand)]
enum AdminTokensCommand {
    /// Make a token, and print it: it is shown only now
    Create {
        /// What the audit log calls it, such as 'ci'
        name: AdminTokenName,
        /// What it may do: read, write, money, metrics; separated by commas
        #[arg(
            long,
            value_name = "SCOPES",
            value_delimiter = ',',
            required = true,
            value_parser = AdminScope::parse
        , alias = "scope")]
        scopes: Vec<AdminScope>,
        /// How long it works, such as 12h or 90d, or 'never' for one without an end
        #[arg(long, value_name = "TIME", default_value = "90d", value_parser = lifetime)]
        expires: Lifetime,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// List the tokens, but not what they are; 'folder' is the one of 'fluxgate token --admin'
    List {
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Replace a token by a new one with the same scopes and lifetime, and print that
    Rotate {
        /// Its name; 'folder' for the data folder's own
        name: AdminTokenName,
        /// How long the old one works beside the new one; 0s revokes it at once
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration_ms)]
        overlap: u64,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Revoke a token: within two seconds it works no more
    Revoke {
        /// Its name
        name: AdminTokenName,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// `None` never expires.
#[derive(Clone, Copy)]
struct Lifetime(Option<u64>);

fn lifetime(text: &str) -> Result<Lifetime> {
    if text == "never" {
        return Ok(Lifetime(None));
    }
    duration_ms(text).map(|ms| Lifetime(Some(ms)))
}

#[derive(Deserialize, Serialize)]
struct TokenAnswer {
    name: String,
    scopes: Vec<AdminScope>,
    created_at: Option<String>,
    created_by: Option<String>,
    rotated_at: Option<String>,
    expires_at: Option<String>,
    expired: bool,
    old_works_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

pub(super) async fn run(args: AdminTokensArgs) -> Result<()> {
    match args.command {
        AdminTokensCommand::Create {
            name,
            scopes,
            expires,
            print,
            admin,
        } => {
            let body = json!({
                "name": name, "scopes": scopes,
                "expires_in_s": expires.0.map(|ms| ms / 1_000),
            });
            made(&admin.admin()?.post("/tokens", &body).await?, print)
        }
        AdminTokensCommand::List { print, admin } => {
            list(&admin.admin()?.get::<Vec<_>>("/tokens", &[]).await?, print)
        }
        AdminTokensCommand::Rotate {
            name,
            overlap,
            print,
            admin,
        } => {
            let path = format!("/tokens/{name}/rotate");
            let body = json!({ "overlap_s": overlap / 1_000 });
            made(&admin.admin()?.post(&path, &body).await?, print)
        }
        AdminTokensCommand::Revoke { name, print, admin } => {
            let path = format!("/tokens/{name}");
            admin.admin()?.delete(&path, &[]).await?;
            print.print(&Facts {
                json: json!({ "name": name, "revoked": true }),
                quiet: name.to_string(),
                text: format!("the admin token '{name}' is revoked"),
            })
        }
    }
}

/// The token alone goes to standard output, so that it can be piped into a secret store.
fn made(answer: &TokenAnswer, print: PrintArgs) -> Result<()> {
    print.note(format_args!("{}; it is shown only now", line(answer)));
    let token = answer.token.clone().unwrap_or_default();
    print.print(&Facts {
        json: serde_json::to_value(answer)?,
        quiet: token.clone(),
        text: token,
    })
}

fn list(answers: &[TokenAnswer], print: PrintArgs) -> Result<()> {
    print.print(&Facts {
        json: Value::Array(
            answers
                .iter()
                .map(serde_json::to_value)
                .collect::<Result<_, _>>()?,
        ),
        quiet: answers.iter().map(|it| format!("{}\n", it.name)).collect(),
        text: answers.iter().map(|it| format!("{}\n", line(it))).collect(),
    })
}

fn line(answer: &TokenAnswer) -> String {
    let scopes: Vec<_> = answer.scopes.iter().map(|scope| scope.as_str()).collect();
    let end = match (&answer.expires_at, answer.expired) {
        (None, _) => "never expires".to_owned(),
        (Some(at), false) => format!("expires {at}"),
        (Some(at), true) => format!("expired {at}"),
    };
    let by = answer.created_by.as_ref();
    let by = by.map_or(String::new(), |by| format!("  made by {by}"));
    let old = answer.old_works_until.as_ref();
    let old = old.map_or(String::new(), |at| {
        format!("  the one before works until {at}")
    });
    format!("{}  {}  {end}{by}{old}", answer.name, scopes.join(","))
}
