//! AWS as this machine knows it: credentials by the usual chain (environment, profile, SSO,
//! container, instance), which is asked when the first destination on AWS needs them.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::{Mutex, OnceCell};

/// What is signed needs keys for some time to come.
const RENEW_EARLY: Duration = Duration::from_secs(300);
/// A profile may be edited while the server runs.
const KEPT_MAX: Duration = Duration::from_secs(900);
/// The chain needs a region for STS alone; buckets name their own.
const STS_REGION: &str = "us-east-1";

/// The region that roles are assumed in.
pub(crate) fn sts_region() -> String {
    let named = std::env::var("AWS_REGION").or_else(|_| std::env::var("AWS_DEFAULT_REGION"));
    named.unwrap_or_else(|_| STS_REGION.to_owned())
}

/// `AWS_ENDPOINT_URL`, as AWS's own tools read it: an address in place of AWS's.
pub(crate) fn endpoint() -> Option<String> {
    let url = std::env::var("AWS_ENDPOINT_URL").ok()?;
    let url = url.trim_end_matches('/');
    (!url.is_empty()).then(|| url.to_owned())
}

/// The credentials of this process on AWS.
pub(crate) fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Chain::default())
}

/// The chain, and what it answered last.
#[derive(Default)]
struct Chain {
    provider: OnceCell<Option<SharedCredentialsProvider>>,
    last: Mutex<Option<(Credentials, Instant)>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain")
    }
}

impl ProvideCredentials for Chain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current())
    }
}

impl Chain {
    /// One caller asks at a time; the others get its answer.
    async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut last = self.last.lock().await;
        if let Some((keys, since)) = &*last
            && since.elapsed() < KEPT_MAX
            && is_good(keys)
        {
            return Ok(keys.clone());
        }
        let provider = self.provider.get_or_init(load).await;
        let provider = provider
            .as_ref()
            .ok_or_else(|| CredentialsError::not_loaded("there is no chain of credentials"))?;
        let keys = provider.provide_credentials().await?;
        *last = Some((keys.clone(), Instant::now()));
        Ok(keys)
    }
}

async fn load() -> Option<SharedCredentialsProvider> {
    let region = aws_config::Region::new(sts_region());
    let config = aws_config::defaults(BehaviorVersion::latest()).region(region);
    config.load().await.credentials_provider()
}

fn is_good(keys: &Credentials) -> bool {
    let end = keys.expiry();
    end.is_none_or(|end| end > SystemTime::now() + RENEW_EARLY)
}
