//! The queues: who works on which, how long a message is hidden, and where it goes in the end.

use std::collections::BTreeSet;

use fluxgate_core::bounds::Bounds;

use super::roles::{allowed, given};
use super::{
    FUNCTIONS, allowed_actions, capital, function, list, named, number, parameters, resource,
    resources, text,
};

const CONSUMERS: [(&str, &str); 3] = [
    ("watch", "poller"),
    ("archive", "archiver"),
    ("notify", "notifier"),
];

/// What AWS asks for, so that a message does not come to a second function while the first one is
/// throttled. <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const VISIBILITY_TIMEOUTS_MIN: u64 = 6;

#[test]
fn each_lane_has_one_consumer_which_reports_the_messages_that_failed() {
    let mappings = resources("AWS::Lambda::EventSourceMapping");

    assert_eq!(mappings.len(), CONSUMERS.len());
    for (lane, consumer) in CONSUMERS {
        let queue = format!("{}Queue", capital(lane));
        let (_, mapping) = mappings
            .iter()
            .find(|(_, it)| named(&it["EventSourceArn"]) == Some(&queue))
            .unwrap();
        assert_eq!(
            named(&mapping["FunctionName"]),
            Some(capital(consumer).as_str())
        );
        assert_eq!(
            mapping["FunctionResponseTypes"],
            serde_json::json!(["ReportBatchItemFailures"])
        );
        assert!(number(&mapping["ScalingConfig"]["MaximumConcurrency"]) >= 2);
        let concurrency = &parameters()[&format!("{}Concurrency", capital(consumer))];
        assert_eq!(
            (
                number(&concurrency["MinValue"]),
                number(&concurrency["MaxValue"])
            ),
            (2, 1_000),
            "what AWS takes"
        );
    }
}

/// By default Lambda ends a chain of messages in which one function comes up 16 times, as a job
/// that waits for hours does.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>
#[test]
fn a_consumer_may_send_to_the_queue_that_wakes_it_as_often_as_a_job_waits() {
    for (_, consumer) in CONSUMERS {
        assert_eq!(
            text(&function(consumer)["RecursiveLoop"]),
            "Allow",
            "{consumer}"
        );
    }
}

#[test]
fn a_message_is_hidden_for_six_times_its_functions_time_and_the_longest_batching_window() {
    for (lane, consumer) in CONSUMERS {
        let queue = resource(&format!("{}Queue", capital(lane)));
        let window = &parameters()[&format!("{}BatchingSeconds", capital(lane))];

        let timeout_s = number(&function(consumer)["Timeout"]);

        assert_eq!(
            number(&queue["VisibilityTimeout"]),
            VISIBILITY_TIMEOUTS_MIN * timeout_s + number(&window["MaxValue"]),
            "{lane}"
        );
    }
}

#[test]
fn a_lanes_messages_end_in_its_own_dead_letters_long_after_the_code_would_have_given_them_up() {
    for (lane, _) in CONSUMERS {
        let (queue, letters) = (
            format!("{}Queue", capital(lane)),
            format!("{}DeadLetters", capital(lane)),
        );
        let (queue, redrive) = (resource(&queue), &resource(&queue)["RedrivePolicy"]);

        assert_eq!(
            queue["QueueName"]["Fn::Sub"],
            format!("${{AWS::StackName}}-{lane}")
        );
        assert_eq!(
            named(&redrive["deadLetterTargetArn"]),
            Some(letters.as_str())
        );
        assert!(
            number(&redrive["maxReceiveCount"]) > u64::from(Bounds::default().job_failures_max)
        );
        let letters = resource(&letters);
        assert_eq!(
            letters["QueueName"]["Fn::Sub"],
            format!("${{AWS::StackName}}-{lane}-dead-letters")
        );
        let sources = list(&letters["RedriveAllowPolicy"]["sourceQueueArns"]);
        assert_eq!(sources.len(), 1, "{lane}");
        assert!(text(&sources[0]["Fn::Sub"]).ends_with(&format!(":${{AWS::StackName}}-{lane}")));
        // A message that SQS moves keeps the age that it had.
        assert!(
            number(&letters["MessageRetentionPeriod"]) > number(&queue["MessageRetentionPeriod"])
        );
    }
}

/// What an event source does with its function's role.
const CONSUME: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
];

/// What the admin does with dead letters, and with no other queue.
const LOOK_AFTER: [&str; 3] = [
    "sqs:ReceiveMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
];

#[test]
fn a_function_sends_to_the_queues_that_it_is_told_of_and_consumes_its_own() {
    let sources = resources("AWS::Lambda::EventSourceMapping");
    for name in FUNCTIONS {
        let queues = given(name, |variable| variable.ends_with("_QUEUE_URL"));
        let letters = given(name, |variable| variable.ends_with("_DEAD_LETTER_URL"));
        let sends = allowed(name, "sqs:SendMessage");
        if name == "admin" {
            assert_eq!(sends, queues);
            for action in LOOK_AFTER {
                assert_eq!(allowed(name, action), letters, "{action}");
            }
            continue;
        }
        let told: BTreeSet<String> = queues.union(&letters).cloned().collect();
        assert_eq!(sends, told, "{name}");

        let own = sources
            .iter()
            .filter(|(_, source)| named(&source["FunctionName"]) == Some(&capital(name)));
        let own: BTreeSet<String> = own
            .filter_map(|(_, source)| named(&source["EventSourceArn"]))
            .map(str::to_owned)
            .collect();
        for action in CONSUME {
            assert_eq!(allowed(name, action), own, "{name} {action}");
        }
        let others = |action: &String| {
            action.starts_with("sqs:")
                && action != "sqs:SendMessage"
                && !CONSUME.contains(&action.as_str())
        };
        assert!(!allowed_actions(name).iter().any(others), "{name}");
    }
}

/// What is sent in the clear is refused, by whoever: queues and the topic of alarms.
#[test]
fn every_queue_and_the_alarms_topic_refuse_what_does_not_come_by_tls() {
    let policy = resource("QueuesTlsOnly");
    let named_in: BTreeSet<&str> = list(&policy["Queues"])
        .into_iter()
        .filter_map(named)
        .collect();
    let queues = resources("AWS::SQS::Queue").into_iter();
    assert_eq!(named_in, queues.map(|(name, _)| name).collect());

    for (policy, action) in [
        ("QueuesTlsOnly", "sqs:*"),
        ("AlarmTopicPolicy", "sns:Publish"),
    ] {
        let statements = list(&resource(policy)["PolicyDocument"]["Statement"]);
        let denial = statements.into_iter().find(|it| it["Effect"] == "Deny");
        let denial = denial.unwrap();
        assert_eq!(
            (&denial["Principal"], &denial["Action"]),
            (&"*".into(), &action.into())
        );
        let insecure = serde_json::json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(denial["Condition"], insecure, "{policy}");
    }
    // A topic's own policy takes the place of the one that lets alarms publish.
    let alarms = &resource("AlarmTopicPolicy")["PolicyDocument"]["Statement"][0];
    assert_eq!(alarms["Effect"], "Allow");
    assert_eq!(alarms["Principal"]["Service"], "cloudwatch.amazonaws.com");
}
