//! The benchmark's table. The ratios matter: absolute numbers depend on the machine.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Measured, SUBMIT_CONNECTIONS, TASK_CONNECTIONS};
use crate::cli::print::{Facts, PrintArgs};

const HEAD: &str = "\
| measured | per second | × proxy | p50 ms | p99 ms | commits each | peak memory MB |
|---|---|---|---|---|---|---|
";
const FOOT: &str = "
A commit is one fsync of the write-ahead log. \
A whole task is submit, webhook, copy, capture and callback.
";

pub(super) struct Figures {
    pub(super) proxied: Measured,
    pub(super) submitted: Measured,
    pub(super) tasks: Measured,
}

impl Figures {
    pub(super) fn print(&self, print: PrintArgs) -> Result<()> {
        let rows = [
            (
                format!("bare hyper proxy, c={SUBMIT_CONNECTIONS}"),
                &self.proxied,
            ),
            (
                format!("durable submit, c={SUBMIT_CONNECTIONS}"),
                &self.submitted,
            ),
            (format!("whole task, c={TASK_CONNECTIONS}"), &self.tasks),
        ];
        let rate = |(_, row): &(String, &Measured)| format!("{:.0}\n", row.per_second);
        let proxy = self.proxied.per_second;
        let row = |(name, row): &(String, &Measured)| table_row(name, row, proxy);
        let table: String = rows.iter().map(row).collect();
        print.print(&Facts {
            json: self.json(),
            quiet: rows.iter().map(rate).collect(),
            text: format!("{HEAD}{table}{FOOT}"),
        })
    }

    fn json(&self) -> Value {
        let entry = |measured: &Measured| {
            json!({
                "count": measured.count, "per_second": measured.per_second,
                "times_proxy": measured.per_second / self.proxied.per_second,
                "p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms,
                "commits_each": commits_each(measured), "peak_memory_mb": measured.memory_mb,
            })
        };
        json!({ "proxy": entry(&self.proxied), "submit": entry(&self.submitted), "task": entry(&self.tasks) })
    }
}

fn commits_each(measured: &Measured) -> f64 {
    measured.commits as f64 / measured.count.max(1) as f64
}

fn table_row(name: &str, measured: &Measured, proxy: f64) -> String {
    format!(
        "| {name} | {:.0} | {:.2} | {:.2} | {:.2} | {:.3} | {:.0} |\n",
        measured.per_second,
        measured.per_second / proxy,
        measured.p50_ms,
        measured.p99_ms,
        commits_each(measured),
        measured.memory_mb
    )
}
