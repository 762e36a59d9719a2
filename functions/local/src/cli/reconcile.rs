//! `fluxgate reconcile`.

use anyhow::{Result, bail};
use clap::Args;
use fluxgate_core::counted;
use fluxgate_core::day::Day;
use fluxgate_core::metering::reconcile::{FindingCode, Margin, Totals};
use serde::Deserialize;
use serde_json::Value;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};
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
    admin: AdminArgs,
}

/// What a command shows of the admin API's report.
#[derive(Deserialize)]
struct ReportAnswer {
    from: String,
    until: String,
    totals: Totals,
    margins: Vec<Margin>,
    findings: Vec<FindingAnswer>,
}

#[derive(Deserialize)]
struct FindingAnswer {
    code: String,
    run: String,
    tenant: Option<String>,
    task: Option<String>,
    text: String,
}

pub(super) async fn run(args: ReconcileArgs) -> Result<()> {
    let admin = args.admin.admin_of_server()?;
    let days = [("from", args.from), ("to", args.to)]
        .map(|(name, day)| (name, day.map(|day| day.to_string())));
    let query: Vec<_> = days
        .iter()
        .filter_map(|(name, day)| Some((*name, day.as_deref()?)))
        .collect();
    let json: Value = admin.get("/reconcile", &query).await?;
    let report = ReportAnswer::deserialize(&json)?;
    args.print.print(&Facts {
        json,
        quiet: report.findings.iter().map(short).collect(),
        text: table(&report),
    })?;
    match report.findings.len() {
        0 => Ok(()),
        1 => bail!("1 finding; see its explanation above"),
        findings => bail!("{findings} findings; see their explanations above"),
    }
}

fn short(finding: &FindingAnswer) -> String {
    format!("{} {}\n", finding.code, finding.run)
}

/// How many tasks were charged, with a bill or without.
fn charged(report: &ReportAnswer) -> u64 {
    let billed: u64 = report.margins.iter().map(|line| line.charged_runs).sum();
    let findings = report.findings.iter();
    let unbilled = findings.filter(|finding| finding.code == FindingCode::NotBilled.as_str());
    billed + unbilled.count() as u64
}

fn table(report: &ReportAnswer) -> String {
    let mut text = format!("from {} until {}\n", report.from, report.until);
    for line in &report.margins {
        let Margin {
            tenant,
            model,
            runs,
            charged_runs,
            billed,
            charged,
            refunded,
            margin,
        } = line;
        text += &format!(
            "{:<24} {:<44} runs {runs:>6}  charged {charged_runs:>6}  cost {:>12}  revenue {:>12}  refunded {:>12}  margin {:>12}\n",
            tenant.as_str(),
            model.as_str(),
            billed.to_string(),
            charged.to_string(),
            refunded.to_string(),
            margin.to_string(),
        );
    }
    let totals = &report.totals;
    text += &format!(
        "{} of {}, {} of it for runs of no task; {}, {} of them charged {} in all, {} of it without a bill and {} refunded; margin {}; \
         {} still open, {} of them in doubt; what was billed for open ones is in the margin\n",
        counted(totals.bills as usize, "bill"),
        totals.billed,
        totals.orphaned,
        counted(totals.tasks as usize, "task"),
        charged(report),
        totals.charged,
        totals.unbilled,
        totals.refunded,
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
        let FindingAnswer {
            code,
            run,
            tenant,
            task,
            text: why,
        } = finding;
        let (tenant, task) = (tenant.as_deref(), task.as_deref());
        text += &format!(
            "{code:<13} run {run}  tenant {}  task {}  {why}\n",
            tenant.unwrap_or("-"),
            task.unwrap_or("-")
        );
    }
    text
}
