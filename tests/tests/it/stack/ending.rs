//! A task is followed, retried and deleted through the functions.

use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{Stack, StackOptions, TestTenant, eventually};
use serde_json::{Value, json};

const SECRET: &str = "a very private prompt";

/// The names of the events of a task, by as many streams as it takes to its end.
async fn followed(tenant: &TestTenant, task: &str) -> Vec<String> {
    let (mut names, mut last) = (Vec::new(), String::new());
    while names.last().is_none_or(|name| name != "end") {
        let url = tenant.url(&format!("/v1/tasks/{task}/events"));
        let request = tenant.http().get(url).header("last-event-id", &last);
        let answer = tenant.send(request).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let Value::String(text) = answer.body else {
            panic!("a stream is text: {:?}", answer.body);
        };
        assert!(text.starts_with("retry: "), "{text}");
        let field = |line: &str, name| line.strip_prefix(name).map(|it: &str| it.trim().to_owned());
        names.extend(text.lines().filter_map(|line| field(line, "event:")));
        last = text
            .lines()
            .filter_map(|line| field(line, "id:"))
            .next_back()
            .unwrap_or(last);
    }
    names
}

/// How many tasks in the table have inputs, which nobody can read there.
async fn sealed_texts(stack: &Stack) -> usize {
    let scan = stack.ministack.aws().dynamodb().scan();
    let items = scan.table_name(stack.table()).send().await.unwrap().items;
    assert!(!format!("{items:?}").contains(SECRET));
    let inputs = items.iter().flatten().filter_map(|item| item.get("inputs"));
    inputs.filter(|inputs| inputs.is_b()).count()
}

#[tokio::test]
async fn a_failed_task_is_followed_retried_and_nothing_is_left_when_it_is_deleted() {
    let faults = Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    };
    let stack = Stack::with(StackOptions {
        emulator: EmulatorConfig {
            faults,
            ..emulator_config()
        },
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let failed = tenant
        .submit(&json!({ "prompt": SECRET, "image": image }))
        .await;
    let names = followed(&tenant, &failed).await;
    let steps = names.iter().filter(|name| *name == "step").count();
    assert_eq!(steps, tenant.steps(&failed).await.len(), "{names:?}");
    stack.emulator.set_faults(Faults::default());

    let path = format!("/v1/tasks/{failed}/retry");
    let retried = tenant.post(&path, &json!({})).await;
    let id = retried.text("/id");
    assert_eq!(
        (retried.status.as_u16(), retried.text("/retry_of")),
        (201, failed.clone())
    );
    assert_eq!(tenant.ended(&id).await["status"], "completed");
    let sealed = sealed_texts(&stack).await;
    assert!(sealed > 0);
    let ids = json!({ "ids": [failed, id, "0".repeat(32)] });
    let deleted = tenant.post("/api/v3/predictions/delete", &ids).await;

    assert_eq!(
        deleted.body["data"]["deleted_count"], 2,
        "{:?}",
        deleted.body
    );
    for task in [&failed, &id] {
        assert_eq!(tenant.get(&format!("/v1/tasks/{task}")).await.status, 404);
    }
    assert_eq!(sealed_texts(&stack).await, 0);
    let usage = eventually("the usage", || async {
        let usage = tenant.get("/v1/usage").await.body["total"].clone();
        (usage["completed"] == 1).then_some(usage)
    })
    .await;
    assert_eq!(usage["failed"], 1, "{usage}");
    assert!((tenant.balance_usd().await - 0.92).abs() < 1e-9);
    super::calls_are_allowed(&stack);
}
