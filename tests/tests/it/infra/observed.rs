//! What the functions count, and what alarms and dashboard look at.

use std::collections::BTreeSet;

use fluxgate_core::metric;
use fluxgate_lambda::{CLOUDWATCH_METRICS, FUNCTION_METRICS};
use serde_json::Value;

use super::{FUNCTIONS, list, resource, resources, sources, text};

/// A metric's name, with the dimensions that it is told apart by.
pub(super) type Metric = (String, BTreeSet<String>);

#[test]
fn every_metric_that_is_looked_at_is_counted_and_every_one_counted_is_looked_at() {
    let counted = counted();

    let mut shown = BTreeSet::new();
    let dashboard: Value =
        serde_json::from_str(&text(&resource("Dashboard")["DashboardBody"]["Fn::Sub"][0])).unwrap();
    for widget in list(&dashboard["widgets"]) {
        shown.extend(
            list(&widget["properties"]["metrics"])
                .into_iter()
                .filter_map(own_metric),
        );
    }

    assert_eq!(shown, counted);
    for (alarm, metric) in awaited() {
        assert!(
            counted.contains(&metric),
            "{alarm} waits for {metric:?}, which nobody counts"
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
    let watched: BTreeSet<String> = alarms.iter().map(|(_, it)| it.to_string()).collect();
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

/// CloudWatch keeps an alarm on DynamoDB as it is while nothing is told, and looks for what was
/// told hours ago before it counts what is missing.
#[test]
fn what_is_told_only_when_it_happens_is_filled_with_zeros_where_silence_says_something() {
    let mut filled = Vec::new();
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        let metrics = alarm["Metrics"].to_string();
        let is_silent = metrics.contains("AWS/DynamoDB") || alarm["Namespace"] == "AWS/DynamoDB";
        if is_silent || alarm["TreatMissingData"] == "breaching" {
            assert!(metrics.contains("FILL("), "{name}: {alarm}");
            filled.push(name);
        }
    }
    assert_eq!(
        filled,
        [
            "SweeperSilentAlarm",
            "TableErrorsAlarm",
            "TableThrottlesAlarm"
        ]
    );
}

/// What the functions tell, each with the stack beside what else tells it apart.
pub(super) fn counted() -> BTreeSet<Metric> {
    let dimensions = |more: Option<&str>| {
        let all = ["Stack"].into_iter().chain(more);
        all.map(str::to_owned).collect()
    };
    let core = CLOUDWATCH_METRICS.iter();
    let core = core.map(|told| (told.name.to_owned(), dimensions(told.metric.label)));
    let own = FUNCTION_METRICS.iter();
    let own = own.map(|told| (told.name.to_owned(), dimensions(Some(told.dimension))));
    core.chain(own).collect()
}

/// Our own metrics that alarms wait for, with the alarm of each.
pub(super) fn awaited() -> Vec<(&'static str, Metric)> {
    let mut awaited = Vec::new();
    for (alarm, properties) in resources("AWS::CloudWatch::Alarm") {
        let parts = properties.get("Metrics").map(list).unwrap_or_default();
        let parts = parts.into_iter().map(|part| &part["MetricStat"]["Metric"]);
        for metric in parts.chain([properties]) {
            if metric["Namespace"] == "Fluxgate" {
                let dimensions = list(&metric["Dimensions"]).into_iter();
                let names = dimensions.map(|it| text(&it["Name"])).collect();
                awaited.push((alarm, (text(&metric["MetricName"]), names)));
            }
        }
    }
    assert!(awaited.len() > 10, "the alarms were not found");
    awaited
}

/// The metric of one line of a widget: `["Fluxgate","Submits","Stack","…"]`, or a search
/// `{Fluxgate,Stack,via} MetricName="Completions"`.
fn own_metric(line: &Value) -> Option<Metric> {
    if line[0] == "Fluxgate" {
        let dimensions = list(line).into_iter().skip(2).step_by(2);
        let names = dimensions.filter_map(Value::as_str).map(str::to_owned);
        return Some((text(&line[1]), names.collect()));
    }
    let (dimensions, rest) = line[0]["expression"]
        .as_str()?
        .split_once("{Fluxgate,")?
        .1
        .split_once('}')?;
    let name = rest.split('"').nth(1)?;
    let dimensions = dimensions.split(',').map(str::to_owned);
    Some((name.to_owned(), dimensions.collect()))
}

/// A tenant quotes an id; these find what became of it, by fields that lines really have.
#[test]
fn saved_queries_ask_for_fields_that_lines_have() {
    let code = [
        sources("shared/edge/src"),
        sources("shared/core/src"),
        sources("shared/lambda/src"),
    ]
    .concat();
    let known = ["@timestamp", "@log", "message", "level", "target", "name"];

    for (name, query) in resources("AWS::Logs::QueryDefinition") {
        let text = text(&query["QueryString"]);
        let words = text.split([' ', ',', '(', ')', '\n']);
        let fields = words.filter(|word| word.contains('.') && !word.contains('"'));
        for field in fields {
            let field = field.strip_prefix("span.").unwrap_or(field);
            let is_named = known.contains(&field) || code.contains(&format!("{field} ="));
            assert!(is_named, "{name} asks for {field}");
        }
        assert_eq!(
            list(&query["LogGroupNames"]).len(),
            FUNCTIONS.len(),
            "{name}"
        );
    }
}
