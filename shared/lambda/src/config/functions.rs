//! The settings of each function, by name.

use fluxgate_aws::sqs::QueueUrls;
use fluxgate_core::admin::CallerScopes;
use fluxgate_core::fair_queue::Capacity;
use fluxgate_core::task::Lane;
use ipnet::IpNet;

use super::{
    Base, DeadLetters, Environment, Links, Provider, ProviderAccount, Queues, allow_net,
    caller_scopes, capability_secret, capacity, encryption_secret, signing_secret,
};
use crate::init::InitError;

pub struct GatewayConfig {
    pub base: Base,
    pub queues: Queues,
    pub provider: Provider,
    pub links: Links,
    /// Name or ARN of the secret that holds the encryption keys.
    pub encryption_secret: String,
    /// Name or ARN of the secret that holds the key which signs API keys.
    pub signing_secret: String,
    /// Name or ARN of the secret of a front; `None`: callers reach the function itself.
    pub origin_secret: Option<String>,
    pub allow_net: Vec<IpNet>,
    pub capacity: Option<Capacity>,
}

pub struct ReceiverConfig {
    pub base: Base,
    pub queues: Queues,
    pub capability_secret: String,
    /// Name or ARN of the secret that signs the provider's webhooks.
    pub webhook_secret: String,
    pub capacity: Option<Capacity>,
}

pub struct PollerConfig {
    pub base: Base,
    pub queues: Queues,
    pub dead_letters: DeadLetters,
    pub provider: Provider,
    pub capability_secret: String,
    pub allow_net: Vec<IpNet>,
    pub capacity: Option<Capacity>,
}

pub struct ArchiverConfig {
    pub base: Base,
    pub queues: Queues,
    pub dead_letters: DeadLetters,
    /// Its temporary storage.
    pub storage_mb: u32,
    /// Name or ARN of the secret that holds the encryption keys.
    pub encryption_secret: String,
    pub allow_net: Vec<IpNet>,
}

pub struct NotifierConfig {
    pub base: Base,
    pub queue: String,
    pub dead_letters: DeadLetters,
    pub links: Links,
    /// Name or ARN of the secret that holds the encryption keys.
    pub encryption_secret: String,
    pub allow_net: Vec<IpNet>,
}

pub struct SweeperConfig {
    pub base: Base,
    pub watch_queue: String,
    /// What the sweep finds untold is told from there.
    pub notify_queue: String,
    /// The destination of the usage export; `None` if there is no export.
    pub export: Option<ExportBucket>,
}

/// A bucket and a key prefix.
pub struct ExportBucket {
    pub bucket: String,
    pub prefix: String,
}

pub struct AdminConfig {
    pub base: Base,
    /// What the operator asks for goes there: copies, recoveries, replays, redriven dead letters.
    pub queues: Queues,
    pub dead_letters: QueueUrls,
    pub capacity: Option<Capacity>,
    pub provider: ProviderAccount,
    pub links: Links,
    pub allow_net: Vec<IpNet>,
    /// Name or ARN of the secret that holds the encryption keys.
    pub encryption_secret: String,
    /// Name or ARN of the secret that holds the key which signs API keys.
    pub signing_secret: String,
    /// What each caller that IAM lets through may do.
    pub caller_scopes: CallerScopes,
}

impl GatewayConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            queues: Queues::read(env)?,
            provider: Provider::read(env)?,
            links: Links::read(env)?,
            encryption_secret: encryption_secret(env)?,
            signing_secret: signing_secret(env)?,
            origin_secret: env.optional("FLUXGATE_ORIGIN_SECRET"),
            allow_net: allow_net(env)?,
            capacity: capacity(env)?,
        })
    }
}

impl ReceiverConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            queues: Queues::read(env)?,
            capability_secret: capability_secret(env)?,
            webhook_secret: env.required("FLUXGATE_WEBHOOK_SECRET")?,
            capacity: capacity(env)?,
        })
    }
}

impl PollerConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            queues: Queues::read(env)?,
            dead_letters: DeadLetters::read(env, Lane::Watch)?,
            provider: Provider::read(env)?,
            capability_secret: capability_secret(env)?,
            allow_net: allow_net(env)?,
            capacity: capacity(env)?,
        })
    }
}

impl ArchiverConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            queues: Queues::read(env)?,
            dead_letters: DeadLetters::read(env, Lane::Archive)?,
            storage_mb: env.required_count("FLUXGATE_ARCHIVER_STORAGE_MB")?,
            encryption_secret: encryption_secret(env)?,
            allow_net: allow_net(env)?,
        })
    }
}

impl NotifierConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            queue: env.url("FLUXGATE_NOTIFY_QUEUE_URL")?.into(),
            dead_letters: DeadLetters::read(env, Lane::Notify)?,
            links: Links::read(env)?,
            encryption_secret: encryption_secret(env)?,
            allow_net: allow_net(env)?,
        })
    }
}

impl SweeperConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            watch_queue: env.url("FLUXGATE_WATCH_QUEUE_URL")?.into(),
            notify_queue: env.url("FLUXGATE_NOTIFY_QUEUE_URL")?.into(),
            export: ExportBucket::read(env)?,
        })
    }
}

impl ExportBucket {
    fn read(env: &Environment) -> Result<Option<Self>, InitError> {
        let Some(bucket) = env.optional("FLUXGATE_USAGE_EXPORT_BUCKET") else {
            return Ok(None);
        };
        Ok(Some(Self {
            bucket,
            prefix: env.required("FLUXGATE_USAGE_EXPORT_PREFIX")?,
        }))
    }
}

impl AdminConfig {
    pub fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            base: Base::read(env)?,
            queues: Queues::read(env)?,
            dead_letters: DeadLetters::read_all(env)?,
            capacity: capacity(env)?,
            provider: ProviderAccount::read(env)?,
            links: Links::read(env)?,
            allow_net: allow_net(env)?,
            encryption_secret: encryption_secret(env)?,
            signing_secret: signing_secret(env)?,
            caller_scopes: caller_scopes(env)?,
        })
    }
}
