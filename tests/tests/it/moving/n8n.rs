//! The guide's workflow: the requests of its nodes, sent as n8n sends them.

use fluxgate_tests::{Gateway, LiveReceiver, TestTenant};
use reqwest::Method;
use serde_json::Value;

use super::guide;

/// What a node may refer to, by the text of its expression.
type Values<'a> = [(&'a str, &'a str)];

/// A parameter; one that begins with `=` has expressions, which are replaced.
fn text(parameter: &Value, values: &Values<'_>) -> String {
    let text = parameter.as_str().unwrap();
    let Some(expression) = text.strip_prefix('=') else {
        return text.to_owned();
    };
    let replaced = values
        .iter()
        .fold(expression.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{ {name} }}}}"), value)
        });
    assert!(!replaced.contains("{{"), "{replaced} is not known here");
    replaced
}

/// Names and values, as n8n writes a list of parameters.
fn pairs(list: &Value, values: &Values<'_>) -> Vec<(String, String)> {
    let pairs = list["parameters"].as_array().into_iter().flatten();
    pairs
        .map(|pair| (text(&pair["name"], values), text(&pair["value"], values)))
        .collect()
}

/// The request of an HTTP Request node; answers the JSON that the next node gets.
async fn sent(tenant: &TestTenant, node: &Value, values: &Values<'_>) -> Value {
    assert_eq!(node["type"], "n8n-nodes-base.httpRequest");
    let parameters = &node["parameters"];
    assert_eq!(parameters["genericAuthType"], "httpBearerAuth");
    let method = parameters["method"].as_str().unwrap_or("GET");
    let mut request = tenant
        .http()
        .request(
            Method::from_bytes(method.as_bytes()).unwrap(),
            text(&parameters["url"], values),
        )
        .query(&pairs(&parameters["queryParameters"], values));
    for (name, value) in pairs(&parameters["headerParameters"], values) {
        request = request.header(name, value);
    }
    if parameters["sendBody"] == true {
        let body: Value = serde_json::from_str(&text(&parameters["jsonBody"], values)).unwrap();
        request = request.json(&body);
    }
    let answer = tenant.send(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[tokio::test]
async fn the_workflow_for_n8n_submits_once_is_woken_and_reads_the_result() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let n8n = LiveReceiver::start().await;
    let image = tenant.upload().await;
    let base_url = gateway.server.base_url();
    let addresses = [
        ("https://gateway.example", base_url.as_str()),
        ("https://img.example/photo.jpg", image.as_str()),
    ];
    let page = guide(&addresses);
    let workflow: Value = serde_json::from_str(page.block("json", "\"nodes\"")).unwrap();
    let node = |name: &str| {
        let nodes = workflow["nodes"].as_array().unwrap().iter();
        nodes.clone().find(|node| node["name"] == name).unwrap()
    };
    let resume = n8n.url("webhook-waiting/7");
    let execution = [
        ("$workflow.id", "w"),
        ("$execution.id", "7"),
        ("$execution.resumeUrl", &resume),
    ];

    let submitted = sent(&tenant, node("Submit"), &execution).await;
    let repeated = sent(&tenant, node("Submit"), &execution).await;
    let woken = n8n.at("webhook-waiting/7", 1).await;
    let id = submitted["data"]["id"].as_str().unwrap();
    let earlier = [("$('Submit').item.json.data.id", id)];
    let result = sent(&tenant, node("Result"), &earlier).await;

    assert_eq!(repeated["data"]["id"], submitted["data"]["id"]);
    assert_eq!(node("Wait")["parameters"]["httpMethod"], "POST");
    assert_eq!(woken[0].json()["id"], submitted["data"]["id"]);
    assert_eq!(result["data"]["status"], "completed");
    assert_eq!(result["data"]["charged_usd"], 0.08);
}
