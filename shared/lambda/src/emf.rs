//! The core's metrics, added up over one invocation and printed in CloudWatch's embedded metric
//! format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use fluxgate_core::port::{Clock as _, SystemClock};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use serde_json::{Map, Value, json};

use crate::cloudwatch::{CLOUDWATCH_METRICS, CloudWatchMetric};

const NAMESPACE: &str = "Fluxgate";
/// The dimension that all metrics have: several stacks of an account and region do not add up.
const STACK_DIMENSION: &str = "Stack";
const STACK_DEFAULT: &str = "fluxgate";
/// Where the format is, in each line.
const AWS: &str = "_aws";
const DIRECTIVES: &str = "CloudWatchMetrics";
/// The maximum number of values for one metric in one line, according to the specification.
const VALUES_MAX: usize = 100;

/// Whose metrics they are.
struct Origin {
    stack: String,
    function: String,
}

static ORIGIN: OnceLock<Origin> = OnceLock::new();

/// Names the stack and the function that the metrics are of.
pub(crate) fn start(stack: &str, function: &str) {
    // Already named: in a test that wires several functions in one process.
    ORIGIN.get_or_init(|| Origin {
        stack: stack.to_owned(),
        function: function.to_owned(),
    });
}

/// This function's name, without the stack's.
pub(crate) fn function() -> &'static str {
    ORIGIN.get().map_or("function", |origin| &origin.function)
}

fn stack() -> &'static str {
    ORIGIN.get().map_or(STACK_DEFAULT, |origin| &origin.stack)
}

/// A dimension's name and value, beside the stack; none for metrics that have no other.
pub(crate) type Dimension = Option<(String, String)>;

/// The aggregate of one metric.
struct Sum {
    unit: &'static str,
    values: Vec<i64>,
}

type Sums = BTreeMap<&'static str, Sum>;

/// The metrics of the invocation so far.
static PENDING: Mutex<BTreeMap<Dimension, Sums>> = Mutex::new(BTreeMap::new());

pub(crate) fn record(
    dimension: Dimension,
    (name, unit): (&'static str, &'static str),
    change: impl FnOnce(&mut Vec<i64>),
) {
    let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
    let sums = pending.entry(dimension).or_default();
    let sum = sums.entry(name).or_insert_with(|| Sum {
        unit,
        values: Vec::new(),
    });
    change(&mut sum.values);
}

/// Collects what [`flush`] prints.
pub(crate) struct EmfRecorder;

impl Recorder for EmfRecorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Pending::of(key).map_or_else(Counter::noop, |pending| {
            Counter::from_arc(Arc::new(pending))
        })
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Pending::of(key).map_or_else(Gauge::noop, |pending| Gauge::from_arc(Arc::new(pending)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let pending = Pending::of(key);
        pending.map_or_else(Histogram::noop, |pending| {
            Histogram::from_arc(Arc::new(pending))
        })
    }
}

/// One metric under one dimension.
struct Pending {
    metric: &'static CloudWatchMetric,
    dimension: Dimension,
}

impl Pending {
    /// `None` for metrics that are not the core's.
    fn of(key: &Key) -> Option<Self> {
        let metric = CLOUDWATCH_METRICS
            .iter()
            .find(|known| known.metric.name == key.name())?;
        let label = key.labels().next();
        let dimension = label.map(|label| (label.key().to_owned(), label.value().to_owned()));
        Some(Self { metric, dimension })
    }

    fn record(&self, change: impl FnOnce(&mut Vec<i64>)) {
        let metric = (self.metric.name, self.metric.unit);
        record(self.dimension.clone(), metric, change);
    }

    /// CloudWatch takes integers and fractions; all of ours are integers there.
    fn scaled(&self, value: f64) -> i64 {
        (value * self.metric.per_unit).round() as i64
    }
}

/// Adds up.
impl CounterFn for Pending {
    fn increment(&self, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.record(|values| match values.first_mut() {
            Some(total) => *total = total.saturating_add(value),
            None => values.push(value),
        });
    }

    fn absolute(&self, value: u64) {
        self.record(|values| *values = vec![i64::try_from(value).unwrap_or(i64::MAX)]);
    }
}

/// Tells the last value.
impl GaugeFn for Pending {
    fn increment(&self, value: f64) {
        let change = self.scaled(value);
        self.record(|values| *values = vec![values.first().map_or(change, |last| last + change)]);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }

    fn set(&self, value: f64) {
        self.record(|values| *values = vec![self.scaled(value)]);
    }
}

/// Keeps what was measured one by one.
impl HistogramFn for Pending {
    fn record(&self, value: f64) {
        Pending::record(self, |values| values.push(self.scaled(value)));
    }
}

/// Prints what was collected since the last flush, in as few lines as there may be.
#[expect(
    clippy::print_stdout,
    reason = "CloudWatch reads metrics from the function's standard output"
)]
pub(crate) fn flush() {
    let pending = std::mem::take(&mut *PENDING.lock().unwrap_or_else(PoisonError::into_inner));
    let now = SystemClock.now().0;
    let lines = pending
        .iter()
        .flat_map(|(dimension, sums)| lines(dimension, sums, now));
    for line in merged(lines) {
        println!("{line}");
    }
}

