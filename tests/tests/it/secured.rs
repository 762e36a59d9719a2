//! TLS on the listeners that tenants reach: by a client that checks it, and with a certificate that
//! changes while connections go on.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use fluxgate_tests::gateway::free_address;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{FluxgateProcess, eventually, process};
use reqwest::{Certificate, Client};
use serde_json::{Value, json};

/// Certificates of 127.0.0.1 that vouch for themselves, with their keys.
const MAKE: &str = r#"
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization as form
from cryptography.hazmat.primitives.asymmetric import ec

for name in sys.argv[2:]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    open(f"{sys.argv[1]}/{name}.pem", "wb").write(certificate.public_bytes(form.Encoding.PEM))
    open(f"{sys.argv[1]}/{name}.key", "wb").write(private)
"#;

fn make(folder: &Path, names: &[&str]) {
    let mut python = Command::new(process::python());
    let made = python.args(["-c", MAKE]).arg(folder).args(names).status();
    assert!(made.unwrap().success());
}

/// Trusts this certificate alone.
fn client(folder: &Path, name: &str) -> Client {
    let pem = std::fs::read(folder.join(format!("{name}.pem"))).unwrap();
    Client::builder()
        .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
        .build()
        .unwrap()
}

struct Served {
    folder: tempfile::TempDir,
    process: FluxgateProcess,
    base_url: String,
    data: String,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &["first", "second"]);
        install(folder.path(), "first.pem", "first.key");
        Self::on(folder).await
    }

    async fn on(folder: tempfile::TempDir) -> Self {
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let listen = free_address().to_string();
        let (data, cert, key) = (path("data"), path("live.pem"), path("live.key"));
        let bounds = "[bounds]\nbatch_first_ms = 200\nbatch_waiting_max_ms = 1000";
        std::fs::write(path("fluxgate.toml"), bounds).unwrap();
        let config = path("fluxgate.toml");
        let args = [
            "--config",
            &config,
            "--data",
            &data,
            "--listen",
            &listen,
            "--s3-listen",
            "127.0.0.1:0",
            "--provider",
            "emulator",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
        ];
        let client = client(folder.path(), "first");
        let base_url = format!("https://{listen}");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = FluxgateProcess::serve_for(&args, &base_url, &client, log.into()).await;
        Self {
            process,
            base_url,
            data,
            folder,
        }
    }

    fn client(&self, name: &str) -> Client {
        client(self.folder.path(), name)
    }

    fn said(&self, text: &str) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.matches(text).count()
    }

    async fn answers(&self, client: &Client) -> bool {
        let asked = client.get(format!("{}/healthz", self.base_url)).send();
        asked.await.is_ok_and(|answer| answer.status() == 200)
    }
}

/// Puts both files there at once, as far as a start may see.
fn install(folder: &Path, certificate: &str, key: &str) {
    for (from, to) in [(certificate, "live.pem"), (key, "live.key")] {
        let part = folder.join("part");
        std::fs::copy(folder.join(from), &part).unwrap();
        std::fs::rename(part, folder.join(to)).unwrap();
    }
}

