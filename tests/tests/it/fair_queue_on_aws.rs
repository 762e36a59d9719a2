//! The fair queue on AWS: one item that gateway, poller and receiver share.

use std::time::Duration;

use fluxgate_core::fair_queue::{Capacity, FairQueueAnswer, FairQueueQuestion, FairQueueRequest};
use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::contract::{fresh_tenant, now};
use fluxgate_tests::faulty_aws::{self, FaultyAws};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{AwsStores, Ministack, Stack, StackOptions};
use serde_json::json;

const TASKS_EACH: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_share_two_slots_through_the_functions_and_pay_for_what_they_got() {
    let faults = Faults {
        tiny_output: Fault::Always,
        ..Faults::default()
    };
    let stack = Stack::with(StackOptions {
        emulator: EmulatorConfig {
            faults,
            run_time: Duration::from_millis(300),
            ..emulator_config()
        },
        parameters: vec![("ProviderConcurrency", "2".to_owned())],
        ..StackOptions::default()
    })
    .await;
    let tenants = [
        stack.tenant("acme", "1").await,
        stack.tenant("bolt", "1").await,
    ];
    let inputs = json!({ "prompt": "x", "image": tenants[0].upload().await });

    let mut tasks = Vec::new();
    for _ in 0..TASKS_EACH {
        for tenant in &tenants {
            tasks.push((tenant, tenant.submit(&inputs).await));
        }
    }
    let mut waited = 0;
    for (tenant, task) in &tasks {
        assert_eq!(tenant.ended(task).await["status"], "completed");
        waited += usize::from(tenant.steps(task).await.contains(&"queued".to_owned()));
    }

    assert!(waited > 0, "nobody had to wait");
    assert!(
        stack.emulator.runs_at_once() <= 2,
        "{} at once",
        stack.emulator.runs_at_once()
    );
    assert_eq!(stack.emulator.runs().len(), 2 * TASKS_EACH);
    for tenant in &tenants {
        let spent = 1.0 - tenant.balance_usd().await;
        assert!(
            (spent - TASKS_EACH as f64 * 0.08).abs() < 1e-9,
            "${spent} spent"
        );
    }
    let swept = stack.function("sweeper").invoke(json!({})).await.unwrap();
    assert_eq!(swept, json!({ "tenants": 2, "live": 0, "stuck": 0 }));
    for call in stack.calls.all() {
        let (function, action) = (&call.function, &call.action);
        assert_eq!(call.denied, None, "{function} calls {action}");
    }
}

#[tokio::test]
async fn a_question_whose_answer_was_lost_takes_one_slot() {
    let ministack = Ministack::start().await;
    let faulty = FaultyAws::before(&ministack).await;
    let stores = AwsStores::on(&ministack)
        .await
        .by_way_of(&faulty.aws)
        .await
        .stores();
    let enter = || FairQueueRequest {
        now: now(),
        capacity: Capacity {
            per_minute: None,
            concurrency: Some(2),
        },
        question: FairQueueQuestion::Enter {
            tenant: fresh_tenant(),
            weight: 1,
        },
    };

    let mut taken = 0;
    for _ in 0..3 {
        faulty.next("PutItem", [faulty_aws::Fault::AnswerLost]);
        taken += usize::from(matches!(
            stores.fair_queue.ask(&enter()).await.unwrap(),
            FairQueueAnswer::Taken(_)
        ));
    }

    assert_eq!((taken, faulty.left()), (2, 0));
}