/// Each line costs by its bytes and some more. Those without a name in common are one line: it has
/// a directive for each dimension.
fn merged(lines: impl Iterator<Item = Map<String, Value>>) -> Vec<Value> {
    let mut merged: Vec<Map<String, Value>> = Vec::new();
    for mut line in lines {
        let is_apart = |other: &&mut Map<String, Value>| {
            let mut own = line
                .keys()
                .filter(|name| *name != AWS && *name != STACK_DIMENSION);
            own.all(|name| !other.contains_key(name))
        };
        let Some(known) = merged.iter_mut().find(is_apart) else {
            merged.push(line);
            continue;
        };
        let directives = line.remove(AWS).map(|mut aws| aws[DIRECTIVES].take());
        if let (Some(Value::Array(more)), Some(Value::Array(all))) = (
            directives,
            known.get_mut(AWS).and_then(|aws| aws.get_mut(DIRECTIVES)),
        ) {
            all.extend(more);
        }
        known.extend(line);
    }
    merged.into_iter().map(Value::Object).collect()
}

/// As many lines as the metric with the most values needs: CloudWatch drops one that holds more of
/// them than it takes, without a word.
fn lines(dimension: &Dimension, sums: &Sums, at_ms: i64) -> Vec<Map<String, Value>> {
    let parts = sums
        .values()
        .map(|sum| sum.values.len().div_ceil(VALUES_MAX))
        .max()
        .unwrap_or(0);
    let part = |n: usize| {
        let of = |sum: &Sum| {
            sum.values
                .chunks(VALUES_MAX)
                .nth(n)
                .map(|values| (sum.unit, values.to_vec()))
        };
        let sums = sums
            .iter()
            .filter_map(|(name, sum)| of(sum).map(|(unit, values)| (*name, Sum { unit, values })));
        line(dimension, &sums.collect(), at_ms)
    };
    (0..parts).map(part).collect()
}

fn line(dimension: &Dimension, sums: &Sums, at_ms: i64) -> Map<String, Value> {
    let more = dimension.iter().map(|(name, _)| name.as_str());
    let names: Vec<&str> = std::iter::once(STACK_DIMENSION).chain(more).collect();
    let metrics: Vec<Value> = sums
        .iter()
        .map(|(name, sum)| json!({ "Name": name, "Unit": sum.unit }))
        .collect();
    let mut line = Map::new();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics });
    line.insert(
        AWS.to_owned(),
        json!({ "Timestamp": at_ms, DIRECTIVES: [directive] }),
    );
    line.insert(STACK_DIMENSION.to_owned(), stack().into());
    line.extend(
        dimension
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str()))),
    );
    line.extend(sums.iter().map(|(name, sum)| {
        let value = if let [one] = sum.values[..] {
            Value::from(one)
        } else {
            Value::from(sum.values.clone())
        };
        ((*name).to_owned(), value)
    }));
    line
}

#[cfg(test)]
mod tests {
    use fluxgate_core::metric;
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;

    #[test]
    fn counts_are_added_up_gauges_tell_their_last_value_and_measurements_are_kept() {
        with_local_recorder(&EmfRecorder, || {
            for seconds in [0.003, 0.005] {
                counter!(metric::COMPLETIONS.name, "via" => "webhook").increment(1);
                counter!(metric::CAPTURED.name).increment(80_000);
                histogram!(metric::ARCHIVE_DURATION.name).record(seconds);
                gauge!(metric::STUCK_TASKS.name).set(seconds * 1_000.0);
            }
            counter!("of_somebody_else").increment(1);
            counter!(metric::COMPLETIONS.name, "via" => "poll").increment(1);
        });

        let pending = std::mem::take(&mut *PENDING.lock().unwrap());
        let lines = pending
            .iter()
            .flat_map(|(dimension, sums)| lines(dimension, sums, 7));

        assert_eq!(
            merged(lines),
            [
                json!({
                    "_aws": { "Timestamp": 7, "CloudWatchMetrics": [
                        {
                            "Namespace": "Fluxgate",
                            "Dimensions": [["Stack"]],
                            "Metrics": [
                                { "Name": "ArchiveLatency", "Unit": "Milliseconds" },
                                { "Name": "CapturedMicroUsd", "Unit": "None" },
                                { "Name": "StuckTasks", "Unit": "Count" },
                            ],
                        },
                        {
                            "Namespace": "Fluxgate",
                            "Dimensions": [["Stack", "via"]],
                            "Metrics": [{ "Name": "Completions", "Unit": "Count" }],
                        },
                    ] },
                    "Stack": "fluxgate",
                    "ArchiveLatency": [3, 5],
                    "CapturedMicroUsd": 160_000,
                    "StuckTasks": 5,
                    "via": "poll",
                    "Completions": 1,
                }),
                json!({
                    "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{
                        "Namespace": "Fluxgate",
                        "Dimensions": [["Stack", "via"]],
                        "Metrics": [{ "Name": "Completions", "Unit": "Count" }],
                    }] },
                    "Stack": "fluxgate",
                    "via": "webhook",
                    "Completions": 2,
                }),
            ]
        );
    }

    #[test]
    fn a_metric_of_many_values_is_told_in_lines_that_cloudwatch_takes() {
        let (held, stuck): (Vec<i64>, _) = ((1..=201).collect(), vec![0]);
        let sum = |unit, values| Sum { unit, values };
        let sums = BTreeMap::from([("Held", sum("None", held)), ("Stuck", sum("Count", stuck))]);

        let lines = lines(&None, &sums, 7);

        let told: Vec<usize> = lines
            .iter()
            .map(|line| line["Held"].as_array().map_or(1, Vec::len))
            .collect();
        assert_eq!(told, [100, 100, 1]);
        assert_eq!(
            (&lines[0]["Stuck"], lines[1].get("Stuck")),
            (&json!(0), None)
        );
        assert_eq!(
            lines[1]["_aws"]["CloudWatchMetrics"][0]["Metrics"],
            json!([{ "Name": "Held", "Unit": "None" }])
        );
    }
}
