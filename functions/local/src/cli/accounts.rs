//! `fluxgate accounts show|top-up|budget|check`.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::app::{BooksFinding, Operator};
use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, MicroUsd};
use fluxgate_core::tenant::Actor;

use super::budget::{self, BudgetArgs};
use super::{FolderArgs, print};

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
        folder: FolderArgs,
    },
    /// Set, remove or show a monthly budget
    Budget(Box<BudgetArgs>),
    /// Check that account, ledger and tasks agree; exits with 1 if they do not
    Check {
        /// One tenant, or a deleted one [default: all tenants]
        name: Option<TenantId>,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

pub(super) async fn run(args: AccountsArgs) -> Result<()> {
    match args.command {
        AccountsCommand::Show { name, folder } => {
            let operator = folder.reader()?.operator(None);
            operator.check_known(&name).await?;
            let account = operator.account(&name).await?;
            print::line(line(&name, &account))?;
            operator
                .month(&account)
                .map_or(Ok(()), |month| print::line(budget::line(&name, &month)))
        }
        AccountsCommand::TopUp {
            name,
            amount,
            reference,
            folder,
        } => {
            let operator = folder.operator()?;
            let before = operator.account(&name).await?;
            let account = operator
                .top_up(&name, amount, &reference, &Actor::cli())
                .await?;
            if before.total() == account.total() {
                print::note(format_args!(
                    "'{reference}' was topped up before, so nothing was added"
                ));
            }
            print::line(line(&name, &account))
        }
        AccountsCommand::Budget(args) => print::line(budget::run(*args).await?),
        AccountsCommand::Check { name, folder } => {
            check(&folder.reader()?.operator(None), name).await
        }
    }
}

async fn check(operator: &Operator, name: Option<TenantId>) -> Result<()> {
    let names = match name {
        Some(name) => {
            operator.check_known(&name).await?;
            vec![name]
        }
        None => operator.tenant_ids().await?,
    };
    let mut findings = 0;
    for name in &names {
        // A tenant whose books cannot be read must not keep the others' from being checked.
        let found = operator.check_books(name).await.unwrap_or_else(|error| {
            vec![BooksFinding {
                code: "unreadable",
                text: error.with_causes().to_string(),
            }]
        });
        for finding in found {
            findings += 1;
            print::line(format_args!("{name}  {}  {}", finding.code, finding.text))?;
        }
    }
    if findings > 0 {
        let (findings, tenants) = (counted(findings, "finding"), counted(names.len(), "tenant"));
        bail!("{findings} in the books of {tenants}; the ledger shows each movement");
    }
    match names.len() {
        1 => print::line("the books of 1 tenant are right"),
        tenants => print::line(format_args!("the books of {tenants} tenants are right")),
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
