//! `fluxgate usage [export]`.

mod answer;
mod export;

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::Grouping;
use fluxgate_core::money::Zone;

use super::admin::AdminArgs;
use super::exit::usage;
use super::print::{self, Facts, PrintArgs};
use crate::values::day;
use answer::{AllUsageAnswer, UsageAnswer};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct UsageArgs {
    #[command(subcommand)]
    command: Option<UsageCommand>,
    /// The tenant, unless --all is given; a deleted one works too
    tenant: Option<TenantId>,
    /// Every tenant, each in its own time zone; deleted ones too, if they used anything
    #[arg(long, conflicts_with_all = ["tenant", "csv"])]
    all: bool,
    /// The first day in the account's time zone, such as 2026-11-01 [default: 29 days before the
    /// last one]
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<Day>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Day>,
    /// What to sum by: day, month, model, key (an API key), or two of them
    #[arg(long, default_value = "day,model", value_name = "KEYS", value_parser = Grouping::parse)]
    group_by: Grouping,
    /// The time zone that the days are meant in; refused if it is not the account's
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse)]
    time_zone: Option<Zone>,
    /// Print CSV: a header line, and no total
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    csv: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Subcommand)]
enum UsageCommand {
    /// Append charges since the last export to a file, as CloudEvents, one per line
    Export(export::ExportArgs),
}

pub(super) async fn run(args: UsageArgs) -> Result<()> {
    if let Some(UsageCommand::Export(args)) = args.command {
        return export::run(args).await;
    }
    let admin = args.admin.admin()?;
    let query = args.query();
    let query: Vec<(&str, &str)> = query
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let facts = match &args.tenant {
        None if !args.all => {
            return Err(usage(
                "name a tenant, or give --all for every one".to_owned(),
            ));
        }
        None => admin
            .get::<AllUsageAnswer>("/usage", &query)
            .await?
            .facts(args.group_by),
        Some(tenant) if args.csv => {
            let path = format!("/tenants/{tenant}/usage");
            return print::text(admin.get_text(&path, &query).await?);
        }
        Some(tenant) => {
            let path = format!("/tenants/{tenant}/usage");
            let usage: UsageAnswer = admin.get(&path, &query).await?;
            Facts {
                json: usage.view(args.group_by),
                quiet: usage.total.charged.decimal(),
                text: usage.table(args.group_by),
            }
        }
    };
    args.print.print(&facts)
}

impl UsageArgs {
    fn query(&self) -> Vec<(&'static str, String)> {
        let format = if self.csv { "csv" } else { "json" };
        let given = [
            ("from", self.from.map(|day| day.to_string())),
            ("to", self.to.map(|day| day.to_string())),
            ("group_by", Some(self.group_by.names().join(","))),
            ("time_zone", self.time_zone.as_ref().map(Zone::to_string)),
            ("format", Some(format.to_owned())),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}
