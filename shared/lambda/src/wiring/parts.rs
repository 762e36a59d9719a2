//! What most functions share: the table, the queues, the secrets, the clock and the ports over them.

use std::sync::Arc;

use fluxgate_aws::AwsSettings;
use fluxgate_aws::dynamodb::{DynamoStore, OverTasksInTable, Table};
use fluxgate_aws::secrets::{SecretBounds, SecretsManagerSecrets};
use fluxgate_aws::sqs::{DELAY_MAX_S, QueueUrls, Removal, SqsQueue, SqsSettings};
use fluxgate_core::app::{Fluxgate, Ports, Settings};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::digest::sha256;
use fluxgate_core::fair_queue::Capacity;
use fluxgate_core::port::{Entropy, SystemClock};
use fluxgate_core::task::{BaseUrl, OutputLinks};
use fluxgate_core::webhook::CapabilityKey;
use fluxgate_s3::{Credentials, SharedCredentialsProvider};
use url::Url;

use super::stored_secret::StoredSecret;
use crate::absent::{Absent, NoProvider};
use crate::config::{Base, DeadLetters, Queues};
use crate::init::InitError;
use crate::log;

const MIB: usize = 1024 * 1024;

/// Opened once, before the first event: what is slow to begin with is begun here.
pub(super) struct Parts {
    pub(super) aws: AwsSettings,
    pub(super) store: Arc<DynamoStore>,
    pub(super) queue: Arc<SqsQueue>,
    pub(super) secrets: Arc<SecretsManagerSecrets>,
}

/// The kernel's random bits.
pub(super) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the kernel gives random bits");
    }
}

impl Parts {
    /// Refuses a table of another version, and asks for the capability secret meanwhile.
    pub(super) async fn open_with_capability(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<&DeadLetters>,
        secret: &str,
    ) -> Result<(Self, CapabilityKey), InitError> {
        let parts = Self::unopened(base, queues, dead_letters)?;
        let (table, capability) = tokio::join!(parts.store.check_schema(), parts.capability(secret));
        table?;
        Ok((parts, capability?))
    }

    /// Refuses a table of another version.
    pub(super) async fn open(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<&DeadLetters>,
    ) -> Result<Self, InitError> {
        let parts = Self::unopened(base, queues, dead_letters)?;
        parts.store.check_schema().await?;
        Ok(parts)
    }

    /// Connected to nothing yet, for a function that checks the table while it asks for other things.
    pub(super) fn unopened(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<&DeadLetters>,
    ) -> Result<Self, InitError> {
        log::start(&base.log)?;
        let from = base.aws;
        let keys = Credentials::new(from.access_key, from.secret_key, from.session_token, None, "the function's role");
        let aws = AwsSettings::new(from.region, from.endpoint, SharedCredentialsProvider::new(keys));
        let table = Table::new(aws.dynamodb(), base.table);
        let queue = Arc::new(queue(&aws, table.clone(), queues, dead_letters));
        let store = Arc::new(DynamoStore::new(table, queue.clone()));
        let secrets = SecretsManagerSecrets::new(&aws, Arc::new(SystemClock), SecretBounds::default());
        Ok(Self { aws, store, queue, secrets: Arc::new(secrets) })
    }

    /// Every port that the table and the queues are; the others are absent until a function sets them.
    pub(super) fn ports(&self) -> Ports {
        Ports {
            store: self.store.clone(),
            queue: self.queue.clone(),
            objects: Arc::new(Absent),
            provider: Arc::new(NoProvider::default()),
            outputs: Arc::new(Absent),
            callbacks: Arc::new(Absent),
            guard: Arc::new(Absent),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }

    pub(super) async fn capability(&self, secret: &str) -> Result<CapabilityKey, InitError> {
        let secret = StoredSecret::named(&self.secrets, secret)?.get().await?;
        if secret.expose().len() < CAPABILITY_BYTES_MIN {
            let text = format!("the capability secret has fewer than {CAPABILITY_BYTES_MIN} characters");
            return Err(InitError::new(text));
        }
        Ok(CapabilityKey::new(sha256(secret.expose().as_bytes())))
    }
}

/// An item of DynamoDB has 400 KB, and each write of a task pays for all of it.
const SOURCES_BYTES_MAX: usize = 64 * 1024;

const CAPABILITY_BYTES_MIN: usize = 32;

fn queue(aws: &AwsSettings, table: Table, queues: QueueUrls, dead_letters: Option<&DeadLetters>) -> SqsQueue {
    let dead_letters = dead_letters.map(DeadLetters::urls).unwrap_or_default();
    let settings = SqsSettings { queues, dead_letters, delay_max_s: DELAY_MAX_S, removal: Removal::ByRuntime };
    let over_tasks = OverTasksInTable::new(table);
    SqsQueue::new(aws.sqs(), settings, Arc::new(SystemClock), Arc::new(SystemEntropy))
        .with_over_tasks(Arc::new(over_tasks))
}

impl From<Queues> for QueueUrls {
    fn from(queues: Queues) -> Self {
        Self { watch: Some(queues.watch), archive: Some(queues.archive), notify: Some(queues.notify) }
    }
}

/// The core over these ports. Whoever neither submits nor learns of a run's end needs no capacity.
pub(super) fn fluxgate(ports: Ports, bounds: Bounds, linking: Linking, capacity: Option<Capacity>) -> Arc<Fluxgate> {
    Arc::new(Fluxgate {
        ports,
        settings: Settings {
            bounds,
            base_url: linking.base_url.as_ref().map_or_else(BaseUrl::default, |url| BaseUrl::fixed(url.as_str())),
            output_links: OutputLinks::Relayed,
            public_url: linking.public_url,
            capability: linking.capability,
            capacity,
        },
    })
}

/// What links and webhook URLs are made of.
pub(super) struct Linking {
    pub(super) capability: CapabilityKey,
    pub(super) base_url: Option<Url>,
    pub(super) public_url: Option<Url>,
}

impl Linking {
    /// For a function that makes no links: a key that nobody knows, so that one made all the same would open nothing.
    pub(super) fn none() -> Self {
        let mut key = [0; 32];
        SystemEntropy.fill(&mut key);
        Self { capability: CapabilityKey::new(key), base_url: None, public_url: None }
    }
}

/// What a Lambda can take: an event has 6 MB, and a file in it travels as base64.
pub(super) fn bounds(public_url: Option<&Url>) -> Bounds {
    let bounds = Bounds {
        body_bytes_max: 5 * MIB,
        upload_bytes_max: 4 * MIB,
        sources_bytes_max: SOURCES_BYTES_MAX,
        ..Bounds::default()
    };
    if public_url.is_some() { bounds } else { bounds.polling_only() }
}
