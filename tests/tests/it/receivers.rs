//! The receivers of the guide, run as the page has them: each takes a real callback, once, and
//! refuses what is forged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fluxgate_tests::gateway::free_address;
use fluxgate_tests::{Gateway, Page, TestTenant, eventually, process};
use serde_json::{Value, json};

const SECRET: &str = "whsec_Zmx1eGdhdGUtdGVzdHMtb2YtdGhlLXJlY2VpdmVycyE=";
/// Of before a rotation.
const OLD_SECRET: &str = "whsec_Zmx1eGdhdGUtdGVzdHMtYmVmb3JlLXRoZS1yb3RhdGU=";
const STALE_S: i64 = 3_600;

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap().to_owned()
}

/// The one block of this language on the page that holds `mark`.
fn block(language: &str, mark: &str) -> String {
    let page = Page::read("shared/docs/guides/receivers.md", &[]);
    page.block(language, mark).to_owned()
}

/// A program of the page, with what runs it; `None` where this machine cannot.
fn program(folder: &Path, language: &str) -> Option<Command> {
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (language, mark) = language
        .split_once('/')
        .unwrap_or((language, "standardwebhooks"));
    match language {
        "python" => {
            let mut command = Command::new(process::python());
            command.arg(file("receiver.py", block("python", mark)));
            Some(command)
        }
        "js" => {
            let link = folder.join("node_modules");
            if !link.exists() {
                std::os::unix::fs::symlink(process::node_modules(), link).unwrap();
            }
            let mut command = Command::new("node");
            command.arg(file(&format!("{mark}.mjs"), block("js", mark)));
            Some(command)
        }
        "go" => {
            let version = Command::new("go").arg("version").output().ok();
            found(version, "Go")?;
            file("receiver.go", block("go", "package main"));
            let mut build = Command::new("go");
            build.args(["build", "-o", "receiver", "receiver.go"]);
            // The standard library alone: nothing is fetched.
            build.envs([
                ("GO111MODULE", "off"),
                ("GOPROXY", "off"),
                ("CGO_ENABLED", "0"),
            ]);
            let built = build.current_dir(folder).output().unwrap();
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            assert!(built.status.success(), "{said}");
            Some(Command::new(folder.join("receiver")))
        }
        _ => Some(Command::new(process::binary_named("examples/receiver"))),
    }
}

/// CI passes over nothing.
fn found<T>(there: Option<T>, what: &str) -> Option<T> {
    if there.is_none() {
        assert!(std::env::var_os("CI").is_none(), "install {what}");
        eprintln!("passed over: no {what} is installed to run a receiver of the guide");
    }
    there
}

/// A receiver that runs, and what it has printed.
struct Running {
    name: &'static str,
    child: Child,
    url: String,
    log: PathBuf,
    endpoint: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Registers an endpoint, and starts the receiver that knows its secret or its keys.
    async fn start(
        name: &'static str,
        folder: &Path,
        tenant: &TestTenant,
        keys_at: Option<&str>,
    ) -> Option<Self> {
        let mut command = program(folder, name)?;
        let port = free_address().port();
        let url = format!("http://127.0.0.1:{port}/");
        let by_keys = name == "js/createPublicKey";
        let body = if by_keys {
            json!({ "url": url, "signatures": "v1a" })
        } else {
            json!({ "url": url, "secret": SECRET })
        };
        let endpoint = tenant.created_endpoint(&body).await.text("/id");
        let keys = format!("/.well-known/webhooks/{}/{endpoint}/jwks.json", tenant.id);
        let log = folder.join(format!("{port}.log"));
        let child = command
            .current_dir(folder)
            .env("PORT", port.to_string())
            .env("WEBHOOK_SECRET", format!("{OLD_SECRET} {SECRET}"))
            .env(
                "WEBHOOK_JWKS",
                keys_at.map_or(tenant.url(&keys), str::to_owned),
            )
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .spawn();
        Some(Self {
            name,
            child: child.unwrap(),
            url,
            log,
            endpoint,
        })
    }

