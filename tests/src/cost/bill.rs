//! Counts times prices, as tables to read.

use std::fmt::{self, Write as _};

use super::{ColdStart, Counts, FUNCTIONS, LANES, Prices};
use crate::Stack;

const MILLION: f64 = 1_000_000.0;
const GB: f64 = 1_000_000_000.0;
const MB_OF_A_GB: f64 = 1024.0;

/// One line: how many a task needs, as they were in the run and at worst, and the price of a million.
struct Line {
    what: &'static str,
    per_task: [f64; 2],
    usd_per_million: f64,
}

/// What a million tasks cost. Displays as Markdown.
pub struct Bill<'a> {
    counts: &'a Counts,
    prices: &'a Prices,
    cold_starts: &'a [ColdStart],
    memory_mb: Vec<(&'static str, f64)>,
}

impl<'a> Bill<'a> {
    pub fn of(counts: &'a Counts, prices: &'a Prices, stack: &Stack, cold_starts: &'a [ColdStart]) -> Self {
        let memory_mb = FUNCTIONS.map(|name| (name, stack.memory_mb(name) as f64)).into();
        Self { counts, prices, cold_starts, memory_mb }
    }

    fn counted(&self) -> Vec<Line> {
        let line = |what, per_task, price| Line { what, per_task, usd_per_million: self.prices.usd(price) };
        let counts = self.counts;
        let always = |count: usize| [counts.per_task(count as f64); 2];
        let sends = counts.calls_of("sqs:SendMessage") + counts.calls_of("sqs:SendMessageBatch");
        vec![
            line("DynamoDB write units", always(counts.write_units() as usize), "dynamodb_write"),
            line("DynamoDB read units", self.read_units(), "dynamodb_read"),
            line("SQS sends", always(sends), "sqs_request"),
            line("SQS receives and deletes, by Lambda", self.polls(), "sqs_request"),
            line("Lambda requests", self.invocations(), "lambda_request"),
            line("S3 PUT", always(counts.calls_of("s3:PutObject")), "s3_put"),
            line("S3 GET and HEAD", always(counts.calls_of("s3:GetObject")), "s3_get"),
            Line {
                what: "CloudWatch Logs, bytes",
                per_task: self.log_bytes(),
                usd_per_million: self.prices.usd("logs_gb") * MILLION / GB,
            },
        ]
    }

    /// At worst no token is known to the process that it comes to.
    fn read_units(&self) -> [f64; 2] {
        let (all, tokens) = (self.counts.read_units(), self.counts.token_lookups().read_units);
        [self.counts.per_task(all), self.counts.per_task(all - tokens) + 1.0]
    }

    fn polls(&self) -> [f64; 2] {
        let polled = || self.counts.polled.values();
        let as_run: usize = polled().map(|polled| polled.receives + polled.deletes).sum();
        let messages: usize = polled().map(|polled| polled.messages).sum();
        [as_run, 2 * messages].map(|count| self.counts.per_task(count as f64))
    }

    fn invocations(&self) -> [f64; 2] {
        self.by_function(|_| 1.0)
    }

    /// At worst every message has lines of its own.
    fn log_bytes(&self) -> [f64; 2] {
        let event_bytes = self.prices.assumptions.log_event_bytes;
        self.by_function(|name| {
            let log = self.counts.logs[name];
            (log.bytes + log.lines * event_bytes) as f64 / self.counts.invocations[name].max(1) as f64
        })
    }

    fn gb_seconds(&self) -> [f64; 2] {
        self.by_function(|name| {
            let memory_mb = self.memory_mb.iter().find(|(of, _)| *of == name).map_or(0.0, |(_, memory_mb)| *memory_mb);
            memory_mb / MB_OF_A_GB * self.prices.assumptions.billed_ms[name] / 1000.0
        })
    }

