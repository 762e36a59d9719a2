//! The core's metric events, added up over one invocation and printed in CloudWatch's embedded
//! metric format.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use fluxgate_core::metric::TARGET;
use fluxgate_core::port::{Clock as _, SystemClock};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const NAMESPACE: &str = "Fluxgate";
/// Values of one metric in one line, by the specification.
const VALUES_MAX: usize = 100;

/// A dimension's name and value; none for metrics that have no dimension.
type Dimension = Option<(&'static str, String)>;

/// What one metric came to.
struct Sum {
    unit: String,
    /// A count is added up; what was measured is kept one by one.
    values: Vec<i64>,
}

/// The metrics of the invocation so far.
static PENDING: Mutex<BTreeMap<Dimension, BTreeMap<String, Sum>>> = Mutex::new(BTreeMap::new());

/// Collects what [`flush`] prints.
pub(crate) struct MetricLayer;

impl<S: Subscriber> Layer<S> for MetricLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != TARGET {
            return;
        }
        let mut metric = Metric::default();
        event.record(&mut metric);
        let mut pending = PENDING.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = pending
            .entry(metric.dimension)
            .or_default()
            .entry(metric.name);
        let sum = sum.or_insert_with(|| Sum {
            unit: metric.unit.clone(),
            values: Vec::new(),
        });
        match (metric.unit.as_str(), sum.values.first_mut()) {
            ("Count", Some(total)) => *total += metric.value,
            _ => sum.values.push(metric.value),
        }
    }
}

#[derive(Default)]
struct Metric {
    name: String,
    unit: String,
    value: i64,
    dimension: Dimension,
}

impl Visit for Metric {
    fn record_i64(&mut self, _: &Field, value: i64) {
        self.value = value;
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "name" => self.name = value.to_owned(),
            "unit" => self.unit = value.to_owned(),
            label => self.dimension = Some((label, value.to_owned())),
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// Prints what was collected since the last time, one line for each dimension.
#[expect(
    clippy::print_stdout,
    reason = "CloudWatch reads metrics from the function's standard output"
)]
pub(crate) fn flush() {
    let pending = std::mem::take(&mut *PENDING.lock().unwrap_or_else(PoisonError::into_inner));
    for (dimension, sums) in pending {
        for line in lines(&dimension, &sums, SystemClock.now().0) {
            println!("{line}");
        }
    }
}

/// As many lines as the metric with the most values needs: CloudWatch drops one that holds more of
/// them than it takes, without a word.
fn lines(dimension: &Dimension, sums: &BTreeMap<String, Sum>, at_ms: i64) -> Vec<Value> {
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
                .map(|values| (sum.unit.clone(), values.to_vec()))
        };
        let sums = sums.iter().filter_map(|(name, sum)| {
            of(sum).map(|(unit, values)| (name.clone(), Sum { unit, values }))
        });
        line(dimension, &sums.collect(), at_ms)
    };
    (0..parts).map(part).collect()
}

fn line(dimension: &Dimension, sums: &BTreeMap<String, Sum>, at_ms: i64) -> Value {
    let names: Vec<&str> = dimension.iter().map(|(name, _)| *name).collect();
    let metrics: Vec<Value> = sums
        .iter()
        .map(|(name, sum)| json!({ "Name": name, "Unit": sum.unit }))
        .collect();
    let mut line = Map::new();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": metrics });
    line.insert(
        "_aws".to_owned(),
        json!({ "Timestamp": at_ms, "CloudWatchMetrics": [directive] }),
    );
    line.extend(
        dimension
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))),
    );
    line.extend(sums.iter().map(|(name, sum)| {
        let value = if let [one] = sum.values[..] {
            Value::from(one)
        } else {
            Value::from(sum.values.clone())
        };
        (name.clone(), value)
    }));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn counts_are_added_up_and_measurements_are_kept() {
        let subscriber = tracing_subscriber::registry().with(MetricLayer);
        tracing::subscriber::with_default(subscriber, || {
            for latency in [3_i64, 5] {
                tracing::info!(target: TARGET, name = "Completions", value = 1_i64, unit = "Count", via = "webhook");
                tracing::info!(target: TARGET, name = "ArchiveLatency", value = latency, unit = "Milliseconds");
            }
            tracing::info!("not a metric");
        });

        let pending = std::mem::take(&mut *PENDING.lock().unwrap());
        let lines: Vec<Value> = pending
            .iter()
            .flat_map(|(dimension, sums)| lines(dimension, sums, 7))
            .collect();

        assert_eq!(
            lines,
            [
                json!({ "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{ "Namespace": "Fluxgate", "Dimensions": [[]],
                    "Metrics": [{ "Name": "ArchiveLatency", "Unit": "Milliseconds" }] }] }, "ArchiveLatency": [3, 5] }),
                json!({ "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{ "Namespace": "Fluxgate", "Dimensions": [["via"]],
                    "Metrics": [{ "Name": "Completions", "Unit": "Count" }] }] }, "via": "webhook", "Completions": 2 }),
            ]
        );
    }

    #[test]
    fn a_metric_of_many_values_is_told_in_lines_that_cloudwatch_takes() {
        let (held, stuck): (Vec<i64>, _) = ((1..=201).collect(), vec![0]);
        let sum = |unit: &str, values| Sum {
            unit: unit.to_owned(),
            values,
        };
        let sums = BTreeMap::from([
            ("Held".to_owned(), sum("None", held)),
            ("Stuck".to_owned(), sum("Count", stuck)),
        ]);

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
