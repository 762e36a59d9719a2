//! What the functions count, and what alarms and dashboard look at.

use std::collections::BTreeSet;

use fluxgate_core::metric;
use fluxgate_lambda::CLOUDWATCH_METRICS;
use serde_json::Value;

use super::{FUNCTIONS, list, resource, resources, sources, text};

/// A metric's name, with the dimension that it is told apart by, if any.
type Metric = (String, Option<String>);

#[test]
fn every_metric_that_is_looked_at_is_counted_and_every_one_counted_is_looked_at() {
    let counted = counted();

    let mut shown = BTreeSet::new();
    let dashboard: Value =
        serde_json::from_str(&text(&resource("Dashboard")["DashboardBody"]["Fn::Sub"])).unwrap();
    for widget in list(&dashboard["widgets"]) {
        shown.extend(
            list(&widget["properties"]["metrics"])
                .into_iter()
                .filter_map(own_metric),
        );
    }

    assert_eq!(shown, counted);
    for (alarm, properties) in resources("AWS::CloudWatch::Alarm")
        .iter()
        .filter(|(_, it)| it["Namespace"] == "Fluxgate")
    {
        assert!(
            counted.contains(&(text(&properties["MetricName"]), None)),
            "{alarm} waits for a metric that nobody counts"
        );
    }
    assert!(sources("shared/lambda/src").contains("const NAMESPACE: &str = \"Fluxgate\";"));
}

#[test]
fn cloudwatch_is_told_every_metric_of_the_core() {
    let told: BTreeSet<&str> = CLOUDWATCH_METRICS
        .iter()
        .map(|told| told.metric.name)
        .collect();

    assert_eq!(told, metric::ALL.iter().map(|metric| metric.name).collect());
}

#[test]
fn each_function_and_each_queue_of_dead_letters_has_its_alarms() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let watched: BTreeSet<String> = alarms
        .iter()
        .filter_map(|(_, it)| it.get("Dimensions"))
        .map(Value::to_string)
        .collect();
    let watches = |name: &str| alarms.iter().any(|(alarm, _)| *alarm == name);

    for name in FUNCTIONS.map(super::capital) {
        assert!(
            watches(&format!("{name}ErrorsAlarm")) && watches(&format!("{name}ThrottlesAlarm")),
            "{name}"
        );
    }
    for lane in ["Watch", "Archive", "Notify"] {
        assert!(
            watched
                .iter()
                .any(|it| it.contains(&format!("\"{lane}DeadLetters\""))),
            "{lane}: {watched:?}"
        );
    }
}

/// What the functions tell of the core's metrics.
fn counted() -> BTreeSet<Metric> {
    CLOUDWATCH_METRICS
        .iter()
        .map(|told| (told.name.to_owned(), told.metric.label.map(str::to_owned)))
        .collect()
}

/// The metric of one line of a widget: `["Fluxgate","Submits"]`, or a search `{Fluxgate,via}
/// MetricName="Completions"`.
fn own_metric(line: &Value) -> Option<Metric> {
    if line[0] == "Fluxgate" {
        return Some((text(&line[1]), None));
    }
    let (dimension, rest) = line[0]["expression"]
        .as_str()?
        .split_once("{Fluxgate,")?
        .1
        .split_once('}')?;
    let name = rest.split('"').nth(1)?;
    Some((name.to_owned(), Some(dimension.to_owned())))
}
