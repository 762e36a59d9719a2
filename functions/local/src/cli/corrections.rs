//! `fluxgate accounts credit|debit|refund|void`: what an operator corrects.

use anyhow::Result;
use clap::Args;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::MicroUsd;
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::accounts::{AccountAnswer, facts};
use super::admin::AdminArgs;
use super::print::PrintArgs;

/// What every correction says, and of which installation.
#[derive(Args)]
pub(super) struct Why {
    /// Why; the tenant reads it in its ledger
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args)]
pub(super) struct CorrectionArgs {
    /// The tenant
    name: TenantId,
    /// An amount such as 25 or 0.08
    #[arg(value_name = "USD", allow_hyphen_values = true, value_parser = MicroUsd::parse_usd)]
    amount: MicroUsd,
    /// Your own reference; the same reference again changes nothing
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
pub(super) struct RefundArgs {
    /// The tenant; a deleted one works too
    name: TenantId,
    /// The task that was charged
    task: TaskId,
    /// A part of what the task was charged [default: all of it]
    #[arg(long, value_name = "USD", value_parser = MicroUsd::parse_usd)]
    amount: Option<MicroUsd>,
    /// Your own reference; the same reference again changes nothing
    #[arg(long)]
    reference: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Args)]
pub(super) struct VoidArgs {
    /// The tenant; a deleted one works too
    name: TenantId,
    /// The reference of the top-up
    reference: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Deserialize)]
struct CorrectedAnswer {
    applied: bool,
    account: AccountAnswer,
    refunded_usd: Option<String>,
}

pub(super) async fn credit(args: CorrectionArgs) -> Result<()> {
    adjust(args, "credits").await
}

pub(super) async fn debit(args: CorrectionArgs) -> Result<()> {
    adjust(args, "debits").await
}

async fn adjust(args: CorrectionArgs, route: &str) -> Result<()> {
    let path = format!("/tenants/{}/{route}", args.name);
    let body = json!({
        "amount_usd": args.amount.decimal(), "reference": args.reference,
        "reason": args.why.reason,
    });
    args.why.post(&args.name, &path, &body).await
}

pub(super) async fn refund(args: RefundArgs) -> Result<()> {
    let path = format!("/tenants/{}/tasks/{}/refund", args.name, args.task);
    let mut body = json!({ "reference": args.reference, "reason": args.why.reason });
    if let Some(amount) = args.amount {
        body["amount_usd"] = amount.decimal().into();
    }
    args.why.post(&args.name, &path, &body).await
}

pub(super) async fn void(args: VoidArgs) -> Result<()> {
    // In a path a space is no plus sign.
    let reference: String = form_urlencoded::byte_serialize(args.reference.as_bytes()).collect();
    let reference = reference.replace('+', "%20");
    let path = format!("/tenants/{}/top-ups/{reference}/void", args.name);
    let body = json!({ "reason": args.why.reason });
    args.why.post(&args.name, &path, &body).await
}

impl Why {
    async fn post(&self, name: &TenantId, path: &str, body: &Value) -> Result<()> {
        let answer: CorrectedAnswer = self.admin.admin()?.post(path, body).await?;
        if !answer.applied {
            self.print
                .note("this was done before, so nothing was changed; the reason that was given first stays");
        }
        let mut facts = facts(name, &answer.account);
        facts.json["applied"] = answer.applied.into();
        if let Some(refunded) = answer.refunded_usd {
            facts.json["refunded_usd"] = MicroUsd::parse_usd(&refunded)?.usd().into();
        }
        self.print.print(&facts)
    }
}
