//! The SDK's clients, configured from settings only: nothing is read from the environment. All have
//! the same bounds.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};

use crate::clock::ClockWatch;
use crate::http;

/// One attempt of one call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// All attempts of one call.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(25);
/// Attempts of one call, including the first. Only safe cases are retried: throttling, 5xx, broken
/// connections. A transaction that lost to another is not retried here: its store decides.
const ATTEMPTS_MAX: u32 = 3;

/// Which AWS endpoint and credentials. Clients made from clones of one value share its connections.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    pub region: String,
    /// `None`: AWS's own endpoint of the region for each service.
    pub endpoint: Option<String>,
    pub credentials: SharedCredentialsProvider,
    /// From [`http::client`].
    pub http: SharedHttpClient,
    /// Tells once when this machine's clock is off.
    pub clock: ClockWatch,
}

macro_rules! client {
    ($($(#[$doc:meta])* $name:ident $sdk:ident)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> $sdk::Client {
            let mut config = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(self.region.clone()))
                .credentials_provider(self.credentials.clone())
                .http_client(self.http.clone())
                .interceptor(self.clock.clone())
                .timeout_config(timeouts())
                .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
            config.set_endpoint_url(self.endpoint.clone());
            $sdk::Client::from_conf(config.build())
        }
    )*};
}

impl AwsSettings {
    /// Has its own connection pool.
    pub fn new(
        region: impl Into<String>,
        endpoint: Option<String>,
        credentials: SharedCredentialsProvider,
    ) -> Self {
        Self {
            region: region.into(),
            endpoint,
            credentials,
            http: http::client(),
            clock: ClockWatch::default(),
        }
    }

    client! {
        /// The table.
        dynamodb aws_sdk_dynamodb
        /// The queues.
        sqs aws_sdk_sqs
        /// The provider's key and the signing keys.
        secretsmanager aws_sdk_secretsmanager
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(http::CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}
