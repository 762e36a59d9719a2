//! The figures of growth as people read them, from their JSON alone.

use serde_json::Value;

use super::super::goals::{self, Bound, Goal, cell};
use super::super::machine;

/// Names in the JSON, and titles.
const TIMES: [(&str, &str); 9] = [
    ("start", "start until the first answer"),
    ("list", "list of tasks, a page of 100"),
    ("predictions", "predictions, a page of 100"),
    ("usage", "usage of 30 days"),
    ("usage_stats", "usage statistics of 30 days"),
    ("billings", "billings of 30 days, a page of 100"),
    ("ledger", "ledger of 30 days, a page of 100"),
    ("statement", "statement of a month"),
    ("check", "`accounts check` of all"),
];
const RATES: [(&str, &str); 2] = [
    ("submit", "submits a second, c=8"),
    ("submit_with_key", "the same with `Idempotency-Key`"),
];

pub(super) const GOALS: [Goal; 11] = [
    most_twice("list of tasks, × the smallest", "/rows/list/times_smallest"),
    most_twice("predictions", "/rows/predictions/times_smallest"),
    most_twice("usage", "/rows/usage/times_smallest"),
    most_twice("usage statistics", "/rows/usage_stats/times_smallest"),
    most_twice("billings", "/rows/billings/times_smallest"),
    most_twice("ledger", "/rows/ledger/times_smallest"),
    most_twice("statement", "/rows/statement/times_smallest"),
    Goal {
        what: "`accounts check` of the largest, peak memory MB",
        figure: "/rows/check/peak_memory_mb/2",
        bound: Bound::AtMost(100.0),
    },
    Goal {
        what: "submits, × the smallest",
        figure: "/rows/submit/times_smallest",
        bound: Bound::AtLeast(0.85),
    },
    Goal {
        what: "submits with key, × the smallest",
        figure: "/rows/submit_with_key/times_smallest",
        bound: Bound::AtLeast(0.85),
    },
    Goal {
        what: "p99 of submits beside four reports, × without",
        figure: "/submits_beside_reports/times_without",
        bound: Bound::AtMost(2.0),
    },
];

const fn most_twice(what: &'static str, figure: &'static str) -> Goal {
    Goal {
        what,
        figure,
        bound: Bound::AtMost(2.0),
    }
}

/// One number a line: the ratios of the largest to the smallest.
pub(in super::super) fn quiet(figures: &Value) -> String {
    let ratio = |(name, _): &(&str, &str)| {
        format!("{}\n", cell(&figures["rows"][name]["times_smallest"], 2))
    };
    TIMES.iter().chain(&RATES).map(ratio).collect()
}

pub(in super::super) fn table(figures: &Value) -> String {
    let tasks = &figures["tasks"];
    let head = format!(
        "| with so many tasks | {} | {} | {} | largest × smallest |\n|---|---|---|---|---|\n",
        tasks[0], tasks[1], tasks[2]
    );
    let times = TIMES.iter().map(|(name, title)| {
        let row = &figures["rows"][name];
        line(
            &format!("{title}, ms"),
            &row["ms"],
            2,
            &row["times_smallest"],
        )
    });
    let rates = RATES.iter().map(|(name, title)| {
        let row = &figures["rows"][name];
        line(title, &row["per_second"], 0, &row["times_smallest"])
    });
    let check = &figures["rows"]["check"]["peak_memory_mb"];
    let memory = line("`accounts check`, peak memory MB", check, 0, &Value::Null);
    let rows: String = times.chain([memory]).chain(rates).collect();
    let beside = &figures["submits_beside_reports"];
    format!(
        "{head}{rows}\nA dash: refused, because there was too much to read. Beside four reports that are asked for without a pause, the p99 of submits on the largest folder is {} ms, and {} ms without.\n\n{}\n{} rounds, interleaved; medians. {}\n",
        cell(&beside["p99_ms"], 1),
        cell(&beside["p99_ms_without"], 1),
        goals::table(figures),
        figures["rounds"],
        machine::line(&figures["machine"])
    )
}

fn line(title: &str, figures: &Value, decimals: usize, ratio: &Value) -> String {
    let cells = [0, 1, 2].map(|n| cell(&figures[n], decimals));
    format!("| {title} | {} | {} |\n", cells.join(" | "), cell(ratio, 2))
}
