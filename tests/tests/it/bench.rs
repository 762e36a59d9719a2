//! `fluxgate bench` at its shortest: that it works, not what it measures.

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
