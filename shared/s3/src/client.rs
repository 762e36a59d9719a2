//! The SDK's client, configured from settings only: nothing is read from the environment.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Config, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, SharedHttpClient,
};

use super::S3Limits;
use super::sites::Address;

/// A client for reading and writing.
pub(super) fn client(
    address: &Address,
    credentials: SharedCredentialsProvider,
    http: Option<SharedHttpClient>,
    limits: S3Limits,
) -> Client {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(address.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(address.path_style)
        .timeout_config(timeouts(limits))
        .retry_config(RetryConfig::standard().with_max_attempts(limits.attempts_max.max(1)))
        // The digest of every object is known before its put, so the SDK need not compute one.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    config.set_endpoint_url(address.endpoint.clone());
    config.set_http_client(http);
    Client::from_conf(config.build())
}

fn timeouts(limits: S3Limits) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(limits.connect_timeout_ms))
        .operation_attempt_timeout(Duration::from_millis(limits.attempt_timeout_ms))
        .operation_timeout(Duration::from_millis(limits.operation_timeout_ms))
        .build()
}
