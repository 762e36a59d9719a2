//! Hostile connections: they cost little, for a short time, and other clients are served.

use std::fs::OpenOptions;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use fluxgate_local::connections::ConnectionSettings;
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{FluxgateProcess, Gateway, GatewayOptions, TestTenant};
use serde_json::json;

async fn gateway(connections: ConnectionSettings) -> Gateway {
    Gateway::with(GatewayOptions {
        connections,
        ..GatewayOptions::default()
    })
    .await
}

fn quick() -> ConnectionSettings {
    const MOMENT_MS: Option<NonZeroU64> = NonZeroU64::new(300);
    ConnectionSettings {
        head_timeout_ms: MOMENT_MS,
        stall_timeout_ms: MOMENT_MS,
        ..ConnectionSettings::default()
    }
}

/// Bounds in which nothing but the cap ends a connection.
fn capped(open_max: usize) -> ConnectionSettings {
    const MINUTES_MS: Option<NonZeroU64> = NonZeroU64::new(600_000);
    ConnectionSettings {
        open_max: NonZeroUsize::new(open_max),
        open_per_address_max: NonZeroUsize::new(open_max),
        head_timeout_ms: MINUTES_MS,
        idle_timeout_ms: MINUTES_MS,
        stall_timeout_ms: MINUTES_MS,
        ..ConnectionSettings::default()
    }
}

#[tokio::test]
async fn api_and_buckets_close_what_is_silent_and_refuse_large_heads_and_http_2() {
    let gateway = gateway(quick()).await;

    for url in [gateway.server.base_url(), gateway.server.s3_url()] {
        let silent = RawClient::connect(&url).await;
        let mut slow = RawClient::connect(&url).await;
        slow.send("GET /healthz HTTP/1.1\r\nhost: x\r\n").await;
        let mut large = RawClient::connect(&url).await;
        large
            .send(&format!(
                "GET /healthz HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
                "x".repeat(33 * 1024)
            ))
            .await;
        let mut http_2 = RawClient::connect(&url).await;
        http_2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;

        assert_eq!(silent.rest().await, "", "{url}");
        assert_eq!(slow.rest().await, "", "{url}");
        assert!(large.rest().await.starts_with("HTTP/1.1 431"), "{url}");
        assert_eq!(http_2.rest().await, "", "{url}");
    }
}

/// `fluxgate serve` with the emulator inside, under a limit of open files.
async fn limited(ulimit: &str, folder: &std::path::Path) -> (FluxgateProcess, String) {
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let data = folder.join("data").to_str().unwrap().to_owned();
    let args = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    (
        FluxgateProcess::serve_under(ulimit, &args, &base_url).await,
        base_url,
    )
}

#[tokio::test]
async fn more_silent_sockets_than_a_process_may_open_files_do_not_take_it_down() {
    let folder = tempfile::tempdir().unwrap();
    let (_process, base_url) = limited("-n 256", folder.path()).await;
    let mut silent = Vec::new();
    for _ in 0..400 {
        silent.push(RawClient::connect(&base_url).await);
    }

    let health = reqwest::get(format!("{base_url}/healthz")).await.unwrap();

    assert_eq!(health.status(), 200);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    let (process, _) = limited("-Sn 128", folder.path()).await;

    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();

    let files: Vec<&str> = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap()
        .split_whitespace()
        .collect();
    assert_eq!(files[3], files[4], "soft and hard: {files:?}");
}

