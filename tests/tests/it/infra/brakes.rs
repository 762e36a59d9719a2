//! The brakes: reserves of concurrency, throttles, the table's caps and the budget. All are off
//! unless a parameter is set.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{function, list, parameters, resource, resources, text, written};

/// The condition of an `Fn::If`, and what holds if it is met; else nothing is said.
fn optional(value: &Value) -> (String, &Value) {
    let parts = value["Fn::If"]
        .as_array()
        .unwrap_or_else(|| panic!("{value}"));
    assert_eq!(parts[2], json!({ "Ref": "AWS::NoValue" }), "{value}");
    (text(&parts[0]), &parts[1])
}

#[test]
fn workers_have_as_many_places_reserved_as_their_queues_may_use() {
    let source = |name| &resource(name)["ScalingConfig"]["MaximumConcurrency"];
    for (worker, most) in [
        ("poller", source("PollerWatch")),
        ("archiver", source("ArchiverArchive")),
        ("notifier", source("NotifierNotify")),
        ("sweeper", &json!(1)),
    ] {
        let (condition, reserved) = optional(&function(worker)["ReservedConcurrentExecutions"]);

        assert_eq!((condition.as_str(), reserved), ("ReservesWorkers", most));
    }
    for (name, condition) in [
        ("gateway", "ReservesGateways"),
        ("receiver", "ReservesReceivers"),
    ] {
        let reserved = optional(&function(name)["ReservedConcurrentExecutions"]);
        assert_eq!(reserved.0, condition);
    }
    assert!(function("admin")["ReservedConcurrentExecutions"].is_null());
}

#[test]
fn the_stage_and_the_table_have_a_limit_where_one_is_set() {
    // As it is written: numbers of parameters are in the place of their names elsewhere.
    let written = written("infra/template.yaml");
    let stage = &written["Resources"]["HttpApiStage"]["Properties"];
    let (condition, throttles) = optional(&stage["DefaultRouteSettings"]);
    assert_eq!(condition, "CapsHttpApi");
    assert_eq!(
        throttles["ThrottlingRateLimit"]["Ref"],
        "HttpApiRatePerSecond"
    );
    assert_eq!(throttles["ThrottlingBurstLimit"]["Ref"], "HttpApiBurst");

    let (condition, caps) = optional(&resource("Table")["OnDemandThroughput"]);
    assert_eq!(condition, "CapsTable");
    for (cap, condition) in [
        ("MaxReadRequestUnits", "CapsTableReads"),
        ("MaxWriteRequestUnits", "CapsTableWrites"),
    ] {
        assert_eq!(optional(&caps[cap]).0, condition);
    }
}

#[test]
fn every_brake_is_off_by_default() {
    let off: BTreeMap<&str, Value> = [
        ("GatewayReservedConcurrency", json!(0)),
        ("ReceiverReservedConcurrency", json!(0)),
        ("ReserveWorkers", json!("no")),
        ("HttpApiRatePerSecond", json!(0)),
        ("HttpApiBurst", json!(0)),
        ("TableMaxReadUnits", json!(0)),
        ("TableMaxWriteUnits", json!(0)),
        ("MonthlyBudgetUsd", json!(0)),
        ("OriginSecretName", json!("")),
    ]
    .into();
    let parameters = parameters();

    for (name, value) in off {
        assert_eq!(parameters[name]["Default"], value, "{name}");
    }
}

#[test]
fn a_budget_tells_the_topic_or_the_address_before_and_when_it_is_used_up() {
    let budgets = resources("AWS::Budgets::Budget");
    let told = list(&budgets[0].1["NotificationsWithSubscribers"]);

    let mut when = Vec::new();
    for one in told {
        let notification = &one["Notification"];
        when.push((
            text(&notification["NotificationType"]),
            notification["Threshold"].clone(),
        ));
        let subscriber = json!([{
            "SubscriptionType": { "Fn::If": ["HasAlarmTopicArn", "SNS", "EMAIL"] },
            "Address": { "Fn::If": [
                "HasAlarmTopicArn", { "Ref": "AlarmTopicArn" }, { "Ref": "AlarmEmail" },
            ] },
        }]);
        assert_eq!(one["Subscribers"], subscriber);
    }

    let expected = [("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)];
    assert_eq!(
        when,
        expected.map(|(kind, at)| (kind.to_owned(), json!(at)))
    );
}

/// Parameters that make no sense together are refused before anything is changed.
#[test]
fn what_makes_no_sense_without_another_parameter_is_refused() {
    let written = written("infra/template.yaml");
    let rules = written["Rules"].as_object().unwrap();
    for (rule, names) in [
        ("OriginSecretNeedsBaseUrl", ["OriginSecretName", "BaseUrl"]),
        ("BudgetNeedsAnAddress", ["AlarmTopicArn", "AlarmEmail"]),
        ("ARateNeedsABurst", ["HttpApiRatePerSecond", "HttpApiBurst"]),
        ("ABurstNeedsARate", ["HttpApiRatePerSecond", "HttpApiBurst"]),
    ] {
        let rule = &rules[rule];
        for name in names {
            assert!(
                rule.to_string()
                    .contains(&format!("{{\"Ref\":\"{name}\"}}"))
            );
        }
        for assertion in list(&rule["Assertions"]) {
            assert!(text(&assertion["AssertDescription"]).starts_with("With "));
        }
    }
    assert_eq!(rules.len(), 4);
}
