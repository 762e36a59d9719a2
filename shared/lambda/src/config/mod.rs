//! What each function reads from its environment, and nothing else: `infra/template.yaml` sets
//! exactly these names.

mod environment;
mod functions;

pub use environment::Environment;
pub use functions::{
    AdminConfig, ArchiverConfig, ExportBucket, GatewayConfig, NotifierConfig, PollerConfig,
    ReceiverConfig, SweeperConfig,
};

use fluxgate_aws::sqs::QueueUrls;
use fluxgate_core::admin::CallerScopes;
use fluxgate_core::fair_queue::Capacity;
use fluxgate_core::task::Lane;
use url::Url;

use crate::init::InitError;

const STACK_DEFAULT: &str = "fluxgate";

/// What every function needs.
pub struct Base {
    /// The stack's name: every metric has it.
    pub stack: String,
    /// The function's name, without the stack's.
    pub function: String,
    pub table: String,
    /// The table was another stack's, or is restored.
    pub is_table_adopted: bool,
    /// The table of the keys that inputs are sealed with.
    pub keys_table: String,
    /// A log filter, such as `info` or `warn,fluxgate_core=debug`.
    pub log: String,
    pub aws: Aws,
}

/// Region and credentials, as the platform sets them.
pub struct Aws {
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    pub session_token: Option<String>,
    /// The endpoint of an emulator instead of AWS.
    pub endpoint: Option<String>,
}

/// Where jobs are sent.
pub struct Queues {
    pub watch: String,
    pub archive: String,
    pub notify: String,
}

/// The dead-letter queue of the one lane that a consumer works on.
pub struct DeadLetters {
    lane: Lane,
    url: String,
}

/// The provider's API and our account there.
pub struct ProviderAccount {
    pub url: Url,
    /// Name or ARN of the secret that holds the key.
    pub key_secret: String,
}

/// The provider, for functions that send runs to it.
pub struct Provider {
    pub account: ProviderAccount,
    /// The URL where the provider reaches the receiver; `None`: completions only come from polling.
    pub public_url: Option<Url>,
}

/// What links to outputs are made from.
pub struct Links {
    /// Name or ARN of the secret that signs capabilities.
    pub capability_secret: String,
    /// The URL by which tenants reach the gateway; the gateway itself can learn it from its first
    /// request.
    pub base_url: Option<Url>,
}

impl Base {
    fn read(env: &Environment) -> Result<Self, InitError> {
        let stack = env.optional("FLUXGATE_STACK");
        let stack = stack.unwrap_or_else(|| STACK_DEFAULT.to_owned());
        // Outside Lambda, as in a test, there is none.
        let name = env.platform("AWS_LAMBDA_FUNCTION_NAME");
        let name = name.unwrap_or_else(|_| "function".to_owned());
        let function = name.strip_prefix(&format!("{stack}-")).unwrap_or(&name);
        Ok(Self {
            function: function.to_owned(),
            stack,
            table: env.required("FLUXGATE_TABLE")?,
            is_table_adopted: env.optional("FLUXGATE_TABLE_ADOPTED").is_some(),
            keys_table: env.required("FLUXGATE_KEYS_TABLE")?,
            log: env
                .optional("FLUXGATE_LOG")
                .unwrap_or_else(|| "info".to_owned()),
            aws: Aws::read(env)?,
        })
    }
}

impl Aws {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            region: env.platform("AWS_REGION")?,
            access_key: env.platform("AWS_ACCESS_KEY_ID")?,
            secret_key: env.platform("AWS_SECRET_ACCESS_KEY")?,
            session_token: env.platform("AWS_SESSION_TOKEN").ok(),
            endpoint: env.platform("AWS_ENDPOINT_URL").ok(),
        })
    }
}

impl Queues {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            watch: env.url("FLUXGATE_WATCH_QUEUE_URL")?.into(),
            archive: env.url("FLUXGATE_ARCHIVE_QUEUE_URL")?.into(),
            notify: env.url("FLUXGATE_NOTIFY_QUEUE_URL")?.into(),
        })
    }
}

