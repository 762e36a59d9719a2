//! Counts times prices, as tables to read.

use std::fmt::{self, Write as _};

use super::{ColdStart, Counts, FUNCTIONS, LANES, Log, Prices, Sweeps, sweep_every_ms};
use crate::Stack;

const MILLION: f64 = 1_000_000.0;
const GB: f64 = 1_000_000_000.0;
const MB_OF_A_GB: f64 = 1024.0;

/// One line: how many a task needs, among many at once and alone, and the price of a million.
struct Line {
    what: &'static str,
    per_task: [f64; 2],
    usd_per_million: f64,
}

/// What a million tasks cost. Displays as Markdown.
pub struct Bill<'a> {
    pub prices: &'a Prices,
    /// As it was in the run, batches and all.
    pub busy: &'a Counts,
    /// One message in each batch, and no token that a process knows.
    pub sparse: &'a Counts,
    /// The sweeps of a tenant with many tasks, and of one with few.
    pub sweeps: [Sweeps; 2],
    pub cold_starts: &'a [ColdStart],
    pub stack: &'a Stack,
}

impl Bill<'_> {
    fn counted(&self) -> Vec<Line> {
        let line = |what, price, per_task| Line {
            what,
            per_task,
            usd_per_million: self.prices.usd(price),
        };
        let calls = |action: &'static str| self.each(move |counts| counts.calls_of(action) as f64);
        vec![
            line(
                "DynamoDB write units",
                "dynamodb_write",
                self.each(|counts| counts.write_units() as f64),
            ),
            line(
                "DynamoDB read units",
                "dynamodb_read",
                self.each(Counts::read_units),
            ),
            line(
                "the sweep's write units",
                "dynamodb_write",
                self.sweeps.map(|sweeps| sweeps.write_units()),
            ),
            line(
                "the sweep's read units",
                "dynamodb_read",
                self.sweeps.map(|sweeps| sweeps.read_units()),
            ),
            line("SQS sends", "sqs_request", self.each(Counts::sends)),
            line(
                "SQS receives and deletes, by Lambda",
                "sqs_request",
                self.polls(),
            ),
            line("SQS requests, for fair queues", "sqs_fair", self.fair()),
            line(
                "Lambda requests",
                "lambda_request",
                self.by_function(|_, _| 1.0),
            ),
            self.puts(),
            line("S3 GET and HEAD", "s3_get", calls("s3:GetObject")),
            self.logs("CloudWatch Logs, bytes of metrics and of trouble", |log| {
                (log.bytes - log.told_bytes, log.lines - log.told)
            }),
        ]
    }

    /// The parameter LogFilter turns them off.
    fn told(&self) -> Line {
        let what =
            "beside it: CloudWatch Logs, bytes of a line for each request, job and end of a task";
        self.logs(what, |log| (log.told_bytes, log.told))
    }

    fn logs(&self, what: &'static str, of: fn(Log) -> (usize, usize)) -> Line {
        Line {
            what,
            per_task: self.by_function(|name, counts| self.log_bytes(name, counts, of)),
            usd_per_million: self.prices.usd("logs_gb") * MILLION / GB,
        }
    }

    /// Billed to the bucket's owner.
    fn puts(&self) -> Line {
        let per_task = self.each(|counts| counts.calls_of("s3:PutObject") as f64);
        Line {
            what: "S3 PUT",
            per_task,
            usd_per_million: self.prices.usd("s3_put"),
        }
    }

    fn each(&self, count: impl Fn(&Counts) -> f64) -> [f64; 2] {
        [self.busy, self.sparse].map(|counts| counts.per_task(count(counts)))
    }

    fn polls(&self) -> [f64; 2] {
        let busy: usize = self
            .busy
            .polled
            .values()
            .map(|polled| polled.receives + polled.deletes)
            .sum();
        let sparse: usize = self
            .sparse
            .polled
            .values()
            .map(|polled| 2 * polled.messages)
            .sum();
        [
            self.busy.per_task(busy as f64),
            self.sparse.per_task(sparse as f64),
        ]
    }

    /// Requests about messages that name their tenant as their group.
    fn fair(&self) -> [f64; 2] {
        let busy: usize = self.busy.polled.values().map(|polled| polled.fair).sum();
        // With one message in each batch a lane whose messages name a group is received and deleted
        // by as many requests.
        let sparse: usize = self
            .sparse
            .polled
            .values()
            .map(|polled| {
                if polled.fair > 0 {
                    2 * polled.messages
                } else {
                    0
                }
            })
            .sum();
        let each =
            |counts: &Counts, polls: usize| counts.per_task((counts.fair_sends + polls) as f64);
        [each(self.busy, busy), each(self.sparse, sparse)]
    }

    /// What every invocation comes to.
    fn by_function(&self, each: impl Fn(&'static str, &Counts) -> f64) -> [f64; 2] {
        let (busy, sparse) = (self.busy, self.sparse);
        let sum = |counts: &Counts, invocations: &dyn Fn(&'static str) -> usize| {
            let all = FUNCTIONS
                .iter()
                .map(|name| invocations(name) as f64 * each(name, counts))
                .sum();
            counts.per_task(all)
        };
        [
            sum(busy, &|name| busy.invocations[name]),
            sum(sparse, &|name| sparse.unbatched(name)),
        ]
    }

    /// Of one invocation.
    fn log_bytes(&self, name: &'static str, counts: &Counts, of: fn(Log) -> (usize, usize)) -> f64 {
        let (bytes, lines) = of(counts.logs[name]);
        let bytes = bytes + lines * self.prices.assumptions.log_event_bytes;
        bytes as f64 / counts.invocations[name].max(1) as f64
    }

    fn gb_seconds(&self) -> [f64; 2] {
        self.by_function(|name, _| {
            self.stack.memory_mb(name) as f64 / MB_OF_A_GB * self.prices.assumptions.billed_ms[name]
                / 1000.0
        })
    }

    fn write_calls(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| function | asks | times | read units | write units |\n|---|---|---|---|---|"
        )?;
        for name in FUNCTIONS {
            for (asked, units) in self
                .sparse
                .calls
                .iter()
                .filter(|(asked, _)| asked.function == name)
            {
                let each = |count: f64| number(self.sparse.per_task(count));
                let (calls, writes) = (each(units.calls as f64), each(units.write_units as f64));
                writeln!(
                    f,
                    "| {name} | `{}` | {calls} | {} | {writes} |",
                    asked.action,
                    each(units.read_units)
                )?;
            }
        }
        writeln!(f)
    }

    fn write_money(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| line | USD a million | at once: a task | USD a million tasks | alone: a task | USD a million tasks |\n|---|---|---|---|---|---|"
        )?;
        let mut sums = [0.0; 2];
        let puts = self.puts();
        for line in self.counted() {
            line.write(f)?;
            sums = [sums[0] + line.usd(0), sums[1] + line.usd(1)];
        }
        writeln!(
            f,
            "| **sum of what was counted** | | | **{:.2}** | | **{:.2}** |",
            sums[0], sums[1]
        )?;
        let [busy, sparse] = [0, 1].map(|n| sums[n] - puts.usd(n));
        writeln!(
            f,
            "| the same in buckets that are the tenants' own | | | {busy:.2} | | {sparse:.2} |"
        )?;
        self.told().write(f)?;
        let usd_per_million = self.prices.usd("lambda_gb_second");
        let compute = Line {
            what: "Lambda GB-seconds, assumed",
            per_task: self.gb_seconds(),
            usd_per_million,
        };
        compute.write(f)?;
        writeln!(
            f,
            "| sum with compute | | | {:.2} | | {:.2} |",
            sums[0] + compute.usd(0),
            sums[1] + compute.usd(1)
        )?;
        let (floor, goal) = (self.prices.usd("s3_put"), &self.prices.goal_usd);
        writeln!(
            f,
            "| floor: one S3 PUT a task | | | {floor:.2} | | {floor:.2} |"
        )?;
        writeln!(
            f,
            "| goal for what was counted | | | {:.2} | | {:.2} |\n| goal in the tenants' own buckets | | | {:.2} | | |\n",
            goal.at_once, goal.alone, goal.at_once_own_buckets
        )
    }

    fn write_batches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (lane, function) in LANES {
            let (messages, invocations) = (
                self.busy.polled[lane].messages,
                self.busy.invocations[function],
            );
            write!(
                text,
                " {lane} {:.1},",
                messages as f64 / invocations.max(1) as f64
            )?;
        }
        writeln!(
            f,
            "Messages of one invocation, tasks at once:{}.",
            text.trim_end_matches(',')
        )?;
        let mut text = String::new();
        for name in FUNCTIONS {
            let (billed_ms, memory_mb) = (
                self.prices.assumptions.billed_ms[name],
                self.stack.memory_mb(name),
            );
            write!(text, " {name} {billed_ms} ms at {memory_mb} MB,")?;
        }
        writeln!(
            f,
            "Assumed for one invocation:{}.\n",
            text.trim_end_matches(',')
        )
    }

    fn write_sweeps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [busy, sparse] = self.sweeps.map(|sweeps| sweeps.density);
        let minutes = sweep_every_ms() / 60_000;
        writeln!(
            f,
            "The sweep, each {minutes} minutes, is shared by the tasks that a tenant makes between two: {busy} at once, {sparse} alone.\n"
        )
    }

    fn write_cold_starts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = [
            ("dynamodb:GetItem", "dynamodb_read"),
            ("secretsmanager:GetSecretValue", "secrets_call"),
        ];
        writeln!(
            f,
            "| a process that starts | `{}` | `{}` | USD a million |\n|---|---|---|---|",
            actions[0].0, actions[1].0
        )?;
        for start in self.cold_starts {
            let count = |action: &str| {
                let of_action = start
                    .calls
                    .iter()
                    .filter(|(asked, _)| asked.action == action);
                of_action.map(|(_, units)| units.calls).sum::<usize>() as f64
                    / start.processes as f64
            };
            let usd: f64 = actions
                .iter()
                .map(|(action, price)| count(action) * self.prices.usd(price))
                .sum();
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
        let Self {
            what,
            per_task,
            usd_per_million,
        } = self;
        let [busy, sparse] = per_task.map(number);
        let usd = [self.usd(0), self.usd(1)];
        writeln!(
            f,
            "| {what} | {usd_per_million} | {busy} | {:.2} | {sparse} | {:.2} |",
            usd[0], usd[1]
        )
    }
}

impl fmt::Display for Bill<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Prices { region, as_of, .. } = self.prices;
        writeln!(
            f,
            "What one task asks when it comes alone, with a token that the gateway does not know:\n"
        )?;
        self.write_calls(f)?;
        let (busy, sparse) = (self.busy.tasks, self.sparse.tasks);
        writeln!(
            f,
            "{region}, list prices of {as_of} without free tier; {busy} tasks at once, and {sparse} alone:\n"
        )?;
        self.write_money(f)?;
        self.write_batches(f)?;
        self.write_sweeps(f)?;
        self.write_cold_starts(f)
    }
}

/// Whole numbers as they are, others rounded to their significant digits.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
