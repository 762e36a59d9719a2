//! What most functions share: the table, the queues, the secrets, the clock, and what is built from
//! them.

use std::sync::Arc;

use fluxgate_aws::AwsSettings;
use fluxgate_aws::dynamodb::{DynamoStore, EndedTasksInTable, Table};
use fluxgate_aws::secrets::{SecretBounds, SecretsManagerSecrets};
use fluxgate_aws::sqs::{DELAY_MAX_S, QueueUrls, Removal, SqsQueue, SqsSettings};
use fluxgate_core::app::{ApiKeys, Capability, Context, Hooks, OutputLinks, Vault, Views};
use fluxgate_core::bounds::{BatchBounds, Bounds, RelayBounds};
use fluxgate_core::port::{KeyRings as _, SystemClock, SystemEntropy};
use fluxgate_core::task::BaseUrl;
use fluxgate_core::webhook::KeyForm;
use fluxgate_s3::{Credentials, SharedCredentialsProvider};
use url::Url;

use super::stored_key_ring::StoredKeyRing;
use crate::config::{Base, Queues};
use crate::emf;
use crate::init::InitError;
use crate::log;
use crate::table_gate::TableGate;

const MIB: usize = 1024 * 1024;

/// Opened once, before the first event: anything slow to start is started here.
pub(super) struct Parts {
    pub(super) aws: AwsSettings,
    pub(super) store: Arc<DynamoStore>,
    pub(super) queue: Arc<SqsQueue>,
    pub(super) secrets: Arc<SecretsManagerSecrets>,
}

impl Parts {
    /// Refuses a table that cannot be used, and fetches the capability secret concurrently.
    pub(super) async fn open_with_capability(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<QueueUrls>,
        secret: &str,
    ) -> Result<(Self, Capability), InitError> {
        let parts = Self::unopened(base, queues, dead_letters)?;
        parts.checked_with_capability(secret).await
    }

    /// The same for a function that submits.
    pub(super) async fn open_to_submit(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<QueueUrls>,
        secret: &str,
    ) -> Result<(Self, Capability), InitError> {
        let parts = Self::unopened(base, queues, dead_letters)?;
        parts.store.look_for_restorations();
        parts.checked_with_capability(secret).await
    }

    async fn checked_with_capability(self, secret: &str) -> Result<(Self, Capability), InitError> {
        let (table, capability) = tokio::join!(self.store.check_schema(), self.capability(secret));
        table?;
        Ok((self, capability?))
    }

    /// Looks at the table for a function that answers requests, also while it cannot be used.
    pub(super) async fn gated_with_capability(
        self,
        secret: &str,
    ) -> Result<(Self, Capability, TableGate), InitError> {
        let (table, capability) = tokio::join!(self.table_gate(), self.capability(secret));
        Ok((self, capability?, table))
    }

    pub(super) async fn table_gate(&self) -> TableGate {
        TableGate::first_look(self.store.clone()).await
    }

    /// Refuses a table that cannot be used.
    pub(super) async fn open(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<QueueUrls>,
    ) -> Result<Self, InitError> {
        let parts = Self::unopened(base, queues, dead_letters)?;
        parts.store.check_schema().await?;
        Ok(parts)
    }

    /// The same for a function that does nothing to a table that was restored.
    pub(super) async fn open_to_sweep(base: Base, queues: QueueUrls) -> Result<Self, InitError> {
        let parts = Self::unopened(base, queues, None)?;
        parts.store.look_for_restorations();
        parts.store.check_schema().await?;
        Ok(parts)
    }

    /// Not connected yet, for a function that checks the table while it fetches other things.
    pub(super) fn unopened(
        base: Base,
        queues: QueueUrls,
        dead_letters: Option<QueueUrls>,
    ) -> Result<Self, InitError> {
        log::start(&base.log)?;
        emf::start(&base.stack, &base.function);
        let from = base.aws;
        let keys = Credentials::new(
            from.access_key,
            from.secret_key,
            from.session_token,
            None,
            "the function's role",
        );
        let aws = AwsSettings::new(
            from.region,
            from.endpoint,
            SharedCredentialsProvider::new(keys),
        );
        let table = Table::new(aws.dynamodb(), base.table);
        let table = match base.is_table_adopted {
            true => table.adopted(),
            false => table,
        };
        let queue = Arc::new(queue(&aws, table.clone(), queues, dead_letters));
        let keys = Table::new(aws.dynamodb(), base.keys_table);
        let store = Arc::new(DynamoStore::new(table, keys, queue.clone()));
        let secrets =
            SecretsManagerSecrets::new(&aws, Arc::new(SystemClock), SecretBounds::default());
        Ok(Self {
            aws,
            store,
            queue,
            secrets: Arc::new(secrets),
        })
    }

