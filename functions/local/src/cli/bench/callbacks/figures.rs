//! The table of callbacks.

use anyhow::Result;
use serde_json::{Value, json};

use super::AT_ONCE;
use crate::cli::print::{Facts, PrintArgs};

const HEAD: &str = "\
| measured | per second | × raw | p50 ms | p99 ms | peak memory MB |
|---|---|---|---|---|---|
";

/// One row: how many a second, and how long each takes at a steady, lower rate.
pub(super) struct Row {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) memory_mb: f64,
}

pub(super) struct Figures {
    pub(super) raw: Row,
    pub(super) callbacks: Row,
    pub(super) with_dead: Row,
    pub(super) one_endpoint: Row,
}

impl Row {
    pub(super) fn new(per_second: f64, mut latencies_ms: Vec<f64>, memory_mb: f64) -> Self {
        latencies_ms.sort_unstable_by(f64::total_cmp);
        let at = |quantile: f64| {
            let index = (latencies_ms.len() as f64 * quantile) as usize;
            latencies_ms.get(index).or(latencies_ms.last()).copied()
        };
        Self {
            per_second,
            p50_ms: at(0.5).unwrap_or(0.0),
            p99_ms: at(0.99).unwrap_or(0.0),
            memory_mb,
        }
    }

    fn cells(&self, raw: &Self) -> String {
        format!(
            "{:.0} | {:.2} | {:.1} | {:.1} | {:.0}",
            self.per_second,
            self.per_second / raw.per_second,
            self.p50_ms,
            self.p99_ms,
            self.memory_mb
        )
    }

    fn json(&self, raw: &Self) -> Value {
        json!({
            "per_second": self.per_second, "times_raw": self.per_second / raw.per_second,
            "p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "peak_memory_mb": self.memory_mb,
        })
    }
}

impl Figures {
    pub(super) fn print(&self, print: PrintArgs) -> Result<()> {
        let raw = &self.raw;
        let raw_name = format!("raw hyper POSTs, c={AT_ONCE}");
        let rows = [
            (raw_name.as_str(), raw),
            ("callbacks to 208 endpoints", &self.callbacks),
            ("callbacks, 1 % of endpoints dead", &self.with_dead),
            ("callbacks, all to one endpoint", &self.one_endpoint),
        ];
        let row = |(name, row): &(&str, &Row)| format!("| {name} | {} |\n", row.cells(raw));
        let rate = |(_, row): &(&str, &Row)| format!("{:.0}\n", row.per_second);
        let table: String = rows.iter().map(row).collect();
        print.print(&Facts {
            json: self.json(),
            quiet: rows.iter().map(rate).collect(),
            text: format!("{HEAD}{table}\n{}", self.foot()),
        })
    }

    fn json(&self) -> Value {
        let raw = &self.raw;
        let (per_second, p99) = self.dead_times_without();
        json!({
            "raw": raw.json(raw), "callbacks": self.callbacks.json(raw),
            "with_dead": self.with_dead.json(raw), "one_endpoint": self.one_endpoint.json(raw),
            "dead_times_without": { "per_second": per_second, "p99": p99 },
        })
    }

    fn foot(&self) -> String {
        let (per_second, p99) = self.dead_times_without();
        format!(
            "With dead endpoints: {per_second:.2} times as many a second, and {p99:.2} times the p99. A callback's time is from its event to the receiver, at a steady rate; a raw POST's is until its answer."
        )
    }

    /// Callbacks a second, and their p99.
    fn dead_times_without(&self) -> (f64, f64) {
        let (dead, without) = (&self.with_dead, &self.callbacks);
        (
            dead.per_second / without.per_second,
            dead.p99_ms / without.p99_ms.max(1.0),
        )
    }
}
