//! Stores that no connection reaches: the probe tells the operator why.

use fluxgate_emulator::Emulator;
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::odd_store::{ACCESS_KEY, BUCKET, SECRET_KEY};
use fluxgate_tests::process;
use tokio::net::TcpListener;

use crate::https_receivers::Certificate;
use crate::tracing::{Serving, serving};

/// What a probe of a store at this endpoint says.
fn probed(serving: &Serving, endpoint: &str) -> String {
    let data = serving.log.with_file_name("data");
    let secret = serving.log.with_file_name("secret");
    std::fs::write(&secret, SECRET_KEY).unwrap();
    let (data, secret) = (data.to_str().unwrap(), secret.to_str().unwrap());
    let mut set = vec!["destination", "set", "acme", "--bucket", BUCKET];
    set.extend(["--path-style", "true", "--access-key-id", ACCESS_KEY]);
    set.extend(["--secret-access-key-file", secret, "--endpoint", endpoint]);
    set.extend(["--data", data]);
    let set = process::run_with(&set, &[("FLUXGATE_ALLOW_NET", "127.0.0.0/8")]);
    assert!(set.status.success(), "{set:?}");
    let probe = process::run(&["destination", "probe", "acme", "--data", data]);
    assert!(!probe.status.success(), "{probe:?}");
    // A store that accepts and never answers takes two minutes.
    let said = String::from_utf8_lossy(&probe.stderr);
    assert!(said.starts_with("waiting for the store"), "{said}");
    String::from_utf8(probe.stdout).unwrap()
}

/// Shakes hands by TLS with whoever trusts the certificate, and says nothing more.
async fn store(certificate: &Certificate) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let acceptor = certificate.accepting(&["http/1.1"]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    endpoint
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_names_a_certificate_that_is_not_trusted_or_a_refused_connection() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let untrusted = store(&Certificate::made()).await;
    let nobody = format!("http://{}", free_address());

    let by_certificate = probed(&serving, &untrusted);
    let refused = probed(&serving, &nobody);

    assert!(by_certificate.contains("UnknownIssuer"), "{by_certificate}");
    assert!(refused.contains("refused"), "{refused}");
    // The library that checks certificates has no line of its own for each of them.
    let log = serving.text();
    assert!(!log.contains("rustls_platform_verifier"), "{log}");
}
