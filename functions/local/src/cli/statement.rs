//! `fluxgate statement`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::statement::{StatementView, csv, html};
use fluxgate_core::money::Month;

use super::admin::AdminArgs;
use super::exit::usage;
use super::print::{self, Facts, PrintArgs};

#[derive(Args)]
pub(super) struct StatementArgs {
    /// The month, such as 2026-11, in the account's time zone
    #[arg(value_name = "MONTH", value_parser = month)]
    month: Month,
    /// The tenant, unless --all is given; a deleted one works too
    tenant: Option<TenantId>,
    /// Every tenant, one after the other; deleted ones too, if they had or moved anything
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
    /// CSV for spreadsheets, JSON, or a page to print
    #[arg(long, value_enum, default_value = "csv", conflicts_with_all = ["json", "quiet"])]
    format: StatementFormat,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatementFormat {
    Csv,
    Json,
    Html,
}

fn month(text: &str) -> Result<Month, String> {
    let in_order = |error| format!("{error}; the order is MONTH [TENANT]");
    Month::asked(text).map_err(in_order)
}

pub(super) async fn run(args: StatementArgs) -> Result<()> {
    let admin = args.admin.admin()?;
    let tenants = match &args.tenant {
        Some(tenant) => vec![tenant.clone()],
        None if args.all => admin.get("/tenant-ids", &[("deleted", "true")]).await?,
        None => {
            return Err(usage(
                "name a tenant after the month, or give --all for every one".to_owned(),
            ));
        }
    };
    let mut statements = Vec::new();
    for tenant in tenants {
        let path = format!("/tenants/{tenant}/statements/{}", args.month);
        let statement: StatementView = admin.get(&path, &[]).await?;
        if !args.all || !statement.is_deleted || !statement.is_empty() {
            statements.push(statement);
        }
    }
    let text = match args.format {
        StatementFormat::Html => html(&statements),
        StatementFormat::Csv => csv(&statements),
        StatementFormat::Json => return print::json(&statements),
    };
    args.print.print(&Facts {
        json: serde_json::to_value(&statements)?,
        quiet: statements.iter().map(closing).collect(),
        text,
    })
}

fn closing(statement: &StatementView) -> String {
    format!("{}\n", statement.closing_balance_usd)
}

#[cfg(test)]
mod tests {
    use super::month;

    #[test]
    fn a_tenant_in_the_place_of_the_month_is_told_the_order() {
        let refusal = month("bob").unwrap_err();

        assert!(refusal.contains("'bob' is not a month"), "{refusal}");
        assert!(
            refusal.ends_with("the order is MONTH [TENANT]"),
            "{refusal}"
        );
        assert!(month("2026-11").is_ok());
    }
}
