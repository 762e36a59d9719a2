//! The emulator inside `serve`: which hosts it calls for a tenant's picture, and who may set its
//! faults.

use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_emulator::{DEMO_PHOTO, Fault, Faults};
use fluxgate_local::server::Server;
use fluxgate_local::settings::{DnsServer as DnsServerAddress, Settings};
use fluxgate_tests::gateway::{free_address, quick};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{DnsServer, TestTenant, eventually, process};
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Within {
    server: Server,
    http: reqwest::Client,
    folder: tempfile::TempDir,
}

impl Within {
    /// Only this network is allowed besides public addresses.
    async fn allowing(net: &str, dns: &DnsServer) -> Self {
        Self::over(tempfile::tempdir().unwrap(), net, dns).await
    }

    async fn over(folder: tempfile::TempDir, net: &str, dns: &DnsServer) -> Self {
        let settings = Settings {
            data: folder.path().join("data"),
            listen: free_address(),
            s3_listen: Some("127.0.0.1:0".parse().unwrap()),
            provider: Some("emulator".to_owned()),
            allow_net: vec![net.parse().unwrap()],
            dns_server: vec![DnsServerAddress(dns.addr())],
            bounds: quick(),
            ..Settings::default()
        };
        Self {
            server: Server::start(settings).await.unwrap(),
            http: reqwest::Client::new(),
            folder,
        }
    }

    async fn tenant(&self) -> TestTenant {
        let id = TenantId::parse("acme").unwrap();
        self.server
            .folder()
            .add_tenant(&id, MicroUsd(10_000_000))
            .await
            .unwrap();
        let token = self.server.folder().token(&id, 3_600_000).await.unwrap();
        TestTenant::new(id, &self.server.base_url(), token)
    }

    /// A run at the emulator itself, past what the gateway checks: how it ended, and why.
    async fn run(&self, image: &str) -> (String, String) {
        let emulator = self.server.emulator().unwrap();
        let url = format!("{}/api/v3/{MODEL}", emulator.base_url());
        let body = json!({ "prompt": "x", "image": image, "enable_sync_mode": true });
        let answer = self
            .http
            .post(url)
            .bearer_auth(emulator.api_key())
            .json(&body)
            .send()
            .await
            .unwrap();
        let data = answer.json::<Value>().await.unwrap()["data"].take();
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        (text("status"), text("error"))
    }
}

/// Serves one answer to whoever connects to this address.
async fn serve(address: &str, answer: Vec<u8>) -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = TcpListener::bind(address).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    port
}