#[tokio::test]
async fn a_submit_whose_body_does_not_come_is_408_and_says_so() {
    let gateway = gateway(quick()).await;
    let tenant = gateway.tenant("acme", "1").await;
    let head = |path: &str, more: &str| {
        let token = &tenant.token;
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 16000000\r\n{more}\r\n"
        )
    };

    let mut submit = RawClient::connect(&gateway.server.base_url()).await;
    submit
        .send(&head(
            &format!("/api/v3/{MODEL}"),
            "content-type: application/json\r\n",
        ))
        .await;
    submit.send("{\"prompt\": \"").await;
    let mut upload = RawClient::connect(&gateway.server.base_url()).await;
    let form = "content-type: multipart/form-data; boundary=b\r\n";
    upload
        .send(&head("/api/v3/media/upload/binary", form))
        .await;
    let part =
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\nbytes";
    upload.send(part).await;

    for client in [submit, upload] {
        let answer = client.rest().await;
        assert!(
            answer.starts_with("HTTP/1.1 408") && answer.contains("body_too_slow"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_its_whole_body_first() {
    let gateway = Gateway::start().await;
    let mut client = RawClient::connect(&gateway.server.base_url()).await;

    client
        .send(&format!(
            "POST /api/v3/{MODEL} HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n"
        ))
        .await;
    client.send(&"x".repeat(8_000_000)).await;

    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn a_submit_that_is_held_in_sync_mode_is_answered_whoever_else_connects() {
    let options = GatewayOptions {
        connections: capped(8),
        run_time: Duration::from_secs(1),
        ..GatewayOptions::default()
    };
    let gateway = Gateway::with(options).await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut inputs = tenant.inputs().await;
    inputs["enable_sync_mode"] = json!(true);
    let held = tokio::spawn({
        let tenant = tenant.clone();
        async move { tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await }
    });
    gateway.runs(1).await;

    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(RawClient::connect(&gateway.server.base_url()).await);
    }

    let answer = held.await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.text("/data/status")),
        (200, "completed".to_owned()),
        "{:?}",
        answer.body
    );
}

#[tokio::test]
async fn a_request_id_is_taken_from_the_client_if_it_is_short_and_printable() {
    let gateway = Gateway::start().await;
    let longest = "x".repeat(128);
    let answered = async |ids: &[&[u8]]| {
        let mut request = gateway.http().get(gateway.url("/healthz"));
        for id in ids {
            request = request.header("x-request-id", *id);
        }
        request.send().await.unwrap().headers()["x-request-id"]
            .as_bytes()
            .to_vec()
    };

    for fit in ["a", "req_7 of 9", longest.as_str()] {
        assert_eq!(answered(&[fit.as_bytes()]).await, fit.as_bytes());
    }
    let too_long = "x".repeat(129);
    for unfit in [
        too_long.as_bytes(),
        b"",
        b"tab\there",
        b"caf\xc3\xa9",
        b"\xff",
    ] {
        assert_eq!(
            answered(&[unfit]).await.len(),
            36,
            "{unfit:?} is answered with an id of ours"
        );
    }
    assert_eq!(answered(&[b"one", b"two"]).await.len(), 36);
}

/// The URL of a finished task's output, which is now larger than any socket holds for a client that
/// does not read.
async fn large_output(gateway: &Gateway, tenant: &TestTenant) -> String {
    let task = tenant.submit(&tenant.inputs().await).await;
    let url = tenant.ended(&task).await["outputs"][0]
        .as_str()
        .unwrap()
        .to_owned();
    let path = url
        .splitn(4, '/')
        .nth(3)
        .and_then(|path| path.split('?').next())
        .unwrap();
    let (bucket, key) = path.split_once('/').unwrap();
    let object = gateway.server.objects().file(bucket, key);
    let object = object.unwrap().unwrap();
    OpenOptions::new()
        .write(true)
        .open(object)
        .unwrap()
        .set_len(64 * 1024 * 1024)
        .unwrap();
    url
}

#[tokio::test]
async fn readers_that_stop_reading_keep_no_archiving_waiting_and_one_bucket_is_not_all() {
    const OF_ONE_BUCKET: usize = 5;
    let gateway = gateway(capped(4 * 2 * OF_ONE_BUCKET)).await;
    let mut readers = Vec::new();
    for name in ["acme", "bravo", "coyote", "delta"] {
        let tenant = gateway.tenant(name, "1").await;
        let url = large_output(&gateway, &tenant).await;
        for _ in 0..OF_ONE_BUCKET {
            let reader = RawClient::asks(&url).await;
            reader.answer_begins().await;
            readers.push(reader);
        }
        if name != "delta" {
            let one_too_many = gateway.http().get(&url).send().await.unwrap();
            assert_eq!(one_too_many.status(), 503);
            assert!(one_too_many.text().await.unwrap().contains("SlowDown"));
        }
    }
    let refused = RawClient::connect(&gateway.server.s3_url())
        .await
        .rest()
        .await;
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 503"),
        "every place is taken: {refused}"
    );

    let tenant = gateway.tenant("echo", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(prediction["status"], "completed", "{prediction}");
    drop(readers);
    let output = fluxgate_tests::eventually("a place for a download", || async {
        let response = gateway
            .http()
            .get(prediction["outputs"][0].as_str().unwrap())
            .send()
            .await
            .ok()?;
        (response.status() == 200).then_some(response)
    });
    assert!(!output.await.bytes().await.unwrap().is_empty());
}
