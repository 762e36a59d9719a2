//! What the template gives each function to read, and how a function fails with a wrong value.

use std::collections::{BTreeMap, BTreeSet};

use fluxgate_lambda::config::{
    AdminConfig, ArchiverConfig, GatewayConfig, NotifierConfig, PollerConfig, ReceiverConfig,
    SweeperConfig,
};
use fluxgate_lambda::{Environment, InitError, wiring};

use super::{FUNCTIONS, function};

/// What the platform sets for every function.
const PLATFORM: [&str; 3] = ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// Variables that a function need not have.
const OPTIONAL: [&str; 11] = [
    "FLUXGATE_TABLE_ADOPTED",
    "FLUXGATE_STACK",
    "FLUXGATE_LOG",
    "FLUXGATE_PUBLIC_URL",
    "FLUXGATE_BASE_URL",
    "FLUXGATE_ADMIN_SCOPES",
    "FLUXGATE_ALLOW_NET",
    "FLUXGATE_ORIGIN_SECRET",
    "FLUXGATE_PROVIDER_RATE_PER_MINUTE",
    "FLUXGATE_PROVIDER_CONCURRENCY",
    "FLUXGATE_USAGE_EXPORT_BUCKET",
];

type Variables = BTreeMap<String, String>;

#[test]
fn each_function_is_given_exactly_what_it_reads() {
    for name in FUNCTIONS {
        let env = Environment::of(plausible(name));

        configure(name, &env).unwrap();

        let given = given(name);
        assert_eq!(
            env.names().into_iter().collect::<BTreeSet<_>>(),
            given.iter().map(String::as_str).collect(),
            "{name}"
        );
    }
}

#[test]
fn a_variable_that_is_missing_or_empty_is_named_in_one_line_unless_it_is_optional() {
    for name in FUNCTIONS {
        for variable in given(name).into_iter().chain(PLATFORM.map(str::to_owned)) {
            for value in [None, Some(""), Some(" ")] {
                let mut variables = plausible(name);
                variables.remove(&variable);
                variables.extend(value.map(|value| (variable.clone(), value.to_owned())));

                let configured = configure(name, &Environment::of(variables));

                if OPTIONAL.contains(&variable.as_str()) {
                    configured
                        .unwrap_or_else(|error| panic!("{name} without {variable}: {error:?}"));
                } else {
                    assert_one_line_about(&variable, configured.err(), name);
                }
            }
        }
    }
}

#[test]
fn a_malformed_url_network_or_limit_is_named_and_shown_in_one_line() {
    for name in FUNCTIONS {
        for variable in given(name) {
            let malformed: &[&str] = match variable.as_str() {
                "FLUXGATE_PROVIDER_RATE_PER_MINUTE"
                | "FLUXGATE_PROVIDER_CONCURRENCY"
                | "FLUXGATE_ARCHIVER_STORAGE_MB" => &["0", "-1", "2.5", "ten"],
                "FLUXGATE_ALLOW_NET" => &[
                    "10.0.0.0/33",
                    "intranet",
                    "10.0.0.0/8;fd00::/8",
                    "10.0.0.0/8,x",
                ],
                "FLUXGATE_ADMIN_SCOPES" => &["read", "arn:aws:*=all", "=read"],
                url if url.ends_with("_URL") => &[
                    "api.wavespeed.ai",
                    "ftp://a",
                    "https://",
                    "/hooks",
                    "arn:aws:sqs:a:1:q",
                ],
                _ => &[],
            };
            for value in malformed {
                let mut variables = plausible(name);
                variables.insert(variable.clone(), (*value).to_owned());

                let error = configure(name, &Environment::of(variables)).err();

                assert_one_line_about(&variable, error, &format!("{name} with {value}"));
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_log_filter_stops_every_function_before_it_calls_anybody() {
    for name in FUNCTIONS {
        let mut variables = plausible(name);
        variables.insert("FLUXGATE_LOG".to_owned(), "fluxgate_core=loud".to_owned());
        variables.insert(
            "AWS_ENDPOINT_URL".to_owned(),
            "http://127.0.0.1:9".to_owned(),
        );

        let error = wire(name, &Environment::of(variables)).await;

        assert_one_line_about("FLUXGATE_LOG", error, name);
    }
}

fn assert_one_line_about(variable: &str, error: Option<InitError>, what: &str) {
    let line = format!(
        "{:?}",
        error.unwrap_or_else(|| panic!("{what}: {variable} was taken"))
    );
    assert!(line.contains(variable), "{what}: {line}");
    assert_eq!(line.lines().count(), 1, "{what}: {line}");
}

/// The names that the template sets.
fn given(name: &str) -> BTreeSet<String> {
    function(name)["Environment"]["Variables"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect()
}

/// The same with values as they would be on AWS, and what the platform adds.
fn plausible(name: &str) -> Variables {
    let value = |variable: &str| match variable {
        "FLUXGATE_ADMIN_SCOPES" => "arn:aws:iam::*:user/ops=read,write",
        "FLUXGATE_ALLOW_NET" => "10.1.0.0/16, fd00::/8",
        "FLUXGATE_PROVIDER_RATE_PER_MINUTE" | "FLUXGATE_PROVIDER_CONCURRENCY" => "10",
        "FLUXGATE_ARCHIVER_STORAGE_MB" => "3072",
        "FLUXGATE_LOG" => "warn,fluxgate_core=debug",
        queue if queue.contains("QUEUE") || queue.contains("LETTER") => {
            "https://sqs.eu-west-1.amazonaws.com/210987654321/fluxgate-watch"
        }
        url if url.ends_with("_URL") => "https://abcdef.lambda-url.eu-west-1.on.aws/",
        "AWS_REGION" => "eu-west-1",
        _ => "fluxgate/name",
    };
    let names = given(name).into_iter().chain(PLATFORM.map(str::to_owned));
    names
        .map(|name| (name.clone(), value(&name).to_owned()))
        .collect()
}

fn configure(name: &str, env: &Environment) -> Result<(), InitError> {
    match name {
        "gateway" => GatewayConfig::read(env).map(drop),
        "receiver" => ReceiverConfig::read(env).map(drop),
        "poller" => PollerConfig::read(env).map(drop),
        "archiver" => ArchiverConfig::read(env).map(drop),
        "notifier" => NotifierConfig::read(env).map(drop),
        "sweeper" => SweeperConfig::read(env).map(drop),
        "admin" => AdminConfig::read(env).map(drop),
        other => panic!("no function '{other}'"),
    }
}

async fn wire(name: &str, env: &Environment) -> Option<InitError> {
    match name {
        "gateway" => wiring::gateway(env).await.err(),
        "receiver" => wiring::receiver(env).await.err(),
        "poller" => wiring::poller(env).await.err(),
        "archiver" => wiring::archiver(env).await.err(),
        "notifier" => wiring::notifier(env).await.err(),
        "sweeper" => wiring::sweeper(env).await.err(),
        "admin" => wiring::admin(env).await.err(),
        other => panic!("no function '{other}'"),
    }
}
