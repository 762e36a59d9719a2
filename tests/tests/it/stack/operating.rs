//! The operator looks after tasks and dead letters through the functions, with the admin's role.

use std::time::Duration;

use fluxgate_emulator::EmulatorConfig;
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{Stack, StackOptions, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const ADMIN: &str = "/admin/v1";

async fn get(stack: &Stack, path: &str) -> Value {
    let (status, body) = stack
        .admin_call(Method::GET, &format!("{ADMIN}{path}"), &Value::Null)
        .await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn post(stack: &Stack, path: &str, body: &Value) -> (u16, Value) {
    stack.admin(&format!("{ADMIN}{path}"), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_a_stuck_task_on_aws_and_the_sweep_sees_it_no_more() {
    let stack = Stack::with(StackOptions {
        emulator: EmulatorConfig {
            run_time: Duration::from_secs(600),
            ..emulator_config()
        },
        parameters: vec![("ProviderConcurrency", "1".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let (task, waiting) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);
    let path = format!("/tenants/acme/tasks/{task}");

    let open = get(&stack, "/tasks").await;
    let queue = get(&stack, "/fair-queue").await;
    let swept = stack.function("sweeper").invoke(json!({})).await.unwrap();
    let reason = json!({ "reason": "stuck" });
    let failed = post(&stack, &format!("{path}/fail"), &reason).await;
    let cancel = format!("/tenants/acme/tasks/{waiting}/cancel");
    let cancelled = post(&stack, &cancel, &json!({})).await;

    assert_eq!(open["tasks"].as_array().unwrap().len(), 2, "{open}");
    assert_eq!(
        queue["waiting"][0]["longest_task"],
        json!(waiting),
        "{queue}"
    );
    assert_eq!(swept["live"], 2, "{swept}");
    assert_eq!(
        (failed.0, &failed.1["state"]),
        (200, &json!("failed")),
        "{failed:?}"
    );
    assert_eq!(
        (cancelled.0, &cancelled.1["state"]),
        (200, &json!("cancelled"))
    );
    assert_eq!(tenant.balance_usd().await, 1.0);
    assert_eq!(get(&stack, "/tasks").await["tasks"], json!([]));
    let seen = get(&stack, &path).await;
    assert_eq!(seen["error"]["code"], "failed_by_operator", "{seen}");
    let swept = stack.function("sweeper").invoke(json!({})).await.unwrap();
    assert_eq!(swept["live"], 0, "{swept}");
    assert_eq!(
        get(&stack, "/provider").await["limits"],
        json!({ "concurrency": 1 })
    );
    super::calls_are_allowed(&stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_redrives_and_deletes_dead_letters_on_aws() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let job = json!({ "v": 1, "job": { "job": "archive", "tenant": "acme", "task": task } });
    for body in [job.to_string(), "{}".to_owned()] {
        let send = stack.ministack.aws().sqs().send_message();
        let send = send.queue_url(stack.queue_url("archive-dead-letters"));
        send.message_body(body).send().await.unwrap();
    }

    let listed = get(&stack, "/dead-letters?lane=archive").await;
    let letters = listed["dead_letters"].as_array().unwrap();
    let (jobs, others): (Vec<&Value>, Vec<&Value>) = letters
        .iter()
        .partition(|letter| letter.get("job").is_some());
    let (job, other) = (jobs[0]["id"].clone(), others[0]["id"].as_str().unwrap());
    let redriven = post(&stack, "/dead-letters/archive/redrive", &json!({})).await;
    let path = format!("{ADMIN}/dead-letters/archive/{other}");
    let deleted = stack.admin_call(Method::DELETE, &path, &Value::Null).await;

    assert_eq!(jobs[0]["job"]["task"], json!(task), "{listed}");
    assert_eq!(redriven, (200, json!({ "redriven": [job] })));
    assert_eq!(deleted.0, 204, "{deleted:?}");
    for queue in ["archive-dead-letters", "archive"] {
        eventually("an empty queue", || async {
            (stack.messages(queue).await == 0).then_some(())
        })
        .await;
    }
    super::calls_are_allowed(&stack);
}
