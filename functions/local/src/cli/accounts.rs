//! `fluxgate accounts show|top-up|budget|check`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::app::{BooksFinding, Operator};
use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, MicroUsd};
use fluxgate_core::tenant::Actor;
use serde_json::json;

use super::FolderArgs;
use super::budget::{self, BudgetArgs};
use super::print::{Facts, PrintArgs};

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
        folder: FolderArgs,
    },
    /// Add money, once per reference
    TopUp {
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
        folder: FolderArgs,
    },
    /// Set, remove or show a monthly budget
    Budget(Box<BudgetArgs>),
    /// Check that account, ledger and tasks agree; exits with 1 if they do not
    Check {
        /// One tenant, or a deleted one [default: all tenants]
        name: Option<TenantId>,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

pub(super) async fn run(args: AccountsArgs) -> Result<()> {
    match args.command {
        AccountsCommand::Show {
            name,
            print,
            folder,
        } => show(&folder.reader()?.operator(None), &name, print).await,
        AccountsCommand::TopUp {
            name,
            amount,
            reference,
            print,
            folder,
        } => {
            let operator = folder.operator()?;
            let before = operator.account(&name).await?;
            let account = operator
                .top_up(&name, amount, &reference, &Actor::cli())
                .await?;
            let is_added = before.total() != account.total();
            if !is_added {
                print.note(format_args!(
                    "'{reference}' was topped up before, so nothing was added"
                ));
            }
            let mut facts = facts(&name, &account);
            facts.json["added"] = is_added.into();
            print.print(&facts)
        }
        AccountsCommand::Budget(args) => budget::run(*args).await,
        AccountsCommand::Check {
            name,
            print,
            folder,
        } => check(&folder.reader()?.operator(None), name, print).await,
    }
}

async fn show(operator: &Operator, name: &TenantId, print: PrintArgs) -> Result<()> {
    operator.check_known(name).await?;
    let account = operator.account(name).await?;
    let mut facts = facts(name, &account);
    let month = operator.month(&account);
    facts.json["budget"] = month.as_ref().and_then(budget::view).into();
    if let Some(month) = month {
        facts.text += &format!("\n{}", budget::line(name, &month));
    }
    print.print(&facts)
}

fn facts(name: &TenantId, account: &Account) -> Facts {
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

async fn check(operator: &Operator, name: Option<TenantId>, print: PrintArgs) -> Result<()> {
    let names = match name {
        Some(name) => {
            operator.check_known(&name).await?;
            vec![name]
        }
        None => operator.tenant_ids().await?,
    };
    let mut findings = Vec::new();
    for name in &names {
        // A tenant whose books cannot be read must not keep the others' from being checked.
        let found = operator.check_books(name).await.unwrap_or_else(|error| {
            vec![BooksFinding {
                code: "unreadable",
                text: error.with_causes().to_string(),
            }]
        });
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

fn checked(tenants: usize, findings: &[(&TenantId, BooksFinding)]) -> Facts {
    let view = |(tenant, finding): &(&TenantId, BooksFinding)| json!({ "tenant": tenant, "code": finding.code, "text": finding.text });
    let line = |(tenant, BooksFinding { code, text }): &(&TenantId, BooksFinding)| {
        format!("{tenant}  {code}  {text}\n")
    };
    let quiet =
        |(tenant, finding): &(&TenantId, BooksFinding)| format!("{tenant} {}\n", finding.code);
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

fn line(name: &TenantId, account: &Account) -> String {
    let Account {
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
