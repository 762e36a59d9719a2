//! The guide's table against the routes that there are.

use std::collections::BTreeSet;

use fluxgate_tests::Gateway;
use serde_json::json;

use super::guide;

/// What the first cells of the guide's table of routes name.
fn listed() -> BTreeSet<String> {
    let page = guide(&[]);
    let (_, table) = page.text().split_once("\n## Routes\n").unwrap();
    let rows = table
        .split("\n## ")
        .next()
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split(" | ").next().unwrap());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_moving_guide_has_every_route_of_the_providers_api_and_no_other() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let document = tenant.get("/openapi.json").await.body;

    let paths = document["paths"].as_object().unwrap();
    let served: BTreeSet<String> = paths
        .iter()
        .filter(|(path, _)| path.starts_with("/api/"))
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert_eq!(listed(), served);
}

/// A path that people try: what to call in its place is in the answer.
#[tokio::test]
async fn a_path_of_predictions_that_does_not_exist_names_delete_and_cancel() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let refused = tenant
        .post("/api/v3/predictions/x/cancel", &json!({}))
        .await;

    assert_eq!(refused.status, 404);
    let message = refused.text("/message");
    for route in [
        "POST /api/v3/predictions/delete",
        "POST /v1/tasks/{id}/cancel",
    ] {
        assert!(message.contains(route), "{message}");
    }
}
