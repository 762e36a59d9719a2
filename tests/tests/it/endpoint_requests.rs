//! Requests about endpoints: what may be left out, and how many are too many.

use fluxgate_tests::Gateway;
use serde_json::json;

#[tokio::test]
async fn a_url_has_no_fragment_and_a_body_of_options_may_be_left_out() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let url = "http://127.0.0.1:9/events";
    let (id, _) = tenant.endpoint(&format!("{url}#one")).await;
    let path = format!("/v1/endpoints/{id}");
    assert_eq!(tenant.get(&path).await.text("/url"), url);
    let again = json!({ "url": format!("{url}#two") });
    let again = tenant.post("/v1/endpoints", &again).await;
    assert_eq!(again.text("/code"), "endpoint_exists");

    for (action, status) in [("secret", 200), ("test", 200), ("recover", 202)] {
        let request = tenant.http().post(tenant.url(&format!("{path}/{action}")));
        let answer = tenant.send(request).await;
        assert_eq!(answer.status, status, "{action}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn test_events_are_few_at_a_time() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (id, _) = tenant.endpoint("http://127.0.0.1:9/events").await;
    let path = format!("/v1/endpoints/{id}/test");

    let mut refused = None;
    for _ in 0..400 {
        let answer = tenant.post(&path, &json!({})).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }

    assert_eq!(
        refused.expect("400 in a row are too many").text("/code"),
        "too_many_tests"
    );
}