    /// The context that every role needs.
    pub(super) fn context(&self, bounds: Bounds) -> Context {
        Context {
            store: self.store.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            bounds: Arc::new(bounds),
        }
    }

    /// Its keys are read when the first secret is sealed or opened.
    pub(super) fn vault(&self, secret: &str) -> Result<Vault, InitError> {
        let rings = StoredKeyRing::named(&self.secrets, secret)?;
        Ok(Vault::new(Arc::new(rings), Arc::new(SystemEntropy)))
    }

    /// The signing key is read when a key is made, and not to verify one.
    pub(super) fn api_keys(&self, context: Context, secret: &str) -> Result<ApiKeys, InitError> {
        let signing_keys = StoredKeyRing::named(&self.secrets, secret)?;
        Ok(ApiKeys::new(context, Arc::new(signing_keys)))
    }

    /// Read now, so that nobody waits for it, and again when it is due or does not fit.
    pub(super) async fn capability(&self, secret: &str) -> Result<Capability, InitError> {
        let rings = StoredKeyRing::of_links(&self.secrets, secret)?;
        let ring = rings.ring().await?;
        Ok(Capability::of(Arc::new(rings), ring, KeyForm::Digest)?)
    }
}

/// A DynamoDB item is limited to 400 KB, and each write of a task is billed for its whole size.
const SOURCES_BYTES_MAX: usize = 64 * 1024;

fn queue(
    aws: &AwsSettings,
    table: Table,
    queues: QueueUrls,
    dead_letters: Option<QueueUrls>,
) -> SqsQueue {
    let dead_letters = dead_letters.unwrap_or_default();
    let settings = SqsSettings {
        queues,
        dead_letters,
        delay_max_s: DELAY_MAX_S,
        removal: Removal::ByRuntime,
    };
    let ended_tasks = EndedTasksInTable::new(table);
    SqsQueue::new(
        aws.sqs(),
        settings,
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    )
    .with_ended_tasks(Arc::new(ended_tasks))
}

impl From<Queues> for QueueUrls {
    fn from(queues: Queues) -> Self {
        Self {
            watch: Some(queues.watch),
            archive: Some(queues.archive),
            notify: Some(queues.notify),
        }
    }
}

/// Views with relayed links: a role's keys, and URLs presigned with them, expire within the hour.
pub(super) fn views(context: Context, base_url: Option<&Url>, capability: Capability) -> Views {
    let base_url = base_url.map_or_else(BaseUrl::default, |url| BaseUrl::fixed(url.as_str()));
    Views::new(context, base_url, OutputLinks::Relayed(capability))
}

/// How the provider reaches the receiver, if it can.
pub(super) fn hooks(public_url: Option<Url>, capability: &Capability) -> Option<Hooks> {
    public_url.map(|public_url| Hooks::new(&public_url, capability.clone()))
}

/// How long a request is held open at most.
pub const SYNC_WAIT_MAX_MS: u64 = 25_000;

/// The limits of Lambda: an event has at most 6 MB, and a file in it is sent as base64.
pub(super) fn bounds(public_url: Option<&Url>) -> Bounds {
    let bounds = Bounds {
        body_bytes_max: 5 * MIB,
        upload_bytes_max: 4 * MIB,
        batch: BatchBounds {
            bytes_max: 5 * MIB,
            // An answer has at most 6 MB.
            results_max: 1_000,
            ..BatchBounds::default()
        },
        sources_bytes_max: SOURCES_BYTES_MAX,
        // Its front waits 30 s for an answer.
        sync_wait_max_ms: SYNC_WAIT_MAX_MS,
        // An answer is whole before it leaves, and a function that waits is paid for.
        relay: RelayBounds {
            event_stream_max_ms: 0,
            ..RelayBounds::default()
        },
        ..Bounds::default()
    };
    if public_url.is_some() {
        bounds
    } else {
        bounds.polling_only()
    }
}