    /// What each invocation comes to, over all functions: batched as in the run, and with one message each.
    fn by_function(&self, each: impl Fn(&'static str) -> f64) -> [f64; 2] {
        let sum = |invocations: &dyn Fn(&'static str) -> usize| {
            FUNCTIONS.iter().map(|name| invocations(name) as f64 * each(name)).sum()
        };
        let as_run: f64 = sum(&|name| self.counts.invocations[name]);
        let at_worst: f64 = sum(&|name| self.counts.unbatched(name));
        [as_run, at_worst].map(|count| self.counts.per_task(count))
    }

    fn write_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| function | asks | times | read units | write units |\n|---|---|---|---|---|")?;
        for name in FUNCTIONS {
            for (asked, units) in self.counts.calls.iter().filter(|(asked, _)| asked.function == name) {
                let each = |count: f64| number(self.counts.per_task(count));
                let (calls, writes) = (each(units.calls as f64), each(units.write_units as f64));
                writeln!(f, "| {name} | `{}` | {calls} | {} | {writes} |", asked.action, each(units.read_units))?;
            }
        }
        writeln!(f)
    }

    fn write_money(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| of a million tasks | USD a million | each, as run | USD | each, at worst | USD |\n|---|---|---|---|---|---|"
        )?;
        let mut sums = [0.0; 2];
        for line in self.counted() {
            line.write(f)?;
            sums = [sums[0] + line.usd(0), sums[1] + line.usd(1)];
        }
        writeln!(f, "| **sum of what was counted** | | | **{:.2}** | | **{:.2}** |", sums[0], sums[1])?;
        let usd_per_million = self.prices.usd("lambda_gb_second");
        let compute = Line { what: "Lambda GB-seconds, assumed", per_task: self.gb_seconds(), usd_per_million };
        compute.write(f)?;
        writeln!(f, "| sum with compute | | | {:.2} | | {:.2} |", sums[0] + compute.usd(0), sums[1] + compute.usd(1))?;
        let (floor, goal) = (self.prices.usd("s3_put"), self.prices.goal_usd);
        writeln!(f, "| floor: one S3 PUT a task | | | {floor:.2} | | {floor:.2} |")?;
        writeln!(f, "| goal for what was counted | | | {goal:.2} | | {goal:.2} |\n")
    }

    fn write_batches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (lane, function) in LANES {
            let (messages, invocations) = (self.counts.polled[lane].messages, self.counts.invocations[function]);
            write!(text, " {lane} {:.1},", messages as f64 / invocations.max(1) as f64)?;
        }
        writeln!(f, "Messages of one invocation, as run:{}.", text.trim_end_matches(','))?;
        let mut text = String::new();
        for (name, memory_mb) in &self.memory_mb {
            write!(text, " {name} {} ms at {memory_mb} MB,", self.prices.assumptions.billed_ms[*name])?;
        }
        writeln!(f, "Assumed of one invocation:{}.\n", text.trim_end_matches(','))
    }

    fn write_cold_starts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = [("dynamodb:GetItem", "dynamodb_read"), ("secretsmanager:GetSecretValue", "secrets_call")];
        writeln!(
            f,
            "| a process that starts | `{}` | `{}` | USD a million |\n|---|---|---|---|",
            actions[0].0, actions[1].0
        )?;
        for start in self.cold_starts {
            let count = |action: &str| {
                let of_action = start.calls.iter().filter(|(asked, _)| asked.action == action);
                of_action.map(|(_, units)| units.calls).sum::<usize>() as f64 / start.processes as f64
            };
            let usd: f64 = actions.iter().map(|(action, price)| count(action) * self.prices.usd(price)).sum();
            let [reads, secrets] = actions.map(|(action, _)| number(count(action)));
            writeln!(f, "| {} | {reads} | {secrets} | {usd:.2} |", start.function)?;
        }
        Ok(())
    }
}

impl Line {
    fn usd(&self, column: usize) -> f64 {
        self.per_task[column] * self.usd_per_million
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, per_task, usd_per_million } = self;
        let [as_run, at_worst] = per_task.map(number);
        let usd = [self.usd(0), self.usd(1)];
        writeln!(f, "| {what} | {usd_per_million} | {as_run} | {:.2} | {at_worst} | {:.2} |", usd[0], usd[1])
    }
}

impl fmt::Display for Bill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prices { region, as_of, .. } = self.prices;
        writeln!(f, "{} tasks, {region}, list prices of {as_of} without free tier.\n", self.counts.tasks)?;
        self.write_calls(f)?;
        self.write_money(f)?;
        self.write_batches(f)?;
        self.write_cold_starts(f)
    }
}

/// Whole numbers as such, others with what matters of them.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
