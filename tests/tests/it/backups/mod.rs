//! A stopped server leaves a database that is whole in its one file, and a folder that is restored
//! without its secrets is not taken for a new one.

mod burst;
mod damaged;
mod drill;
mod killed;
mod refused;
mod restored;

use std::fs;

use fluxgate_local::server::Server;
use fluxgate_tests::gateway::GatewayOptions;
use fluxgate_tests::{Gateway, process};

#[tokio::test]
async fn a_copy_of_a_stopped_server_s_database_has_everything_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::with(GatewayOptions::default()).await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let data = gateway.server.folder().path.clone();
    let stopped: Server = gateway.server;
    stopped.stop().await;

    fs::copy(data.join("fluxgate.db"), folder.path().join("fluxgate.db")).unwrap();

    let copy = folder.path().to_str().unwrap().to_owned();
    let listed =
        tokio::task::spawn_blocking(move || process::run(&["tasks", "acme", "--data", &copy]));
    let listed = listed.await.unwrap();
    let told = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        told.contains(&task),
        "{told}{}",
        String::from_utf8_lossy(&listed.stderr)
    );
}

#[test]
fn a_folder_with_tenants_gets_new_secrets_only_where_somebody_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (data, secrets) = (folder.path(), folder.path().join("secrets.json"));
    let run = |args: &[&str]| {
        let output = process::run(&[args, &["--data", data.to_str().unwrap()]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.success(), said)
    };
    assert!(run(&["tenants", "add", "acme"]).0);
    let first = fs::read(&secrets).unwrap();
    let saved = data.join("saved");
    fs::rename(&secrets, &saved).unwrap();

    let serve = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--s3-listen",
        "127.0.0.1:0",
    ];
    for command in [&["tenants", "add", "bolt"][..], &["token", "acme"], &serve] {
        let (succeeded, said) = run(command);
        assert!(!succeeded, "{command:?}");
        assert!(
            said.contains("secrets.json is missing") && said.contains("restore it from a backup"),
            "{command:?}: {said}"
        );
        assert!(!secrets.exists(), "{command:?}");
    }
    fs::rename(&saved, &secrets).unwrap();
    assert!(run(&["tenants", "add", "bolt"]).0, "restored");
    fs::write(&secrets, "new\n").unwrap();
    let (succeeded, said) = run(&["tenants", "add", "cork"]);

    assert!(succeeded, "{said}");
    let made = fs::read(&secrets).unwrap();
    assert!(made != first && made.len() > 100, "new ones, as was said");
    assert!(run(&["token", "acme"]).0);
    assert_eq!(fs::read(&secrets).unwrap(), made, "made once");
}
