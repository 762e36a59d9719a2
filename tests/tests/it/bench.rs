//! `fluxgate bench` at its shortest: that it works, not what it measures.

use std::path::Path;

use fluxgate_tests::process;
use serde_json::Value;

#[test]
fn the_bench_of_callbacks_measures_them_beside_bare_posts_and_beside_dead_endpoints() {
    let output = process::run(&["bench", "--callbacks", "--quick", "--json"]);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for row in ["raw", "callbacks", "with_dead", "one_endpoint"] {
        for field in ["per_second", "times_raw", "p50_ms", "p99_ms"] {
            let value = figures[row][field].as_f64();
            assert!(value > Some(0.0), "{row} {field}: {figures}");
        }
    }
    for row in ["callbacks", "with_dead"] {
        assert!(
            figures[row]["peak_memory_mb"].as_f64() > Some(1.0),
            "{figures}"
        );
    }
    let ratios = &figures["dead_times_without"];
    eprintln!(
        "callbacks: {} times raw POSTs; with 1 % of the endpoints dead {} times as many",
        figures["callbacks"]["times_raw"], ratios["per_second"]
    );
}

/// Each row with both providers; the run fails where an answer is not 200 or a task does not
/// complete. A run as short as this one says nothing about the goals.
#[test]
fn the_bench_measures_each_row_with_both_providers_and_judges_no_quick_run() {
    let output = process::run(&["bench", "--quick", "--json"]);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    for rows in [&figures, &figures["bare_provider"]] {
        for row in ["proxy", "submit", "submit_with_key"] {
            measured(&rows[row], row);
        }
        for row in ["task", "task_1500_kb", "task_not_copied"] {
            measured(&rows[row], row);
            assert!(rows[row]["commits_each"].as_f64() > Some(0.0), "{row}");
        }
        let written = |row: &str| rows[row]["written_kb_each"].as_f64();
        assert!(written("task_1500_kb") > Some(1_500.0), "{rows}");
        assert!(written("task_not_copied") < Some(1_500.0), "{rows}");
    }
    for figure in [
        "/latency/p50_ms",
        "/memory/idle_mb",
        "/memory/idle_own_mb",
        "/memory/idle_file_mb",
        "/memory/silent_connection_kb",
        "/polled/times_without",
        "/threads/two_times_one",
        "/machine/cores",
    ] {
        let value = figures.pointer(figure).and_then(Value::as_f64);
        assert!(value >= Some(0.0), "{figure}: {figures}");
    }
    let goals = figures["goals"].as_array().unwrap();
    assert!(
        goals
            .iter()
            .all(|goal| goal["measured"].is_number() && goal["reached"].is_null()),
        "{goals:?}"
    );
    let why = figures["not_judged"].as_str().unwrap();
    assert!(why.contains("--quick"), "{why}");
}

fn measured(row: &Value, name: &str) {
    for field in ["count", "per_second", "times_proxy", "p50_ms", "p99_ms"] {
        assert!(row[field].as_f64() > Some(0.0), "{name} {field}: {row}");
    }
    for part in ["peak_own_mb", "peak_file_mb"] {
        assert!(row[part].as_f64() > Some(0.5), "{name} {part}: {row}");
        assert!(
            row[part].as_f64() <= row["peak_memory_mb"].as_f64(),
            "{name} {part}: {row}"
        );
    }
    assert_eq!(row["per_second_spread"].as_array().unwrap().len(), 2);
}

#[test]
fn the_bench_of_growth_measures_three_folders_and_their_books_agree() {
    let output = process::run(&["bench", "--growth", "300", "--quick", "--json"]);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["tasks"], serde_json::json!([3, 30, 300]));
    for (row, field) in [
        ("start", "ms"),
        ("list", "ms"),
        ("predictions", "ms"),
        ("usage", "ms"),
        ("usage_stats", "ms"),
        ("billings", "ms"),
        ("ledger", "ms"),
        ("statement", "ms"),
        ("check", "ms"),
        ("check", "peak_memory_mb"),
        ("submit", "per_second"),
        ("submit_with_key", "per_second"),
    ] {
        let row = &figures["rows"][row];
        let sizes = row[field].as_array().unwrap();
        assert_eq!(sizes.len(), 3, "{row}");
        assert!(
            sizes.iter().all(|value| value.as_f64() > Some(0.0)),
            "{row}"
        );
        assert!(row["times_smallest"].as_f64() > Some(0.0), "{row}");
    }
    let beside = &figures["submits_beside_reports"];
    assert!(beside["times_without"].as_f64() > Some(0.0), "{beside}");
}

#[test]
fn the_bench_of_peers_says_how_to_install_them_where_there_are_none() {
    let empty = tempfile::tempdir().unwrap();

    let output = process::run(&[
        "bench",
        "--peers",
        "--peers-dir",
        empty.path().to_str().unwrap(),
    ]);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("tests/peers"), "{said}");
    assert!(said.contains("--peers-dir"), "{said}");
}

/// Whoever measures anew writes the page with the same command.
#[test]
fn the_tables_of_the_figures_page_are_what_the_json_beside_it_gives() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/docs/reference");
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("figures.md");
    std::fs::copy(reference.join("figures.md"), &page).unwrap();
    let json = std::fs::read_dir(reference.join("figures")).unwrap();
    let json: Vec<String> = json
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    assert!(!json.is_empty());
    let mut arguments = vec!["bench", "--page", page.to_str().unwrap(), "--figures"];
    arguments.extend(json.iter().map(String::as_str));

    let output = process::run(&arguments);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let written = std::fs::read_to_string(&page).unwrap();
    let there = std::fs::read_to_string(reference.join("figures.md")).unwrap();
    assert!(
        written == there,
        "run 'fluxgate bench --figures' with the JSON files"
    );
}
