//! The table of callbacks.

use serde_json::{Value, json};

use super::super::goals::{self, Bound, Goal, cell};
use super::super::machine;
use super::AT_ONCE;

const HEAD: &str = "\
| measured | per second | × raw | p50 ms | p99 ms | peak memory MB |
|---|---|---|---|---|---|
";

pub(super) const GOALS: [Goal; 2] = [
    Goal {
        what: "callbacks, × raw POSTs",
        figure: "/callbacks/times_raw",
        bound: Bound::AtLeast(0.6),
    },
    Goal {
        what: "callbacks with dead endpoints, × without",
        figure: "/dead_times_without/per_second",
        bound: Bound::AtLeast(0.9),
    },
];

/// One row: how many a second, and how long each takes at a steady, lower rate.
pub(super) struct Row {
    pub(super) per_second: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) memory_mb: f64,
}

pub(super) struct Rows {
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

    fn json(&self, raw: &Self) -> Value {
        json!({
            "per_second": self.per_second, "times_raw": self.per_second / raw.per_second,
            "p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "peak_memory_mb": self.memory_mb,
        })
    }
}

impl Rows {
    pub(super) fn json(&self) -> Value {
        let raw = &self.raw;
        let (dead, without) = (&self.with_dead, &self.callbacks);
        json!({
            "bench": "callbacks", "raw": raw.json(raw), "callbacks": self.callbacks.json(raw),
            "with_dead": self.with_dead.json(raw), "one_endpoint": self.one_endpoint.json(raw),
            "dead_times_without": {
                "per_second": dead.per_second / without.per_second,
                "p99": dead.p99_ms / without.p99_ms.max(1.0),
            },
        })
    }
}

/// One number a line: the rates.
pub(in super::super) fn quiet(figures: &Value) -> String {
    let names = ["raw", "callbacks", "with_dead", "one_endpoint"];
    let rate = |name| format!("{}\n", cell(&figures[name]["per_second"], 0));
    names.map(rate).concat()
}

/// What the figures look like to people.
pub(in super::super) fn table(figures: &Value) -> String {
    let rows = [
        (format!("raw hyper POSTs, c={AT_ONCE}"), "raw"),
        ("callbacks to 208 endpoints".to_owned(), "callbacks"),
        ("callbacks, 1 % of endpoints dead".to_owned(), "with_dead"),
        ("callbacks, all to one endpoint".to_owned(), "one_endpoint"),
    ];
    let row = |(title, name): &(String, &str)| {
        let row = &figures[name];
        let cells = [
            cell(&row["per_second"], 0),
            cell(&row["times_raw"], 2),
            cell(&row["p50_ms"], 1),
            cell(&row["p99_ms"], 1),
            cell(&row["peak_memory_mb"], 0),
        ];
        format!("| {title} | {} |\n", cells.join(" | "))
    };
    let table: String = rows.iter().map(row).collect();
    let ratios = &figures["dead_times_without"];
    let text = format!(
        "{HEAD}{table}\nWith dead endpoints: {} times as many a second, and {} times the p99. A callback's time is from its event to the receiver, at a steady rate; a raw POST's is until its answer.\n",
        cell(&ratios["per_second"], 2),
        cell(&ratios["p99"], 2)
    );
    let machine = &figures["machine"];
    // Runs of earlier releases told of neither.
    match machine.is_object() {
        true => format!(
            "{text}\n{}\n{}\n",
            goals::table(figures),
            machine::line(machine)
        ),
        false => text,
    }
}
