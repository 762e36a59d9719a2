//! Many clients that wait at once cost a process little.

use std::time::Duration;

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::serve_alone::serve_alone;
use fluxgate_tests::{FluxgateProcess, TestTenant};

const HELD: usize = 1_000;
/// Beyond what the open connections need.
const MORE_KB_MAX: u64 = 20 * 1024;

/// What the kernel says of a process: its threads, and its memory in KB.
fn threads_and_memory(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let number = |name: &str| {
        let mut lines = status.lines().filter_map(|line| line.strip_prefix(name));
        let line = lines.next().unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (number("Threads:"), number("VmRSS:"))
}

/// A read of the task, with a preference.
fn read(tenant: &TestTenant, task: &str, wait_s: u32) -> String {
    format!(
        "GET /v1/tasks/{task} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         prefer: wait={wait_s}\r\n\r\n",
        tenant.token
    )
}

/// The most that the process had before the first of these is answered.
async fn peak(process: &FluxgateProcess, held: &[RawClient]) -> (u64, u64) {
    let mut peak = (0, 0);
    let mut every = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            () = held[0].answer_begins() => return peak,
            _ = every.tick() => {
                let (threads, memory) = threads_and_memory(process.id());
                peak = (peak.0.max(threads), peak.1.max(memory));
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_held_requests_need_no_thread_each_and_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        run_time: Duration::from_secs(36_000),
        ..emulator_config()
    })
    .await
    .unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let (process, tenant) = serve_alone(&data, &emulator).await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let mut clients = Vec::with_capacity(HELD);
    for _ in 0..HELD {
        let mut client = RawClient::connect(&tenant.url("")).await;
        client.send(&read(&tenant, &task, 0)).await;
        client.answer().await;
        clients.push(client);
    }
    let before = threads_and_memory(process.id());
    for client in &mut clients {
        client.send(&read(&tenant, &task, 10)).await;
    }
    let after = peak(&process, &clients).await;

    let threads = after.0 - before.0;
    let memory_kb = after.1.saturating_sub(before.1);
    eprintln!("{HELD} held requests: {threads} more threads, {memory_kb} KB more memory");
    assert!(threads <= 4, "{threads} more threads");
    assert!(memory_kb <= MORE_KB_MAX, "{memory_kb} KB more");
    for client in &mut clients {
        let answer = client.answer().await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(r#""state":"submitted""#), "{answer}");
    }
}
