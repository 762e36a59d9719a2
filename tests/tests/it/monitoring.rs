//! The dashboard and the alert rules that users are given: what they look at is on `/metrics`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::metrics::every_name;

const DASHBOARD: &str = include_str!("../../../infra/monitoring/dashboard.json");
const ALERTS: &str = include_str!("../../../infra/monitoring/alerts.yaml");

/// The metrics in these expressions; of a histogram its own name.
fn named(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    let ours = words.filter(|word| word.starts_with("fluxgate_") || word.starts_with("process_"));
    let whole = |word: &str| {
        let parts = ["_bucket", "_count", "_sum"];
        let part = parts.iter().find_map(|part| word.strip_suffix(part));
        part.unwrap_or(word).to_owned()
    };
    ours.map(whole).collect()
}

fn expressions(dashboard: &Value) -> String {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let texts: Vec<&str> = targets
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    texts.join("\n")
}

#[test]
fn the_dashboard_and_the_alerts_look_at_what_is_told_and_the_dashboard_at_all_of_it() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let (shown, watched) = (named(&expressions(&dashboard)), named(ALERTS));
    let told = every_name();

    assert!(watched.len() > 10, "{watched:?}");
    assert_eq!(
        watched.difference(&told).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(shown, told, "each metric has a place on the dashboard");
}

#[test]
fn no_two_panels_have_one_id_and_each_alert_says_what_to_do() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<i64> = panels.iter().map(|it| it["id"].as_i64().unwrap()).collect();

    assert_eq!(ids.len(), panels.len());
    let count = |word: &str| ALERTS.matches(word).count();
    let alerts = count("- alert: ");
    assert_eq!(
        (count("summary: "), count("description: ")),
        (alerts, alerts)
    );
    assert_eq!(count("severity: page") + count("severity: ticket"), alerts);
}

#[test]
fn each_runbook_that_an_alert_names_is_there() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let pages = ALERTS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook_url: "));
    let mut seen = 0;
    for page in pages {
        seen += 1;
        assert!(std::path::Path::new(root).join(page).is_file(), "{page}");
    }
    assert!(seen > 5, "only {seen} alerts name a runbook");
}
