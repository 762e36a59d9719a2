//! The SDK's client, configured from settings only: nothing is read from the environment.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};

use super::{S3Limits, S3StoreSettings};

/// A client for reading and writing.
pub(super) fn client(settings: S3StoreSettings) -> Client {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region))
        .credentials_provider(settings.credentials)
        .force_path_style(settings.force_path_style)
        .timeout_config(timeouts(settings.limits))
        .retry_config(
            RetryConfig::standard().with_max_attempts(settings.limits.attempts_max.max(1)),
        )
        // The digest of every object is known before its put, so the SDK need not compute one.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    config.set_endpoint_url(settings.endpoint);
    config.set_http_client(settings.http);
    Client::from_conf(config.build())
}

fn timeouts(limits: S3Limits) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(limits.connect_timeout_ms))
        .operation_attempt_timeout(Duration::from_millis(limits.attempt_timeout_ms))
        .operation_timeout(Duration::from_millis(limits.operation_timeout_ms))
        .build()
}
