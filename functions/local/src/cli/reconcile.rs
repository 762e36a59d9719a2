//! `fluxgate reconcile`.

use anyhow::{Result, bail};
use clap::Args;
use fluxgate_core::counted;
use fluxgate_core::day::Day;
use fluxgate_core::metering::reconcile::{Finding, Margin, ReconcileReport};

use super::FolderArgs;
use super::print::{Facts, PrintArgs};
use crate::server::provider_of;
use crate::settings::Settings;
use crate::values::day;

#[derive(Args)]
pub(super) struct ReconcileArgs {
    /// The first day in UTC, such as 2026-11-01 [default: 6 days before the last one]
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<Day>,
    /// The last day [default: today]
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<Day>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: ReconcileArgs) -> Result<()> {
    let folder = args.folder.reader()?;
    let settings = Settings::load(None, serde_json::json!({}))?;
    let provider = provider_of(&folder.path, &folder.bounds, &settings)?;
    let report = folder
        .operator(Some(provider))
        .reconcile(args.from, args.to)
        .await?;
    args.print.print(&Facts {
        json: report.to_json(),
        quiet: report.findings.iter().map(short).collect(),
        text: table(&report),
    })?;
    match report.findings.len() {
        0 => Ok(()),
        1 => bail!("1 finding; see its explanation above"),
        findings => bail!("{findings} findings; see their explanations above"),
    }
}

fn short(finding: &Finding) -> String {
    format!("{} {}\n", finding.code.as_str(), finding.run)
}

fn table(report: &ReconcileReport) -> String {
    let mut text = String::new();
    for line in &report.margins {
        let Margin {
            tenant,
            model,
            runs,
            charged_runs,
            billed,
            charged,
            margin,
        } = line;
        text += &format!(
            "{:<24} {:<44} runs {runs:>6}  charged {charged_runs:>6}  cost {:>12}  revenue {:>12}  margin {:>12}\n",
            tenant.as_str(),
            model.as_str(),
            billed.to_string(),
            charged.to_string(),
            margin.to_string(),
        );
    }
    let totals = &report.totals;
    text += &format!(
        "{} of {}, {} of it for runs of no task; {} charged {}, {} of it without a bill; margin {}; \
         {} still open, {} of them in doubt\n",
        counted(totals.bills as usize, "bill"),
        totals.billed,
        totals.orphaned,
        counted(totals.tasks as usize, "task"),
        totals.charged,
        totals.unbilled,
        totals.margin,
        totals.open,
        totals.in_doubt
    );
    if totals.forgotten > 0 {
        text += &format!(
            "the provider does not know {} of the charged runs: the emulator forgets its runs when it stops; for another \
             provider, check that FLUXGATE_PROVIDER and WAVESPEED_API_KEY name the one that ran them\n",
            totals.forgotten
        );
    }
    for finding in &report.findings {
        let tenant = finding
            .tenant
            .as_ref()
            .map_or("-", |tenant| tenant.as_str());
        let task = finding.task.as_ref().map_or("-", |task| task.as_str());
        text += &format!(
            "{:<13} run {}  tenant {tenant}  task {task}  {}\n",
            finding.code.as_str(),
            finding.run,
            finding.text
        );
    }
    text
}
