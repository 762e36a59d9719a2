//! A role that loses a permission while its function runs, and gets it back.

use std::time::Duration;

use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{LiveReceiver, Stack, TestTenant, eventually};
use serde_json::{Value, json};

/// Takes an action from a function's role until dropped.
pub(super) struct Revoked<'a> {
    stack: &'a Stack,
    function: &'a str,
    policy: fluxgate_tests::aws_calls::Policy,
}

impl<'a> Revoked<'a> {
    pub(super) fn from(stack: &'a Stack, function: &'a str, action: &str) -> Self {
        let policy = stack.calls.policy(function);
        let granted = policy.grants().iter().any(|grant| grant.action == action);
        assert!(granted, "{function} has no {action} to lose");
        stack.calls.allow(function, policy.clone().without(action));
        Self {
            stack,
            function,
            policy,
        }
    }

    /// Until the function has met the refusal, its log says which permission lacks.
    async fn is_logged(&self, action: &str) {
        let wanted = format!("{action} is what a log must name");
        eventually(&wanted, || async {
            let log = self.stack.function(self.function).log();
            log.contains(action).then_some(())
        })
        .await;
    }
}

impl Drop for Revoked<'_> {
    fn drop(&mut self) {
        self.stack.calls.allow(self.function, self.policy.clone());
    }
}

async fn submit(tenant: &TestTenant, inputs: &Value) -> fluxgate_tests::tenant::Answer {
    tenant.post(&format!("/api/v3/{MODEL}"), inputs).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_without_a_permission_answers_503_says_which_and_works_again_once_it_is_back() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;

    for action in [
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:Query",
        "sqs:SendMessage",
    ] {
        let revoked = Revoked::from(&stack, "gateway", action);
        let refused = eventually(&format!("a refusal without {action}"), || async {
            let answer = match action {
                "dynamodb:Query" => tenant.get("/v1/tasks").await,
                "dynamodb:GetItem" => tenant.get(&format!("/v1/tasks/{task}")).await,
                _ => submit(&tenant, &inputs).await,
            };
            (answer.status != 200).then_some(answer)
        })
        .await;
        revoked.is_logged(action).await;
        drop(revoked);

        assert_eq!(refused.status, 503, "{action}: {:?}", refused.body);
        assert!(refused.headers.contains_key("retry-after"), "{action}");
        let again = eventually("a submit", || async {
            let answer = submit(&tenant, &inputs).await;
            (answer.status == 200).then(|| answer.text("/data/id"))
        })
        .await;
        assert_eq!(tenant.ended(&again).await["status"], "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_permission_says_which_and_ends_its_tasks_once_it_is_back() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let inputs = tenant.inputs().await;

    for (function, action) in [
        ("notifier", "secretsmanager:GetSecretValue"),
        ("receiver", "sqs:SendMessage"),
        ("archiver", "dynamodb:UpdateItem"),
    ] {
        let revoked = Revoked::from(&stack, function, action);
        let task = tenant.submit(&inputs).await;
        revoked.is_logged(action).await;
        drop(revoked);

        assert_eq!(tenant.ended(&task).await["status"], "completed", "{action}");
        let told = receiver.about(&task, 1);
        let told = tokio::time::timeout(Duration::from_secs(60), told).await;
        assert!(told.is_ok(), "{function} without {action} told nobody");
    }
    assert_eq!(stack.emulator.runs().len(), 3);
}

/// What signs API keys is read when one is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_its_secret_is_503_until_the_secret_may_be_read_again() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let keys = "/admin/v1/tenants/acme/keys";
    let new = json!({ "name": "ci", "scopes": ["read"] });

    let revoked = Revoked::from(&stack, "admin", "secretsmanager:GetSecretValue");
    let (refused, body) = stack.admin(keys, &new).await;
    revoked.is_logged("secretsmanager:GetSecretValue").await;
    drop(revoked);

    assert_eq!(
        (refused, &body["code"]),
        (503, &json!("secret_denied")),
        "{body}"
    );
    let made = eventually("a key", || async {
        let (status, made) = stack.admin(keys, &new).await;
        (status == 201).then_some(made)
    })
    .await;
    let token = made["key"].as_str().unwrap().to_owned();
    let caller = TestTenant::new(tenant.id.clone(), stack.gateway_url(), token);
    assert_eq!(caller.get("/v1/tasks").await.status, 200);
}
