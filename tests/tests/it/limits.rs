//! Rate limits of tenants.

use std::time::Instant;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const BURST: usize = 5;
const ASKED: usize = 60;

/// A tenant with one request a second and a small burst.
async fn limited(gateway: &Gateway, name: &str) -> TestTenant {
    let tenant = gateway.tenant(name, "1").await;
    let limits = json!({ "limits": { "requests_per_second": 1, "burst": BURST } });
    let changed = gateway
        .operator()
        .patch(&format!("/tenants/{name}"), &limits)
        .await;
    assert_eq!(
        (changed.status.as_u16(), &changed.body["limits"]),
        (200, &limits["limits"]),
        "{:?}",
        changed.body
    );
    tenant
}

/// Sends many requests at once.
async fn many(tenant: &TestTenant, path: &str) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for _ in 0..ASKED {
        let (tenant, path) = (tenant.clone(), path.to_owned());
        asking.spawn(async move { tenant.get(&path).await });
    }
    asking.join_all().await
}

const BALANCE: &str = "/api/v3/balance";

fn header(answer: &Answer, name: &str) -> String {
    answer
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test]
async fn more_requests_than_the_limit_are_429_and_told_when_to_come_again() {
    let gateway = Gateway::start().await;
    let tenant = limited(&gateway, "acme").await;
    let other = gateway.tenant("other", "1").await;
    let started = Instant::now();

    let answers = many(&tenant, BALANCE).await;

    let most = BURST + started.elapsed().as_secs() as usize + 1;
    let (passed, refused): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| answer.status == 200);
    assert!(
        (BURST..=most).contains(&passed.len()),
        "{} of {ASKED} passed, {most} may",
        passed.len()
    );
    for answer in &refused {
        assert_eq!(
            (answer.status.as_u16(), answer.text("/error_code")),
            (429, "rate_limited".to_owned())
        );
        assert!(
            answer
                .text("/message")
                .contains("more than 1 request a second"),
            "{:?}",
            answer.body
        );
        assert_eq!(header(answer, "retry-after"), "1");
        assert!(
            header(answer, "ratelimit").starts_with("\"requests\";r=0;t="),
            "{:?}",
            answer.headers
        );
    }
    assert!(
        answers
            .iter()
            .all(|answer| header(answer, "ratelimit-policy") == "\"requests\";q=5;w=5")
    );
    let others = many(&other, BALANCE).await;
    assert!(
        others.iter().all(|answer| answer.status == 200),
        "another tenant's requests are its own"
    );
}

/// A tenant without its own limit has the installation's, which ordinary clients do not reach and
/// an operator can change.
#[tokio::test]
async fn a_tenant_without_a_limit_has_the_default_one_and_looks_at_results_do_not_count() {
    let bounds = BoundsSettings {
        requests_per_second: Some(1),
        burst: Some(10),
        ..quick()
    };
    let small = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let usual = Gateway::start().await;
    let (tenant, lifted) = (
        small.tenant("acme", "1").await,
        small.tenant("lifted", "1").await,
    );
    let limits = json!({ "limits": { "requests_per_second": 100_000 } });
    assert_eq!(
        small
            .operator()
            .patch("/tenants/lifted", &limits)
            .await
            .status,
        200
    );
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;

    let answers = many(&tenant, BALANCE).await;

    assert!(
        answers
            .iter()
            .any(|answer| answer.status == 429 && answer.text("/error_code") == "rate_limited")
    );
    assert!(
        many(&tenant, &format!("/api/v3/predictions/{task}/result"))
            .await
            .iter()
            .all(|look| look.status == 200)
    );
    assert!(
        many(&lifted, BALANCE)
            .await
            .iter()
            .all(|answer| answer.status == 200)
    );
    let told = usual.tenant("acme", "1").await.get(BALANCE).await;
    assert_eq!(
        header(&told, "ratelimit-policy"),
        "\"requests\";q=1000;w=10"
    );
}

#[tokio::test]
async fn looking_at_a_result_once_a_second_is_not_counted() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    // The cached limit lasts some seconds, so this uses a tenant that is limited from the start.
    let limited = limited(&gateway, "limited").await;
    many(&limited, BALANCE).await;

    let path = format!("/api/v3/predictions/{task}/result");
    let foreign = limited.get(&path).await;
    assert_eq!(
        foreign.status, 404,
        "a look is let through, and another tenant's task is not there"
    );

    let looks = many(&limited, &path).await;
    let refused = looks.iter().filter(|answer| answer.status == 429).count();
    assert!(
        refused > 0,
        "looking {ASKED} times at once is more than once a second"
    );
}

#[tokio::test]
async fn looking_at_what_is_not_there_is_as_limited_as_asking() {
    let gateway = Gateway::start().await;
    let limited = limited(&gateway, "acme").await;
    let started = Instant::now();

    let (mut missed, mut refused) = (0, 0);
    for n in 0..ASKED {
        let look = limited
            .get(&format!("/api/v3/predictions/{n:032x}/result"))
            .await;
        match look.status.as_u16() {
            404 => missed += 1,
            429 => refused += 1,
            other => panic!("{other}: {:?}", look.body),
        }
    }

    let most = BURST + started.elapsed().as_secs() as usize + 1;
    assert!(
        (BURST..=most).contains(&missed),
        "{missed} of {ASKED} were looked for, {most} may"
    );
    assert_eq!(refused, ASKED - missed);
    // A look under another spelling of an id counts as a request.
    let odd = limited.get("/api/v3/predictions/%30/result").await;
    assert!(!header(&odd, "ratelimit").is_empty(), "{:?}", odd.headers);
}

#[tokio::test]
async fn a_limit_that_nothing_could_pass_is_refused_by_name() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let operator = gateway.operator();
    for (limits, field) in [
        (json!({ "requests_per_second": 0 }), "requests_per_second"),
        (json!({ "burst": 3 }), "burst"),
        (json!({ "weight": 5_000 }), "weight"),
        (json!({ "tasks_in_flight": 0 }), "tasks_in_flight"),
    ] {
        let refused = operator
            .patch("/tenants/acme", &json!({ "limits": limits }))
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code")),
            (400, "invalid_limit".to_owned())
        );
        assert_eq!(refused.text("/field"), field);
    }
    let unknown = operator
        .patch("/tenants/acme", &json!({ "limits": { "rate": 3 } }))
        .await;
    assert_eq!(unknown.status, 400);
    assert_eq!(
        operator.get("/tenants/acme").await.body["limits"],
        Value::Object(serde_json::Map::new())
    );
}
