//! The template's parameters: each is bounded, and what is out of its bounds is refused by
//! CloudFormation with a sentence, before anything is changed.

use serde_json::{Value, json};

use super::parameters;

/// A value that is a mistake, by parameter.
const MISTAKES: [(&str, &str); 51] = [
    ("Architecture", "x86"),
    ("HttpFront", "RestApi"),
    ("HttpApiRatePerSecond", "-1"),
    ("HttpApiBurst", "1000000"),
    ("ProviderUrl", "api.wavespeed.ai"),
    ("ProviderRatePerMinute", "0"),
    ("ProviderConcurrency", "-1"),
    (
        "ProviderKeySecretName",
        "arn:aws:secretsmanager:a:1:secret:x",
    ),
    ("WebhookSecretName", "two words"),
    (
        "EncryptionKmsKeyArn",
        "arn:aws:kms:eu-west-1:123456789012:alias/fluxgate",
    ),
    ("BaseUrl", "pictures.example.com"),
    ("PublicUrl", "ftp://example.com"),
    ("AllowNet", "intranet"),
    ("OriginSecretName", "the secret itself"),
    ("AdminScopes", "arn:aws:iam::1:user/x=read;write"),
    ("TenantRolePattern", "fluxgate-*"),
    ("OwnBucketPattern", "Pictures"),
    ("UsageExportBucket", "-x"),
    ("UsageExportPrefix", "/usage"),
    (
        "ExistingTableName",
        "arn:aws:dynamodb:eu-west-1:123456789012:table/x",
    ),
    ("BackupSchedule", "rate(1 day)"),
    ("BackupDays", "0"),
    ("BackupVaultName", "a vault"),
    (
        "BackupCopyVaultArn",
        "arn:aws:backup:eu-west-1:123456789012:vault:x",
    ),
    ("Deployment", "Canary"),
    ("Restart", "tomorrow; now"),
    ("HttpMemoryMb", "64"),
    ("WorkerMemoryMb", "20480"),
    ("ArchiverMemoryMb", "319"),
    ("ArchiverStorageMb", "511"),
    ("PollerConcurrency", "1"),
    ("ArchiverConcurrency", "1001"),
    ("NotifierConcurrency", "0"),
    ("GatewayReservedConcurrency", "-1"),
    ("ReceiverReservedConcurrency", "1000000"),
    ("ReserveWorkers", "1"),
    ("TableMaxReadUnits", "-1"),
    ("TableMaxWriteUnits", "50000"),
    ("WatchBatchingSeconds", "301"),
    ("ArchiveBatchingSeconds", "-1"),
    ("NotifyBatchingSeconds", "600"),
    ("SweepSchedule", "hourly"),
    ("LogFilter", ""),
    ("LogRetentionDays", "31"),
    ("Tracing", "Off"),
    ("RunbooksUrl", "https://runbooks.example.com/"),
    ("WithAlarms", "true"),
    ("WithDashboard", "no thanks"),
    ("AlarmTopicArn", "fluxgate-alarms"),
    ("AlarmEmail", "ops"),
    ("MonthlyBudgetUsd", "-5"),
];

/// As CloudFormation judges it; of a list each value.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html>
pub(super) fn takes(parameter: &Value, value: &str) -> bool {
    let of_list = parameter["Type"] == "CommaDelimitedList";
    let values: Vec<&str> = match of_list {
        true => value.split(',').collect(),
        false => vec![value],
    };
    values.into_iter().all(|value| takes_one(parameter, value))
}

fn takes_one(parameter: &Value, value: &str) -> bool {
    if let Some(allowed) = parameter["AllowedValues"].as_array() {
        let same = |it: &Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned) == value;
        return allowed.iter().any(same);
    }
    if parameter["Type"] == "Number" {
        let bound = |name: &str| parameter[name].as_i64().expect("a bound of a number");
        let number: i64 = value.parse().unwrap();
        return (bound("MinValue")..=bound("MaxValue")).contains(&number);
    }
    let chars = value.len() as u64;
    let is_short = parameter["MaxLength"]
        .as_u64()
        .is_none_or(|max| chars <= max);
    let is_long = parameter["MinLength"]
        .as_u64()
        .is_none_or(|min| chars >= min);
    let pattern = json!({ "pattern": parameter["AllowedPattern"] });
    is_short && is_long && jsonschema::is_valid(&pattern, &json!(value))
}

#[test]
fn every_parameter_is_bounded_takes_its_default_refuses_a_mistake_and_says_what_it_must_be() {
    let parameters = parameters();
    assert_eq!(parameters.len(), MISTAKES.len());

    for (name, mistake) in MISTAKES {
        let parameter = &parameters[name];
        let default = &parameter["Default"];
        let default = default
            .as_str()
            .map_or_else(|| default.to_string(), str::to_owned);

        assert!(takes(parameter, &default), "{name}: {default}");
        assert!(!takes(parameter, mistake), "{name} takes '{mistake}'");
        let said = parameter["ConstraintDescription"].as_str();
        assert!(said.is_some_and(|it| it.starts_with("must be ")), "{name}");
    }
}
