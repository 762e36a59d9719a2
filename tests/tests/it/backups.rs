//! A stopped server leaves a database that is whole in its one file.

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
