//! Connections on which nothing happens cost little memory, also after a request.

use fluxgate_tests::FluxgateProcess;
use fluxgate_tests::eventually;
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::raw_client::RawClient;

const OPEN: u64 = 2_000;

/// What is only this process's, in KB: its heap and stacks.
fn own_memory_kb(process: &FluxgateProcess) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kb = line.and_then(|line| line.split_whitespace().next());
    kb.unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_thousand_silent_connections_need_little_memory_each_before_and_after_a_request() {
    const SILENT_KB_MAX: u64 = 4;
    const AFTER_A_REQUEST_KB_MAX: u64 = 5;
    let folder = tempfile::tempdir().unwrap();
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    let open_max = OPEN.to_string();
    let env = [(
        "FLUXGATE_CONNECTIONS__OPEN_PER_ADDRESS_MAX",
        open_max.as_str(),
    )];
    let process = FluxgateProcess::serve(&args, &env, &base_url).await;
    let before_kb = own_memory_kb(&process);

    let mut clients = Vec::new();
    for _ in 0..OPEN {
        clients.push(RawClient::connect(&base_url).await);
    }
    let silent_kb = own_memory_kb(&process).saturating_sub(before_kb) / OPEN;
    for client in &mut clients {
        client
            .send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
    }
    for client in &mut clients {
        client.answer().await;
    }

    assert!(
        silent_kb <= SILENT_KB_MAX,
        "{silent_kb} KB for each silent connection"
    );
    eventually(
        "connections that are silent again give memory back",
        || async {
            let kb = own_memory_kb(&process).saturating_sub(before_kb) / OPEN;
            (kb <= AFTER_A_REQUEST_KB_MAX).then_some(())
        },
    )
    .await;
    let answer = {
        let client = &mut clients[0];
        client
            .send("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            .await;
        client.answer().await
    };
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
