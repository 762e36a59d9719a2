//! `fluxgate accounts show|top-up|credit|debit|refund|void|budget|check`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use serde::Deserialize;
use serde_json::json;

use super::admin::AdminArgs;
use super::alerts::AlertsArgs;
use super::budget::{BudgetAnswer, BudgetArgs};
use super::corrections::{self, CorrectionArgs, RefundArgs, VoidArgs};
use super::print::{Facts, PrintArgs};
use crate::client::{Admin, Refused};

#[derive(Args)]
pub(super) struct AccountsArgs {
    #[command(subcommand)]
    command: AccountsCommand,
}

#[derive(Subcommand)]
enum AccountsCommand {
    /// Show what a tenant may spend, what its running tasks hold, and what it was charged
    Show {
        /// The tenant; a deleted one works too
        name: TenantId,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Add money, once per reference
    TopUp {
        /// The tenant
        name: TenantId,
        /// An amount such as 25 or 0.08
        #[arg(value_name = "USD", allow_hyphen_values = true, value_parser = MicroUsd::parse_usd)]
        amount: MicroUsd,
        /// Your own reference, such as an invoice number; the same reference again adds nothing
        #[arg(long)]
        reference: String,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Add money that was not paid in, such as a goodwill credit, once per reference
    Credit(CorrectionArgs),
    /// Take money that is available, once per reference; a deleted tenant works too
    Debit(CorrectionArgs),
    /// Give back what a task was charged, or a part of it, once
    Refund(RefundArgs),
    /// Take a whole top-up back, if that much is available; its reference stays used
    Void(VoidArgs),
    /// Set, remove or show a monthly budget
    Budget(Box<BudgetArgs>),
    /// Set or show when a tenant is told that its money runs out
    Alerts(Box<AlertsArgs>),
    /// Check that account, ledger and tasks agree; exits with 1 if they do not
    Check {
        /// One tenant, or a deleted one [default: all tenants]
        name: Option<TenantId>,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// What the admin API tells of an account.
#[derive(Deserialize)]
pub(super) struct AccountAnswer {
    #[serde(rename = "available_micro_usd")]
    pub(super) available: MicroUsd,
    #[serde(rename = "held_micro_usd")]
    pub(super) held: MicroUsd,
    #[serde(rename = "captured_micro_usd")]
    pub(super) captured: MicroUsd,
    #[serde(rename = "credit_micro_usd")]
    credit: MicroUsd,
    pub(super) tasks_in_flight: u32,
    pub(super) budget: Option<BudgetAnswer>,
    /// Where an account is read.
    #[serde(default, rename = "spent_this_month_micro_usd")]
    pub(super) spent_this_month: MicroUsd,
}

#[derive(Deserialize)]
struct CheckAnswer {
    findings: Vec<FindingAnswer>,
}

#[derive(Deserialize)]
struct FindingAnswer {
    code: String,
    text: String,
}

pub(super) async fn run(args: AccountsArgs) -> Result<()> {
    match args.command {
        AccountsCommand::Show { name, print, admin } => show(&admin.admin()?, &name, print).await,
        AccountsCommand::TopUp {
            name,
            amount,
            reference,
            print,
            admin,
        } => top_up(&admin.admin()?, &name, (amount, &reference), print).await,
        AccountsCommand::Credit(args) => corrections::credit(args).await,
        AccountsCommand::Debit(args) => corrections::debit(args).await,
        AccountsCommand::Refund(args) => corrections::refund(args).await,
        AccountsCommand::Void(args) => corrections::void(args).await,
        AccountsCommand::Budget(args) => super::budget::run(*args).await,
        AccountsCommand::Alerts(args) => super::alerts::run(*args).await,
        AccountsCommand::Check { name, print, admin } => check(&admin.admin()?, name, print).await,
    }
}

/// The account of a tenant, or of a deleted one.
pub(super) async fn account(admin: &Admin, name: &TenantId) -> Result<AccountAnswer> {
    admin.get(&format!("/tenants/{name}/account"), &[]).await
}

async fn show(admin: &Admin, name: &TenantId, print: PrintArgs) -> Result<()> {
    let account = account(admin, name).await?;
    let mut facts = facts(name, &account);
    facts.json["budget"] = account.budget.as_ref().map(BudgetAnswer::view).into();
    if let Some(month) = &account.budget {
        facts.text += &format!("\n{}", month.line(name));
    }
    print.print(&facts)
}

async fn top_up(
    admin: &Admin,
    name: &TenantId,
    (amount, reference): (MicroUsd, &str),
    print: PrintArgs,
) -> Result<()> {
    let before = account(admin, name).await?;
    let body = json!({ "amount_usd": amount.decimal(), "reference": reference });
    let after: AccountAnswer = admin
        .post(&format!("/tenants/{name}/top-ups"), &body)
        .await?;
    let is_added = before.prepaid() != after.prepaid();
    if !is_added {
        print.note(format_args!(
            "'{reference}' was topped up before, so nothing was added"
        ));
    }
    let mut facts = facts(name, &after);
    facts.json["added"] = is_added.into();
    print.print(&facts)
}

impl AccountAnswer {
    /// All that was ever paid in.
    fn prepaid(&self) -> i64 {
        self.available.0 + self.held.0 + self.captured.0 - self.credit.0
    }
}

pub(super) fn facts(name: &TenantId, account: &AccountAnswer) -> Facts {
    Facts {
        json: json!({
            "tenant": name, "available_usd": account.available.usd(),
            "held_usd": account.held.usd(), "captured_usd": account.captured.usd(),
            "credit_usd": account.credit.usd(),
        }),
        quiet: account.available.decimal(),
        text: line(name, account),
    }
}

async fn check(admin: &Admin, name: Option<TenantId>, print: PrintArgs) -> Result<()> {
    let names = match name {
        Some(name) => {
            account(admin, &name).await?;
            vec![name]
        }
        None => admin.get("/tenant-ids", &[]).await?,
    };
    let mut findings = Vec::new();
    for name in &names {
        let found = findings_of(admin, name).await?;
        findings.extend(found.into_iter().map(|finding| (name, finding)));
    }
    print.print(&checked(names.len(), &findings))?;
    if !findings.is_empty() {
        let findings = counted(findings.len(), "finding");
        let tenants = counted(names.len(), "tenant");
        bail!("{findings} in the books of {tenants}; the ledger shows each movement");
    }
    Ok(())
}

/// A tenant whose books cannot be read must not keep the others' from being checked.
async fn findings_of(admin: &Admin, name: &TenantId) -> Result<Vec<FindingAnswer>> {
    let path = format!("/tenants/{name}/account/check");
    match admin.get::<CheckAnswer>(&path, &[]).await {
        Ok(checked) => Ok(checked.findings),
        Err(error) => {
            let refused: Refused = error.downcast()?;
            Ok(vec![FindingAnswer {
                code: "unreadable".to_owned(),
                text: refused.why,
            }])
        }
    }
}

fn checked(tenants: usize, findings: &[(&TenantId, FindingAnswer)]) -> Facts {
    let view = |(tenant, finding): &(&TenantId, FindingAnswer)| json!({ "tenant": tenant, "code": finding.code, "text": finding.text });
    let line = |(tenant, FindingAnswer { code, text }): &(&TenantId, FindingAnswer)| {
        format!("{tenant}  {code}  {text}\n")
    };
    let quiet =
        |(tenant, finding): &(&TenantId, FindingAnswer)| format!("{tenant} {}\n", finding.code);
    Facts {
        json: json!({
            "tenants": tenants, "findings": findings.iter().map(view).collect::<Vec<_>>(),
        }),
        quiet: findings.iter().map(quiet).collect(),
        text: match findings {
            [] => format!("the books of {} are right", counted(tenants, "tenant")),
            findings => findings.iter().map(line).collect(),
        },
    }
}

fn line(name: &TenantId, account: &AccountAnswer) -> String {
    let AccountAnswer {
        available,
        held,
        captured,
        credit,
        ..
    } = account;
    let lent = if *credit == MicroUsd::ZERO {
        String::new()
    } else {
        format!("  of that on credit {credit}")
    };
    format!("{name}  available {available}  held {held}  captured {captured}{lent}")
}
