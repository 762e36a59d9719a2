//! A tenant's own limit of requests, on several environments of the gateway.

use aws_sdk_dynamodb::types::AttributeValue;
use std::time::Instant;

use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Stack, TestTenant, eventually};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::revoked::Revoked;

const BALANCE: &str = "/api/v3/balance";
const BURST: usize = 20;
const ASKED: usize = 80;

async fn limited(stack: &Stack, name: &str) -> TestTenant {
    let tenant = stack.tenant(name, "1").await;
    let limits = json!({ "limits": { "requests_per_second": 1, "burst": BURST } });
    let path = format!("/admin/v1/tenants/{name}");
    let (status, body) = stack.admin_call(Method::PATCH, &path, &limits).await;
    assert_eq!(status, 200, "{body}");
    tenant
}

async fn many(tenant: &TestTenant) -> Vec<Answer> {
    let mut asking = JoinSet::new();
    for _ in 0..ASKED {
        let tenant = tenant.clone();
        asking.spawn(async move { tenant.get(BALANCE).await });
    }
    asking.join_all().await
}

/// The tenants whose requests are counted in the table.
async fn counted(stack: &Stack) -> Vec<String> {
    let scan = stack.ministack.aws().dynamodb().scan();
    let scan = scan
        .table_name(stack.table())
        .filter_expression("sk = :rate");
    let scan = scan.expression_attribute_values(":rate", AttributeValue::S("RATE".to_owned()));
    let items = scan.send().await.unwrap().items.unwrap_or_default();
    let names = items.iter().map(|item| item["pk"].as_s().unwrap().clone());
    names.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_two_environments_together_and_none_costs_nothing() {
    let stack = Stack::start().await;
    let (tenant, free) = (
        limited(&stack, "acme").await,
        stack.tenant("free", "1").await,
    );
    free.get(BALANCE).await;
    let started = Instant::now();

    let answers = many(&tenant).await;

    let most = BURST + started.elapsed().as_secs() as usize + 1;
    let passed = answers.iter().filter(|it| it.status == 200).count();
    assert!(
        (BURST / 2..=most).contains(&passed),
        "{passed} of {ASKED} passed, {most} may"
    );
    for refused in answers.iter().filter(|it| it.status != 200) {
        assert_eq!(refused.text("/error_code"), "rate_limited");
        assert!(refused.headers.contains_key("retry-after"));
    }
    // A tenant without a limit of its own is not counted.
    assert_eq!(counted(&stack).await, ["T#acme"]);
    assert_eq!(stack.function("gateway").processes(), 2);
}

/// Counting is no reason to refuse: each environment goes on by itself, and says so once.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_table_each_environment_counts_alone_and_says_so_once() {
    let stack = Stack::start().await;
    let tenant = limited(&stack, "acme").await;

    let revoked = Revoked::from(&stack, "gateway", "dynamodb:UpdateItem");
    let answers = many(&tenant).await;
    drop(revoked);

    let passed = answers.iter().filter(|it| it.status == 200).count();
    assert!(passed >= BURST, "only {passed} passed");
    assert!(answers.iter().any(|it| it.status == 429));
    let said = "request rates hold for this process alone";
    let lines = stack.function("gateway").log().matches(said).count();
    assert!((1..=2).contains(&lines), "{lines} lines of two processes");
    eventually("the shared rate", || async {
        tenant.get(BALANCE).await;
        let log = stack.function("gateway").log();
        log.contains("request rates hold for all processes together again")
            .then_some(())
    })
    .await;
}
