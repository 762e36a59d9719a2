//! The front: what CloudFront passes on is what the gateway waits for, and nothing is remembered,
//! shown or logged that is one tenant's.

use std::collections::{BTreeMap, BTreeSet};

use fluxgate_edge::ORIGIN_SECRET;
use serde_json::{Value, json};

use super::documented::section;
use super::parameters::takes;
use super::{list, template, text, written};

/// By parameter a value that is right, where there is no default, and one that is a mistake.
const VALUES: [(&str, &str, &str); 7] = [
    ("DomainName", "pictures.example.com", "https://example.com"),
    (
        "CertificateArn",
        "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
        "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    ),
    (
        "OriginDomain",
        "abcdef.lambda-url.eu-central-1.on.aws",
        "https://abcdef.lambda-url.eu-central-1.on.aws/",
    ),
    (
        "OriginSecret",
        "the-value-of-the-front-0123456789",
        "too short",
    ),
    ("RequestsPerMinute", "", "9"),
    ("WithAccessLogs", "", "true"),
    ("LogRetentionDays", "", "31"),
];

/// Every status that CloudFront remembers by itself.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html>
const REMEMBERED: [u64; 11] = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];

fn front() -> Value {
    written("infra/front.yaml")
}

fn distribution() -> Value {
    front()["Resources"]["Distribution"]["Properties"]["DistributionConfig"].clone()
}

#[test]
fn every_parameter_is_bounded_refuses_a_mistake_and_is_documented() {
    let parameters = front()["Parameters"].as_object().unwrap().clone();
    assert_eq!(parameters.len(), VALUES.len());
    let mut defaults = BTreeMap::new();
    for (name, right, mistake) in VALUES {
        let parameter = &parameters[name];
        let default = match &parameter["Default"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let right = if right.is_empty() { &default } else { right };

        assert!(takes(parameter, right), "{name} refuses '{right}'");
        assert!(!takes(parameter, mistake), "{name} takes '{mistake}'");
        let said = text(&parameter["ConstraintDescription"]);
        assert!(said.starts_with("must be "), "{name}");
        defaults.insert(name.to_owned(), default);
    }
    assert_eq!(parameters["OriginSecret"]["NoEcho"], true);

    let rows = section("infra/README.md", "## A front of your own");
    let documented: BTreeMap<String, String> = rows
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(documented, defaults);
}

#[test]
fn the_front_sends_what_the_gateway_waits_for_to_the_gateway_alone() {
    let distribution = distribution();
    let origins = list(&distribution["Origins"]);

    assert_eq!(origins.len(), 1);
    let header = json!([{
        "HeaderName": ORIGIN_SECRET.as_str(),
        "HeaderValue": { "Ref": "OriginSecret" },
    }]);
    assert_eq!(origins[0]["OriginCustomHeaders"], header);
    assert_eq!(origins[0]["DomainName"], json!({ "Ref": "OriginDomain" }));
    let connection = &origins[0]["CustomOriginConfig"];
    assert_eq!(connection["OriginProtocolPolicy"], "https-only");
    let timeout = template()["Resources"]["Gateway"]["Properties"]["Timeout"].clone();
    assert_eq!(connection["OriginReadTimeout"], timeout);
    assert!(template()["Outputs"]["GatewayOriginDomain"].is_object());
}

/// A 404 that one tenant is told must not be its owner's.
#[test]
fn no_answer_is_remembered_and_every_header_but_the_host_is_passed_on() {
    let distribution = distribution();
    let behaviour = &distribution["DefaultCacheBehavior"];

    // <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html>
    assert_eq!(
        [
            &behaviour["CachePolicyId"],
            &behaviour["OriginRequestPolicyId"]
        ],
        [
            "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            "b689b0a8-53d0-40ab-baf2-68738e2966ac"
        ]
    );
    let errors = list(&distribution["CustomErrorResponses"]);
    let codes: BTreeSet<u64> = errors
        .iter()
        .map(|it| it["ErrorCode"].as_u64().unwrap())
        .collect();
    assert_eq!(codes, REMEMBERED.into());
    assert!(errors.iter().all(|it| it["ErrorCachingMinTTL"] == 0));
    let methods: BTreeSet<String> = list(&behaviour["AllowedMethods"])
        .into_iter()
        .map(text)
        .collect();
    for method in ["GET", "POST", "PATCH", "DELETE", "OPTIONS"] {
        assert!(methods.contains(method), "{method}");
    }
    assert_eq!(behaviour["ViewerProtocolPolicy"], "https-only");
    assert_eq!(
        distribution["ViewerCertificate"]["MinimumProtocolVersion"],
        "TLSv1.2_2021"
    );
}

#[test]
fn the_firewall_counts_by_address_and_answers_as_the_gateway_does() {
    let firewall = front()["Resources"]["Firewall"]["Properties"].clone();
    let rules = list(&firewall["Rules"]);

    assert_eq!((rules.len(), &firewall["Scope"]), (1, &json!("CLOUDFRONT")));
    let rate = &rules[0]["Statement"]["RateBasedStatement"];
    assert_eq!(
        (&rate["AggregateKeyType"], &rate["EvaluationWindowSec"]),
        (&json!("IP"), &json!(60))
    );
    assert_eq!(rate["Limit"], json!({ "Ref": "RequestsPerMinute" }));
    let answer = &rules[0]["Action"]["Block"]["CustomResponse"];
    assert_eq!(answer["ResponseCode"], 429);
    let body = text(&answer["CustomResponseBodyKey"]);
    let body = text(&firewall["CustomResponseBodies"][&body]["Content"]);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (&body["code"], &body["error_code"]),
        (&json!(429), &json!("rate_limited"))
    );
    // A rate by address would not hold a client of IPv6.
    assert_eq!(distribution()["IPV6Enabled"], false);
}

#[test]
fn neither_logs_nor_samples_have_paths_queries_or_headers() {
    let front = front();
    let resources = &front["Resources"];
    let fields = list(&resources["AccessLogDelivery"]["Properties"]["RecordFields"]);
    assert!(fields.len() > 5);
    for field in fields.into_iter().map(text) {
        let told = ["uri", "query", "cookie", "referer", "user-agent", "host"];
        assert!(
            !told.iter().any(|part| field.to_lowercase().contains(part)),
            "{field}"
        );
    }
    for name in [
        "AccessLogs",
        "AccessLogSource",
        "AccessLogDestination",
        "AccessLogDelivery",
    ] {
        assert_eq!(resources[name]["Condition"], "HasAccessLogs", "{name}");
    }
    assert!(distribution()["Logging"].is_null());
    let firewall = &resources["Firewall"]["Properties"];
    for seen in [firewall, &firewall["Rules"][0]] {
        assert_eq!(seen["VisibilityConfig"]["SampledRequestsEnabled"], false);
    }
}
