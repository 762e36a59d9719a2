//! `fluxgate accounts alerts`: when a tenant is told that its money runs out.

use anyhow::Result;
use clap::Args;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct AlertsArgs {
    /// The tenant
    name: TenantId,
    /// Tell 'balance.low' below this amount; 0 never tells [default: a fifth of the last top-up]
    #[arg(long, value_name = "USD", value_parser = MicroUsd::parse_usd)]
    low_balance_usd: Option<MicroUsd>,
    /// Tell 'budget.threshold' at these percents of the month's budget, separated by commas, or
    /// 'none' [default: 50,80,100]
    #[arg(long, value_name = "PERCENTS", value_parser = percents)]
    budget_percents: Option<Percents>,
    /// Set both to their defaults
    #[arg(long, conflicts_with_all = ["low_balance_usd", "budget_percents"])]
    default: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Clone)]
struct Percents(Vec<u8>);

fn percents(text: &str) -> Result<Percents, String> {
    if text == "none" {
        return Ok(Percents(Vec::new()));
    }
    let parsed: Result<Vec<u8>, _> = text.split(',').map(|one| one.trim().parse()).collect();
    parsed
        .map(Percents)
        .map_err(|_| format!("'{text}' is not a list of whole percents, such as 50,80,100"))
}

#[derive(Deserialize, Serialize)]
struct AlertsAnswer {
    low_balance_usd: Option<String>,
    budget_percents: Vec<u8>,
    low_below_usd: Option<String>,
    low_since: Option<String>,
}

/// What is not named stays as it is.
pub(super) async fn run(args: AlertsArgs) -> Result<()> {
    let admin = args.admin.admin()?;
    let path = format!("/tenants/{}/alerts", args.name);
    let mut answer: AlertsAnswer = admin.get(&path, &[]).await?;
    let is_changed = args.low_balance_usd.is_some() || args.budget_percents.is_some();
    if args.default {
        answer = admin.put(&path, &json!({})).await?;
    } else if is_changed {
        let low = args.low_balance_usd.map(MicroUsd::decimal);
        let percents = args.budget_percents.map(|percents| percents.0);
        let body = json!({
            "low_balance_usd": low.or(answer.low_balance_usd),
            "budget_percents": percents.unwrap_or(answer.budget_percents),
        });
        answer = admin.put(&path, &body).await?;
    }
    args.print.print(&Facts {
        json: serde_json::to_value(&answer)?,
        quiet: answer.low_below_usd.clone().unwrap_or_default(),
        text: line(&args.name, &answer),
    })
}

fn line(name: &TenantId, answer: &AlertsAnswer) -> String {
    let low = match &answer.low_below_usd {
        Some(amount) => format!("below ${amount}"),
        None => "never".to_owned(),
    };
    let since = answer.low_since.as_ref();
    let since = since.map_or(String::new(), |since| format!(", low since {since}"));
    let percents: Vec<_> = answer.budget_percents.iter().map(u8::to_string).collect();
    let budget = match percents.as_slice() {
        [] => "never".to_owned(),
        percents => format!("at {} % of the budget", percents.join(", ")),
    };
    format!("{name}  balance.low {low}{since}  budget.threshold {budget}")
}
