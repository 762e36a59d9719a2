//! The table of callbacks.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::super::print;
use super::AT_ONCE;

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
    pub(super) fn print(&self, as_json: bool) -> Result<()> {
        let Self {
            raw,
            callbacks,
            with_dead,
            one_endpoint,
        } = self;
        let per_second = with_dead.per_second / callbacks.per_second;
        let p99 = with_dead.p99_ms / callbacks.p99_ms.max(1.0);
        if as_json {
            return print::line(json!({
                "raw": raw.json(raw), "callbacks": callbacks.json(raw),
                "with_dead": with_dead.json(raw), "one_endpoint": one_endpoint.json(raw),
                "dead_times_without": { "per_second": per_second, "p99": p99 },
            }));
        }
        print::line("| measured | per second | × raw | p50 ms | p99 ms | peak memory MB |")?;
        print::line("|---|---|---|---|---|---|")?;
        let raw_name = format!("raw hyper POSTs, c={AT_ONCE}");
        for (name, row) in [
            (raw_name.as_str(), raw),
            ("callbacks to 208 endpoints", callbacks),
            ("callbacks, 1 % of endpoints dead", with_dead),
            ("callbacks, all to one endpoint", one_endpoint),
        ] {
            print::line(format_args!("| {name} | {} |", row.cells(raw)))?;
        }
        print::line(format_args!(
            "\nWith dead endpoints: {per_second:.2} times as many a second, and {p99:.2} times the p99. A callback's time is from its event to the receiver, at a steady rate; a raw POST's is until its answer."
        ))
    }
}