impl DeadLetters {
    pub(crate) fn urls(&self) -> QueueUrls {
        let url = Some(self.url.clone());
        match self.lane {
            Lane::Watch => QueueUrls {
                watch: url,
                ..QueueUrls::default()
            },
            Lane::Archive => QueueUrls {
                archive: url,
                ..QueueUrls::default()
            },
            Lane::Notify => QueueUrls {
                notify: url,
                ..QueueUrls::default()
            },
        }
    }

    /// Those of all lanes, for whoever looks after them.
    fn read_all(env: &Environment) -> Result<QueueUrls, InitError> {
        let url = |lane| Self::read(env, lane).map(|letters| Some(letters.url));
        Ok(QueueUrls {
            watch: url(Lane::Watch)?,
            archive: url(Lane::Archive)?,
            notify: url(Lane::Notify)?,
        })
    }

    fn read(env: &Environment, lane: Lane) -> Result<Self, InitError> {
        let name = match lane {
            Lane::Watch => "FLUXGATE_WATCH_DEAD_LETTER_URL",
            Lane::Archive => "FLUXGATE_ARCHIVE_DEAD_LETTER_URL",
            Lane::Notify => "FLUXGATE_NOTIFY_DEAD_LETTER_URL",
        };
        Ok(Self {
            lane,
            url: env.url(name)?.into(),
        })
    }
}

impl ProviderAccount {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            url: env.url("FLUXGATE_PROVIDER_URL")?,
            key_secret: env.required("FLUXGATE_PROVIDER_KEY_SECRET")?,
        })
    }
}

impl Provider {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            account: ProviderAccount::read(env)?,
            public_url: env.optional_url("FLUXGATE_PUBLIC_URL")?,
        })
    }
}

impl Links {
    fn read(env: &Environment) -> Result<Self, InitError> {
        Ok(Self {
            capability_secret: capability_secret(env)?,
            base_url: env.optional_url("FLUXGATE_BASE_URL")?,
        })
    }
}

/// Name or ARN of the secret that signs capabilities.
fn capability_secret(env: &Environment) -> Result<String, InitError> {
    env.required("FLUXGATE_CAPABILITY_SECRET")
}

/// Name or ARN of the secret that holds the key which signs API keys.
fn signing_secret(env: &Environment) -> Result<String, InitError> {
    env.required("FLUXGATE_SIGNING_SECRET")
}

/// Name or ARN of the secret that holds the encryption keys.
fn encryption_secret(env: &Environment) -> Result<String, InitError> {
    env.required("FLUXGATE_ENCRYPTION_SECRET")
}

/// What the provider's account bears; `None`: no limits, and no line.
fn capacity(env: &Environment) -> Result<Option<Capacity>, InitError> {
    let per_minute = env.optional_count("FLUXGATE_PROVIDER_RATE_PER_MINUTE")?;
    Ok(Capacity::limited(
        per_minute,
        env.optional_count("FLUXGATE_PROVIDER_CONCURRENCY")?,
    ))
}

/// Non-public networks that tenants' URLs may lead to.
fn allow_net(env: &Environment) -> Result<Vec<ipnet::IpNet>, InitError> {
    let text = env.optional("FLUXGATE_ALLOW_NET").unwrap_or_default();
    fluxgate_outbound::networks(&text)
        .map_err(|why| InitError::new(format!("FLUXGATE_ALLOW_NET: {why}")))
}

/// What callers of the admin API may do, by their ARN; without it everything.
fn caller_scopes(env: &Environment) -> Result<CallerScopes, InitError> {
    let text = env.optional("FLUXGATE_ADMIN_SCOPES").unwrap_or_default();
    CallerScopes::parse(&text)
        .map_err(|error| InitError::new(format!("FLUXGATE_ADMIN_SCOPES: {}", error.message)))
}
