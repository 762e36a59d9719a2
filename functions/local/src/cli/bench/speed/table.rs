//! The figures as people read them, from their JSON alone.

use serde_json::Value;

use super::super::goals::{self, Bound, Goal, cell};
use super::super::machine;
use super::row::ROWS;
use super::title;

const HEAD: &str = "\
| measured | per second | from … to | × proxy | p50 ms | p99 ms | CPU µs each | commits each \
| object syncs each | KB written each | peak memory MB | own MB | of files MB |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
";
const FOOT: &str = "\
A commit is one fsync of the write-ahead log; syncs of objects are told apart. A whole task is \
submit, webhook, copy, capture and callback. CPU is that of the proxy or the gateway alone; KB \
written are what its process gave the disk, the output with it. Own memory is heap and stacks, \
which the machine has nowhere else; that of files is pages of the program, which the system shares \
among its processes and can drop. Peak memory is both at once, as the kernel counts it.
";

pub(super) const GOALS: [Goal; 11] = [
    Goal {
        what: "submit, × proxy, with the emulator",
        figure: "/submit/times_proxy",
        bound: Bound::AtLeast(0.5),
    },
    Goal {
        what: "submit, × proxy, with the bare provider",
        figure: "/bare_provider/submit/times_proxy",
        bound: Bound::AtLeast(0.3),
    },
    Goal {
        what: "whole task, × proxy, with the emulator, 50 KB",
        figure: "/task/times_proxy",
        bound: Bound::AtLeast(0.15),
    },
    Goal {
        what: "commits a whole task",
        figure: "/task/commits_each",
        bound: Bound::AtMost(0.15),
    },
    Goal {
        what: "KB written a whole task, besides the output",
        figure: "/task/written_kb_each_besides_output",
        bound: Bound::AtMost(30.0),
    },
    Goal {
        what: "peak memory of whole tasks, MB",
        figure: "/task/peak_memory_mb",
        bound: Bound::AtMost(40.0),
    },
    Goal {
        what: "memory without work, MB",
        figure: "/memory/idle_mb",
        bound: Bound::AtMost(20.0),
    },
    Goal {
        what: "memory of a silent connection, KB",
        figure: "/memory/silent_connection_kb",
        bound: Bound::AtMost(10.0),
    },
    Goal {
        what: "webhook to callback alone, p50 ms",
        figure: "/latency/p50_ms",
        bound: Bound::AtMost(6.0),
    },
    Goal {
        what: "submits beside polled tasks, × without",
        figure: "/polled/times_without",
        bound: Bound::AtLeast(0.5),
    },
    Goal {
        what: "CPU a submit with two threads, × with one",
        figure: "/threads/two_times_one",
        bound: Bound::AtMost(1.2),
    },
];

/// One number a line: the rates with the emulator.
pub(in super::super) fn quiet(figures: &Value) -> String {
    let rate = |row: &super::Row| format!("{}\n", cell(&figures[row.name]["per_second"], 0));
    ROWS.iter().map(rate).collect()
}

pub(in super::super) fn table(figures: &Value) -> String {
    let goals = goals::table(figures);
    let machine = machine::line(&figures["machine"]);
    format!(
        "With the emulator as the provider:\n\n{}\nWith a bare provider:\n\n{}\n{FOOT}\n{}\n{goals}\n{} rounds of {} ms each, interleaved; medians. {machine}\n",
        rows(figures),
        rows(&figures["bare_provider"]),
        others(figures),
        figures["rounds"],
        figures["round_ms"],
    )
}

fn rows(figures: &Value) -> String {
    let row = |row: &super::Row| {
        let figures = &figures[row.name];
        let spread = &figures["per_second_spread"];
        let cells = [
            cell(&figures["per_second"], 0),
            format!("{} … {}", cell(&spread[0], 0), cell(&spread[1], 0)),
            cell(&figures["times_proxy"], 2),
            cell(&figures["p50_ms"], 2),
            cell(&figures["p99_ms"], 2),
            cell(&figures["cpu_us_each"], 0),
            cell(&figures["commits_each"], 3),
            cell(&figures["object_syncs_each"], 3),
            cell(&figures["written_kb_each"], 1),
            cell(&figures["peak_memory_mb"], 0),
            cell(&figures["peak_own_mb"], 0),
            cell(&figures["peak_file_mb"], 0),
        ];
        format!("| {} | {} |\n", title(row), cells.join(" | "))
    };
    format!("{HEAD}{}", ROWS.iter().map(row).collect::<String>())
}

/// What is no row of that table.
fn others(figures: &Value) -> String {
    let (latency, memory) = (&figures["latency"], &figures["memory"]);
    let (polled, threads) = (&figures["polled"], &figures["threads"]);
    let lines = [
        (
            "webhook to callback, one task after the other, 50 KB, p50 ms",
            cell(&latency["p50_ms"], 2),
        ),
        ("the same, p99 ms", cell(&latency["p99_ms"], 2)),
        ("memory without work, MB", cell(&memory["idle_mb"], 1)),
        ("of it own, MB", cell(&memory["idle_own_mb"], 1)),
        ("of it pages of files, MB", cell(&memory["idle_file_mb"], 1)),
        (
            "memory of a silent connection, KB",
            cell(&memory["silent_connection_kb"], 1),
        ),
        ("polled tasks beside submits", cell(&polled["tasks"], 0)),
        (
            "polls a second meanwhile",
            cell(&polled["polls_per_second"], 0),
        ),
        (
            "submits a second beside them",
            cell(&polled["per_second"], 0),
        ),
        (
            "submits a second without",
            cell(&polled["per_second_without"], 0),
        ),
        (
            "CPU µs a submit, one thread",
            cell(&threads["one"]["cpu_us_each"], 0),
        ),
        (
            "CPU µs a submit, two threads",
            cell(&threads["two"]["cpu_us_each"], 0),
        ),
    ];
    let row = |(what, figure): &(&str, String)| format!("| {what} | {figure} |\n");
    let lines: String = lines.iter().map(row).collect();
    format!("| measured | |\n|---|---|\n{lines}")
}
