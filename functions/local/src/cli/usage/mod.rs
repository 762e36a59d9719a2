//! `fluxgate usage [export]`.

mod export;

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::app::Metering;
use fluxgate_core::day::Day;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::{Grouping, Usage, UsageReport, csv};

use serde_json::{Value, json};

use super::FolderArgs;
use super::exit::usage;
use super::print::{self, Facts, PrintArgs};
use crate::values::day;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct UsageArgs {
    #[command(subcommand)]
    command: Option<UsageCommand>,
    /// The tenant; a deleted one works too
    #[arg(required = true)]
    tenant: Option<TenantId>,
    /// The first day in UTC, such as 2026-11-01 [default: 29 days before the last one]
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<Day>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Day>,
    /// What to sum by: day, model, or both
    #[arg(long, default_value = "day,model", value_name = "KEYS", value_parser = Grouping::parse)]
    group_by: Grouping,
    /// Print CSV: a header line, and no total
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    csv: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
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
    let tenant = args
        .tenant
        .ok_or_else(|| usage("name the tenant whose usage to sum up"))?;
    let folder = args.folder.reader()?;
    folder.operator(None).check_known(&tenant).await?;
    let (_, report) = Metering::new(folder.context())
        .usage_of_days(&tenant, args.from, args.to)
        .await?;
    if args.csv {
        return print::text(csv(args.group_by, &report.grouped(args.group_by)));
    }
    args.print.print(&Facts {
        json: view(args.group_by, &report),
        quiet: report.total().charged.decimal(),
        text: table(args.group_by, &report),
    })
}

fn view(grouping: Grouping, report: &UsageReport) -> Value {
    let groups = report.grouped(grouping).into_iter().map(|group| {
        let mut sums = sums(&group.usage);
        if let Some(day) = group.day {
            sums["day"] = day.to_string().into();
        }
        if let Some(model) = group.model {
            sums["model"] = model.to_string().into();
        }
        sums
    });
    json!({ "groups": groups.collect::<Vec<_>>(), "total": sums(&report.total()) })
}

fn sums(usage: &Usage) -> Value {
    json!({
        "requests": usage.requests, "completed": usage.completed, "failed": usage.failed,
        "unarchived": usage.unarchived, "charged_usd": usage.charged.usd(),
    })
}

fn table(grouping: Grouping, report: &UsageReport) -> String {
    let groups = report.grouped(grouping).into_iter().map(|group| {
        let keys = [
            group.day.map(|day| day.to_string()),
            group.model.map(|model| model.to_string()),
        ];
        line(
            &keys.into_iter().flatten().collect::<Vec<_>>().join("  "),
            &group.usage,
        )
    });
    groups.chain([line("total", &report.total())]).collect()
}

fn line(key: &str, usage: &Usage) -> String {
    let Usage {
        requests,
        completed,
        failed,
        charged,
        unarchived,
    } = usage;
    let charged = charged.to_string();
    format!(
        "{key:<52}  requests {requests:>6}  completed {completed:>6}  failed {failed:>5}  unarchived {unarchived:>4}  charged {charged:>12}\n"
    )
}
