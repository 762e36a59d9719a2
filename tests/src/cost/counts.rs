//! What tasks asked of AWS, added up by who asked for what.

use std::collections::BTreeMap;

use super::{FUNCTIONS, LANES};
use crate::Stack;
use crate::aws_calls::AwsCall;
use crate::lambda::Polled;

/// One function and one action, as in an IAM policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    pub function: String,
    pub action: String,
}

/// What AWS bills for some calls.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Units {
    pub calls: usize,
    pub read_units: f64,
    pub write_units: u64,
}

impl Units {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
        }
    }
}

/// What one function printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Log {
    pub bytes: usize,
    pub lines: usize,
    /// Of them, those that tell of one request or one job.
    pub told: usize,
    pub told_bytes: usize,
}

/// Of this many tasks together.
#[derive(Debug)]
pub struct Counts {
    pub tasks: usize,
    /// Without what a process keeps for minutes, which no task pays for alone.
    pub calls: BTreeMap<Asked, Units>,
    /// Sends of messages that name a group.
    pub fair_sends: usize,
    pub invocations: BTreeMap<&'static str, usize>,
    pub logs: BTreeMap<&'static str, Log>,
    /// By lane: what the platform itself asked of SQS.
    pub polled: BTreeMap<&'static str, Polled>,
}

/// How far the functions were at one moment.
pub(super) struct Mark {
    invocations: BTreeMap<&'static str, usize>,
    logs: BTreeMap<&'static str, Log>,
}

impl Mark {
    pub(super) fn of(stack: &Stack) -> Self {
        let each = FUNCTIONS.map(|name| (name, stack.function(name)));
        Self {
            invocations: each
                .iter()
                .map(|(name, function)| (*name, function.invocations()))
                .collect(),
            logs: each
                .iter()
                .map(|(name, function)| (*name, Log::of(&function.log())))
                .collect(),
        }
    }
}

/// The target of the lines of requests, of jobs and of ends of tasks.
const TOLD: &str = "\"target\":\"fluxgate::";

impl Log {
    fn of(text: &str) -> Self {
        let told = text.lines().filter(|line| line.contains(TOLD));
        let (told, told_bytes) = told.fold((0, 0), |(lines, bytes), line| {
            (lines + 1, bytes + line.len() + 1)
        });
        Self {
            bytes: text.len(),
            lines: text.lines().count(),
            told,
            told_bytes,
        }
    }
}

impl Counts {
    /// What has happened since the mark, at which the book of calls was empty.
    pub(super) fn since(
        mark: &Mark,
        stack: &Stack,
        tasks: usize,
        polled: BTreeMap<&'static str, Polled>,
    ) -> Self {
        let now = Mark::of(stack);
        let logged = |name: &'static str| {
            let (before, after) = (mark.logs[name], now.logs[name]);
            Log {
                bytes: after.bytes - before.bytes,
                lines: after.lines - before.lines,
                told: after.told - before.told,
                told_bytes: after.told_bytes - before.told_bytes,
            }
        };
        let calls = stack.calls.all();
        Self {
            tasks,
            calls: add_up(calls.iter().filter(|call| is_of_a_task(call))),
            fair_sends: calls
                .iter()
                .filter(|call| is_of_a_task(call) && call.is_fair)
                .count(),
            invocations: FUNCTIONS
                .map(|name| (name, now.invocations[name] - mark.invocations[name]))
                .into(),
            logs: FUNCTIONS.map(|name| (name, logged(name))).into(),
            polled,
        }
    }

    /// Calls of one action by anybody.
    pub fn calls_of(&self, action: &str) -> usize {
        self.calls
            .iter()
            .filter(|(asked, _)| asked.action == action)
            .map(|(_, units)| units.calls)
            .sum()
    }

    pub fn sends(&self) -> f64 {
        (self.calls_of("sqs:SendMessage") + self.calls_of("sqs:SendMessageBatch")) as f64
    }

    pub fn read_units(&self) -> f64 {
        self.calls.values().map(|units| units.read_units).sum()
    }

    pub fn write_units(&self) -> u64 {
        self.calls.values().map(|units| units.write_units).sum()
    }

    /// How often a function would have been invoked with one message each time.
    pub fn unbatched(&self, function: &str) -> usize {
        let lane = LANES.iter().find(|(_, name)| *name == function);
        lane.map_or_else(
            || self.invocations[function],
            |(lane, _)| self.polled[lane].messages,
        )
    }

    pub fn per_task(&self, count: f64) -> f64 {
        count / self.tasks as f64
    }
}

/// A process caches secrets and credentials and reads them again every few minutes, whatever the
/// number of tasks.
fn is_of_a_task(call: &AwsCall) -> bool {
    FUNCTIONS.contains(&call.function.as_str())
        && !call.action.starts_with("secretsmanager:")
        && !call.action.starts_with("sts:")
}

pub(super) fn add_up<'a>(calls: impl Iterator<Item = &'a AwsCall>) -> BTreeMap<Asked, Units> {
    let mut sums: BTreeMap<Asked, Units> = BTreeMap::new();
    for call in calls {
        let asked = Asked {
            function: call.function.clone(),
            action: call.action.clone(),
        };
        let units = sums.entry(asked).or_default();
        units.calls += 1;
        units.read_units += call.read_units.units();
        units.write_units += call.write_units.0;
    }
    sums
}