fn http_answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[tokio::test]
async fn the_emulator_within_calls_no_private_address_in_whatever_shape_it_comes() {
    let dns = DnsServer::start().await;
    dns.set("inside.example", "127.0.0.1", 0);
    dns.set("metadata.example", "169.254.169.254", 0);
    let within = Within::allowing("127.0.0.2/32", &dns).await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    let redirect = format!("location: http://127.0.0.1:{port}/a.png\r\n");
    let leading = serve("127.0.0.2:0", http_answer("302 Found", &redirect, b"")).await;
    let page = serve(
        "127.0.0.2:0",
        http_answer("200 OK", "", b"<!doctype html><title>A page</title>"),
    )
    .await;
    let nothing = TcpListener::bind("127.0.0.2:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let images = [
        format!("http://127.0.0.1:{port}/a.png"),
        format!("https://127.0.0.1:{port}/a.png"),
        format!("http://2130706433:{port}/a.png"),
        format!("http://[::ffff:127.0.0.1]:{port}/a.png"),
        format!("https://inside.example:{port}/a.png"),
        format!("https://localhost:{port}/a.png"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://metadata.example/latest".to_owned(),
        "https://10.0.0.1/a.png".to_owned(),
        format!("http://127.0.0.2:{leading}/a.png"),
        format!("http://127.0.0.2:{page}/a.png"),
        format!("http://127.0.0.2:{nothing}/a.png"),
        "https://absent.example/a.png".to_owned(),
        format!(
            "{}/api/v3/balance",
            within.server.emulator().unwrap().base_url()
        ),
    ];

    let runs = async {
        let mut errors = Vec::new();
        for image in &images {
            let (status, error) = within.run(image).await;
            assert_eq!(status, "failed", "{image}");
            errors.push(error);
        }
        errors
    };
    let mut errors = tokio::select! {
        errors = runs => errors,
        _ = inside.accept() => panic!("the emulator called a private address"),
    };

    errors.dedup();
    assert_eq!(
        errors.len(),
        1,
        "pages, nothing and what is forbidden are told apart: {errors:?}"
    );
}

#[tokio::test]
async fn the_emulator_within_takes_uploads_and_pictures_that_anybody_may_call() {
    let dns = DnsServer::start().await;
    dns.set("pictures.example", "127.0.0.2", 60);
    let within = Within::allowing("127.0.0.2/32", &dns).await;
    let port = serve("127.0.0.2:0", http_answer("200 OK", "", DEMO_PHOTO)).await;
    let tenant = within.tenant().await;

    let uploaded = tenant.submit(&tenant.inputs().await).await;
    let named = format!("http://pictures.example:{port}/photo.jpg");
    let elsewhere = tenant
        .submit(&json!({ "prompt": "x", "image": named }))
        .await;

    for task in [uploaded, elsewhere] {
        let ended = tenant.ended(&task).await;
        assert_eq!(ended["status"], "completed", "{}", ended["error"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_emulator_within_takes_orders_with_its_key_alone_and_commands_find_it() {
    let dns = DnsServer::start().await;
    let within = Within::allowing("127.0.0.2/32", &dns).await;
    let tenant = within.tenant().await;
    let emulator = within.server.emulator().unwrap();
    let faults = format!("{}/_emulator/faults", emulator.base_url());
    let order = json!({ "fail_task": true });

    let keyless = within.http.put(&faults).json(&order).send().await.unwrap();
    let guessed = within
        .http
        .put(&faults)
        .bearer_auth("wsk_emulator")
        .json(&order)
        .send()
        .await
        .unwrap();
    let by_token = within
        .http
        .put(&faults)
        .bearer_auth(&tenant.token)
        .json(&order)
        .send()
        .await
        .unwrap();

    assert_eq!(
        [keyless, guessed, by_token].map(|answer| answer.status().as_u16()),
        [401; 3]
    );
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    let data = within
        .folder
        .path()
        .join("data")
        .to_str()
        .unwrap()
        .to_owned();
    let reconciled = eventually("bills that agree", || async {
        let output = tokio::task::block_in_place(|| process::run(&["reconcile", "--data", &data]));
        output.status.success().then_some(output)
    });
    assert!(!String::from_utf8_lossy(&reconciled.await.stdout).contains(emulator.api_key()));
}

/// The gateway has accepted the run when it stops, and does not learn how it ends.
#[tokio::test]
async fn after_a_restart_a_task_whose_run_is_forgotten_fails_soon_and_says_why() {
    let dns = DnsServer::start().await;
    let within = Within::allowing("127.0.0.2/32", &dns).await;
    let tenant = within.tenant().await;
    let emulator = within.server.emulator().unwrap();
    let address = emulator.addr();
    emulator.set_faults(Faults {
        webhook_lost: Fault::Always,
        result_500: Fault::Always,
        ..Faults::default()
    });
    let task = tenant.submit(&tenant.inputs().await).await;
    eventually("the run is accepted", || async {
        let steps = tenant.steps(&task).await;
        steps.contains(&"accepted".to_owned()).then_some(())
    })
    .await;

    within.server.stop().await;
    let again = Within::over(within.folder, "127.0.0.2/32", &dns).await;

    let tenant = TestTenant::new(tenant.id, &again.server.base_url(), tenant.token);
    let ended = tenant.ended(&task).await;
    let why = ended["error"].to_string();
    assert_eq!(ended["status"], "failed", "{ended}");
    assert!(why.contains("the emulator was started again"), "{why}");
    assert_eq!(tenant.balance_usd().await, 10.0);
    assert_eq!(again.server.emulator().unwrap().addr(), address);
}
