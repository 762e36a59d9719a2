//! `fluxgate provider`.

use anyhow::Result;
use clap::Args;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::AccountCheck;
use serde_json::Value;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};
use super::provider_check::{OF_SERVER, told};

#[derive(Args)]
pub(super) struct ProviderArgs {
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// Exits with 1 unless the provider accepts the key.
pub(super) async fn run(args: ProviderArgs) -> Result<()> {
    let admin = args.admin.admin_of_server()?;
    let answer: Value = admin.get("/provider", &[]).await?;
    let told = told("the provider", checked(&answer), OF_SERVER);
    let first = told.as_ref().map_or_else(ToString::to_string, Clone::clone);
    let errors = answer["errors"].as_array().into_iter().flatten();
    let errors: String = errors.map(line).collect();
    args.print.print(&Facts {
        quiet: answer["account"].as_str().unwrap_or_default().to_owned(),
        text: format!("{first}\n{}{errors}", limited(&answer["limits"])),
        json: answer,
    })?;
    told.map(drop)
}

/// What the answer says of the account.
fn checked(answer: &Value) -> AccountCheck {
    let why = answer["why"].as_str().unwrap_or_default().to_owned();
    let status = answer["status"]
        .as_u64()
        .and_then(|status| u16::try_from(status).ok());
    match answer["account"].as_str().unwrap_or_default() {
        "good" => AccountCheck::Good {
            balance: answer["balance_micro_usd"].as_i64().map(MicroUsd),
        },
        "refused" => AccountCheck::Refused {
            status: status.unwrap_or_default(),
        },
        "unreachable" => AccountCheck::Unreachable { why },
        "no_key" => AccountCheck::NoKey { why },
        _ => AccountCheck::Odd { why },
    }
}

fn limited(limits: &Value) -> String {
    let limit = |name: &str, what: &str| match limits[name].as_u64() {
        Some(most) => format!("limited to {most} {what}\n"),
        None => String::new(),
    };
    limit("per_minute", "submits a minute") + &limit("concurrency", "runs at once")
}

fn line(error: &Value) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    format!(
        "{}  {} {}  {:<16} {}\n",
        text("at"),
        text("tenant"),
        text("task"),
        text("step"),
        text("text")
    )
}
