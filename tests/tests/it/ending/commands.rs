//! `fluxgate cancel` and `fluxgate retry`.

use std::time::Duration;

use fluxgate_tests::{Gateway, process};

use super::one_at_a_time;
use crate::command::said;

/// What a command prints, and whether it worked.
async fn run(gateway: &Gateway, args: &[&str]) -> (bool, String) {
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let mut all: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    all.extend(["--tenant", "acme", "--data", &data].map(str::to_owned));
    all.extend(["--url".to_owned(), gateway.server.base_url()]);
    let run = move || process::run(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let stdout = String::from_utf8(output.stdout.clone()).unwrap();
    if output.status.success() {
        return (true, stdout);
    }
    (false, said(&output))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_and_run_again_from_a_terminal() {
    let gateway = one_at_a_time(Duration::from_secs(1)).await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let (sent, waiting) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);

    let cancelled = run(&gateway, &["cancel", &waiting]).await;
    let refused = run(&gateway, &["cancel", &sent]).await;
    let (is_retried, retried) = run(&gateway, &["retry", &waiting, "--json"]).await;

    assert_eq!(cancelled, (true, format!("{waiting}  cancelled\n")));
    assert!(
        !refused.0 && refused.1.contains("cannot stop it"),
        "{refused:?}"
    );
    assert!(is_retried, "{retried}");
    let retried: serde_json::Value = serde_json::from_str(&retried).unwrap();
    assert_eq!(retried["retry_of"], waiting.as_str());
    let id = retried["id"].as_str().unwrap();
    assert_eq!(tenant.ended(id).await["status"], "completed");
    gateway.stop().await;
}
