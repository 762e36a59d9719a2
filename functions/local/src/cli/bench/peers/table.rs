//! The figures of peers as people read them, from their JSON alone.

use serde_json::Value;

use super::super::goals::{self, Bound, Goal, cell};
use super::super::machine;

const HEAD: &str = "\
| c=32, bare provider | per second | p50 ms | p99 ms | CPU µs each | peak memory MB \
| Fluxgate × this | Fluxgate's memory × this |
|---|---|---|---|---|---|---|---|
";
const ROWS: [(&str, &str); 4] = [
    ("proxy", "bare hyper proxy"),
    ("submit", "Fluxgate, durable submit"),
    ("portkey", "Portkey, an image request forwarded"),
    ("litellm", "LiteLLM, an image request forwarded"),
];
const FOOT: &str = "\
The peers forward an image request of OpenAI's API and answer what the bare provider answers. \
Fluxgate's submit does more: the task and a hold on the tenant's money are on the disk before it \
is forwarded. What they cannot do, such as webhooks, copies and callbacks, is not compared.
";

pub(super) const GOALS: [Goal; 4] = [
    Goal {
        what: "submits, × Portkey's forwards",
        figure: "/portkey/submit_times_this",
        bound: Bound::AtLeast(10.0),
    },
    Goal {
        what: "submits, × LiteLLM's forwards",
        figure: "/litellm/submit_times_this",
        bound: Bound::AtLeast(100.0),
    },
    Goal {
        what: "memory, × Portkey's",
        figure: "/portkey/submit_memory_times_this",
        bound: Bound::AtMost(0.2),
    },
    Goal {
        what: "memory, × LiteLLM's",
        figure: "/litellm/submit_memory_times_this",
        bound: Bound::AtMost(0.2),
    },
];

/// One number a line: the rates of those that were measured.
pub(in super::super) fn quiet(figures: &Value) -> String {
    let measured = ROWS.iter().filter(|(name, _)| figures[name].is_object());
    let rate = |(name, _): &(&str, &str)| format!("{}\n", cell(&figures[name]["per_second"], 0));
    measured.map(rate).collect()
}

pub(in super::super) fn table(figures: &Value) -> String {
    let measured = ROWS.iter().filter(|(name, _)| figures[name].is_object());
    let rows: String = measured
        .map(|(name, title)| line(title, &figures[name]))
        .collect();
    format!(
        "{HEAD}{rows}\n{FOOT}\n{}\n{} rounds, interleaved; medians. {}\n",
        goals::table(figures),
        figures["rounds"],
        machine::line(&figures["machine"])
    )
}

fn line(title: &str, row: &Value) -> String {
    let cells = [
        cell(&row["per_second"], 0),
        cell(&row["p50_ms"], 2),
        cell(&row["p99_ms"], 2),
        cell(&row["cpu_us_each"], 0),
        cell(&row["peak_memory_mb"], 0),
        cell(&row["submit_times_this"], 2),
        cell(&row["submit_memory_times_this"], 2),
    ];
    format!("| {title} | {} |\n", cells.join(" | "))
}