    /// The status of a callback with these headers.
    async fn answers(&self, headers: &[(&str, String)], body: &str) -> Option<u16> {
        let mut request = reqwest::Client::new().post(&self.url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.ok()?;
        Some(answer.status().as_u16())
    }

    async fn refuses_forgeries(&self) {
        let now = seconds();
        let body = json!({ "type": "task.completed", "data": { "id": "forged" } }).to_string();
        let unsigned = |at: i64| {
            vec![
                ("webhook-id", "evt_forged".to_owned()),
                ("webhook-timestamp", at.to_string()),
            ]
        };
        let signed = |secret: &str, at: i64| {
            let mut headers = unsigned(at);
            headers.push((
                "webhook-signature",
                signature(secret, "evt_forged", at, &body),
            ));
            headers
        };
        eventually(&format!("the listener of {}", self.name), || async {
            self.answers(&unsigned(now), &body).await
        })
        .await;
        let foreign = "whsec_bm90IGEgc2VjcmV0IG9mIHRoaXMgZW5kcG9pbnQhISE=";
        for (what, headers, body) in [
            ("nothing", Vec::new(), "{}"),
            ("no signature", unsigned(now), body.as_str()),
            ("a foreign secret", signed(foreign, now), &body),
            ("another body", signed(SECRET, now), "{}"),
            ("an old callback", signed(SECRET, now - STALE_S), &body),
            ("one of the future", signed(SECRET, now + STALE_S), &body),
        ] {
            let status = self.answers(&headers, body).await;
            assert_eq!(status, Some(400), "{}: {what}", self.name);
        }
    }

    /// Events that are about no task come too.
    async fn takes_notices(&self, tenant: &TestTenant) {
        for event in ["endpoint.disabled", "delivery.exhausted"] {
            let path = format!("/v1/endpoints/{}/test", self.endpoint);
            let tested = tenant.post(&path, &json!({ "event_type": event })).await;
            assert_eq!(tested.body["delivered"], true, "{}: {tested:?}", self.name);
        }
    }

    /// With its keys out of reach it refuses what is not signed, and stays.
    async fn takes_a_forgery_without_keys(&self) {
        let headers = [("webhook-signature", "v1a,AAAA".to_owned())];
        let at = ("webhook-timestamp", seconds().to_string());
        let answers = [
            self.answers(&headers, "x").await,
            self.answers(&[headers[0].clone(), at], "x").await,
        ];
        assert_eq!(answers, [Some(400), Some(503)]);
        assert_eq!(self.answers(&headers, "x").await, Some(400), "it is there");
    }

    /// What it has printed: `webhook-id`, type and task of each event.
    fn printed(&self) -> Vec<Vec<String>> {
        let text = fs::read_to_string(&self.log).unwrap();
        let words = |line: &str| line.split(' ').map(str::to_owned).collect();
        text.lines().map(words).collect()
    }

    async fn prints(&self, tasks: &[&str]) {
        let printed = eventually(&format!("{} to print {tasks:?}", self.name), || async {
            let printed = self.printed();
            (printed.len() >= tasks.len() + 2).then_some(printed)
        })
        .await;
        let completed = |line: &&Vec<String>| line[1] == "task.completed";
        let printed_tasks = printed
            .iter()
            .filter(completed)
            .map(|line| line[2].as_str());
        assert_eq!(printed_tasks.collect::<Vec<_>>(), tasks, "{}", self.name);
        assert!(
            printed.iter().all(|line| line[0].starts_with("evt_")),
            "{}",
            self.name
        );
        let notices = printed.iter().filter(|line| line[1] != "task.completed");
        assert_eq!(notices.count(), 2, "{}: {printed:?}", self.name);
    }
}

fn seconds() -> i64 {
    fluxgate_core::port::Clock::now(&fluxgate_core::port::SystemClock).seconds()
}

/// By the stock library.
fn signature(secret: &str, id: &str, at: i64, body: &str) -> String {
    let webhook = standardwebhooks::Webhook::new(secret).unwrap();
    webhook.sign(id, at, body.as_bytes()).unwrap()
}

/// The endpoint's delivery of this task, once it has been delivered in so many attempts.
async fn delivered(tenant: &TestTenant, endpoint: &str, task: &str, attempts: u64) -> Value {
    eventually(&format!("{attempts} attempts at {endpoint}"), || async {
        let path = format!("/v1/deliveries?endpoint={endpoint}&task={task}");
        let delivery = tenant.get(&path).await.body["deliveries"][0].clone();
        let done = delivery["state"] == "delivered" && delivery["attempts_made"] == attempts;
        done.then_some(delivery)
    })
    .await
}

#[tokio::test]
async fn the_receivers_of_the_guide_take_each_callback_once_and_refuse_forgeries() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let folder = tempfile::tempdir().unwrap();
    let mut receivers = Vec::new();
    for name in ["python", "js", "js/createPublicKey", "go", "rust"] {
        receivers.extend(Running::start(name, folder.path(), &tenant, None).await);
    }
    for receiver in &receivers {
        receiver.refuses_forgeries().await;
    }

    let inputs = tenant.inputs().await;
    let first = tenant.submit(&inputs).await;
    for receiver in &receivers {
        let delivery = delivered(&tenant, &receiver.endpoint, &first, 1).await;
        let id = delivery["id"].as_str().unwrap();
        let path = format!("/v1/deliveries/{id}/replay");
        assert_eq!(tenant.post(&path, &json!({})).await.status, 202);
        delivered(&tenant, &receiver.endpoint, &first, 2).await;
        receiver.takes_notices(&tenant).await;
    }
    let second = tenant.submit(&inputs).await;

    for receiver in &receivers {
        receiver.prints(&[&first, &second]).await;
    }
}

#[tokio::test]
async fn a_receiver_that_cannot_read_the_keys_refuses_and_stays() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let folder = tempfile::tempdir().unwrap();
    let (name, nowhere) = ("js/createPublicKey", format!("http://{}/", free_address()));
    let receiver = Running::start(name, folder.path(), &tenant, Some(&nowhere)).await;
    let Some(receiver) = receiver else { return };

    eventually("its listener", || async {
        receiver.answers(&[], "{}").await
    })
    .await;
    receiver.takes_a_forgery_without_keys().await;
}

/// The program in Rust is compiled with the workspace.
#[test]
fn the_guide_has_the_receiver_in_rust_as_it_is_compiled() {
    let compiled = fs::read_to_string(root().join("tests/examples/receiver.rs")).unwrap();

    let (_, from_first_use) = compiled.split_once("\n\nuse ").unwrap();

    assert_eq!(
        block("rust", "standardwebhooks"),
        format!("use {from_first_use}")
    );
}