#[tokio::test]
async fn a_task_goes_the_whole_way_over_tls_and_its_output_is_fetched_so() {
    let served = Served::start().await;
    let client = served.client("first");
    let run = |args: &[&str]| {
        let output = process::run(&[args, &["--data", &served.data]].concat());
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(&["tenants", "add", "acme", "--balance", "1"]);
    let token = run(&["token", "acme"]);
    assert_eq!(run(&["healthcheck", "--quiet"]), "");
    let photo = fluxgate_emulator::DEMO_PHOTO.to_vec();
    let form = reqwest::multipart::Form::new().part(
        "file",
        reqwest::multipart::Part::bytes(photo).file_name("a.jpg"),
    );
    let upload = client.post(format!("{}/api/v3/media/upload/binary", served.base_url));
    let answer = upload
        .bearer_auth(&token)
        .multipart(form)
        .send()
        .await
        .unwrap();
    let uploaded: Value = answer.json().await.unwrap();
    let image = &uploaded["data"]["download_url"];
    let submit = client
        .post(format!("{}/api/v3/{MODEL}", served.base_url))
        .bearer_auth(&token)
        .json(&json!({ "prompt": "a sketch", "image": image, "enable_sync_mode": true }));

    let ended: Value = submit.send().await.unwrap().json().await.unwrap();

    let output = ended["data"]["outputs"][0].as_str().unwrap_or_default();
    assert!(output.starts_with("https://127.0.0.1:"), "{ended}");
    let fetched = client.get(output).send().await.unwrap();
    assert_eq!(fetched.status(), 200);
    assert_eq!(fetched.version(), reqwest::Version::HTTP_11);
    let plain = output.replacen("https", "http", 1);
    assert!(Client::new().get(plain).send().await.is_err());
    served.process.kill();
}

#[tokio::test]
async fn a_certificate_that_changes_is_used_by_new_connections_and_a_bad_one_by_none() {
    let served = Served::start().await;
    let (first, second) = (served.client("first"), served.client("second"));
    assert!(served.answers(&first).await && !served.answers(&second).await);
    let folder = served.folder.path();

    // A key of another certificate.
    install(folder, "second.pem", "first.key");
    let refused = "the new certificate cannot be used";
    eventually("a look at the bad files", || async {
        (served.said(refused) > 0).then_some(())
    })
    .await;
    assert!(served.answers(&served.client("first")).await);
    install(folder, "second.pem", "second.key");
    eventually("the new certificate", || async {
        served.answers(&second).await.then_some(())
    })
    .await;

    assert!(!served.answers(&served.client("first")).await);
    assert!(served.answers(&first).await, "its connection goes on");
    assert!(served.said(refused) <= 2, "it is told of once a change");
    served.process.kill();
}

/// The plain listener had a new port at each start, and a command that waited asked the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waits_finds_the_server_again_after_a_restart() {
    let served = Served::start().await;
    let data = served.data.clone();
    let run = |args: &[&str]| {
        let output = process::run(&[args, &["--data", &data]].concat());
        assert!(output.status.success(), "{args:?} {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["tenants", "add", "acme"]);
    let lines = served.folder.path().join("lines.jsonl");
    let picture = base64::engine::general_purpose::STANDARD.encode(fluxgate_emulator::DEMO_PHOTO);
    let input = json!({ "prompt": "x", "image": format!("data:image/jpeg;base64,{picture}") });
    let line = json!({ "model": MODEL, "input": input });
    std::fs::write(&lines, line.to_string()).unwrap();
    let args = [
        "batch",
        lines.to_str().unwrap(),
        "--tenant",
        "acme",
        "--data",
        &data,
    ];
    let mut waiting = process::command(&args).spawn().unwrap();
    // It has no money yet.
    eventually("the batch", || async {
        (!run(&["batches", "--tenant", "acme", "--quiet"]).is_empty()).then_some(())
    })
    .await;
    let Served {
        folder, process, ..
    } = served;
    let noted = |folder: &Path| std::fs::read_to_string(folder.join("data/server-url")).unwrap();
    let before = noted(folder.path());
    assert_eq!(process.terminate(), Some(0));

    let served = Served::on(folder).await;

    assert_eq!(noted(served.folder.path()), before);
    run(&["accounts", "top-up", "acme", "1", "--reference", "first"]);
    let ended = tokio::task::spawn_blocking(move || waiting.wait().unwrap());
    let ended = tokio::time::timeout(std::time::Duration::from_secs(90), ended).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
    served.process.kill();
}

#[test]
fn a_certificate_without_its_key_is_a_setting_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), &["first", "second"]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, cert, key) = (path("data"), path("first.pem"), path("second.key"));
    let serve = |more: &[&str]| {
        let args = [
            "serve",
            "--data",
            &data,
            "--provider",
            "emulator",
            "--listen",
            "127.0.0.1:0",
        ];
        let output = process::run(&[&args[..], more].concat());
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };

    let (alone, alone_said) = serve(&["--tls-cert", &cert]);
    let (foreign, foreign_said) = serve(&["--tls-cert", &cert, "--tls-key", &key]);
    let (none, none_said) = serve(&["--tls-cert", "/nowhere.pem", "--tls-key", &key]);

    assert_eq!((alone, foreign, none), (Some(2), Some(2), Some(2)));
    assert!(
        alone_said.contains("set both --tls-cert and --tls-key"),
        "{alone_said}"
    );
    assert!(
        foreign_said.contains("are no certificate with its key"),
        "{foreign_said}"
    );
    assert!(
        none_said.contains("cannot read /nowhere.pem"),
        "{none_said}"
    );
}
