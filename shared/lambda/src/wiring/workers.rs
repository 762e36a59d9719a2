//! The functions behind the queues, the schedule and IAM.

use std::sync::Arc;

use fluxgate_aws::sqs::QueueUrls;
use fluxgate_core::app::{EntryOrder, Ports, Tenancy, UsageExport};
use fluxgate_core::port::Purpose;
use fluxgate_core::task::Lane;
use fluxgate_outbound::{HttpCallbackSender, HttpOutputFetcher};

use super::destinations::TenantRoles;
use super::parts::{Linking, Parts, bounds, fluxgate};
use super::ways_out::{buckets, export_bucket, guard, provider_client, roles};
use crate::batch::Consumer;
use crate::config::{AdminConfig, ArchiverConfig, Environment, NotifierConfig, PollerConfig, SweeperConfig};
use crate::init::InitError;
use crate::schedule::Sweeper;

/// Late submits, doubts to resolve, asking the provider.
pub async fn poller(env: &Environment) -> Result<Consumer, InitError> {
    let PollerConfig { base, queues, dead_letters, provider, capability_secret, capacity } = PollerConfig::read(env)?;
    let opened = Parts::open_with_capability(base, queues.into(), Some(&dead_letters), &capability_secret);
    let (parts, capability) = opened.await?;
    let bounds = bounds(provider.public_url.as_ref());
    let client = provider_client(&parts, &provider.account, bounds.provider_timeout_ms)?;
    let ports = Ports { provider: Arc::new(client), ..parts.ports() };
    let linking = Linking { capability, base_url: None, public_url: provider.public_url };
    Ok(Consumer { fluxgate: fluxgate(ports, bounds, linking, capacity), queue: parts.queue, lane: Lane::Watch })
}

/// Copies outputs into the tenants' buckets.
pub async fn archiver(env: &Environment) -> Result<Consumer, InitError> {
    let ArchiverConfig { base, queues, dead_letters, allow_net } = ArchiverConfig::read(env)?;
    let parts = Parts::open(base, queues.into(), Some(&dead_letters)).await?;
    let outputs = Arc::new(HttpOutputFetcher::new(guard(allow_net)?.client(Purpose::Output)));
    let ports = Ports { objects: Arc::new(buckets(&parts)), outputs, ..parts.ports() };
    Ok(Consumer {
        fluxgate: fluxgate(ports, bounds(None), Linking::none(), None),
        queue: parts.queue,
        lane: Lane::Archive,
    })
}

/// Signs and sends callbacks.
pub async fn notifier(env: &Environment) -> Result<Consumer, InitError> {
    let NotifierConfig { base, queue, dead_letters, links, allow_net } = NotifierConfig::read(env)?;
    let queues = QueueUrls { notify: Some(queue), ..QueueUrls::default() };
    let opened = Parts::open_with_capability(base, queues, Some(&dead_letters), &links.capability_secret);
    let (parts, capability) = opened.await?;
    let callbacks = Arc::new(HttpCallbackSender::new(guard(allow_net)?.client(Purpose::Callback)));
    let linking = Linking { capability, base_url: links.base_url, public_url: None };
    let ports = Ports { callbacks, ..parts.ports() };
    Ok(Consumer { fluxgate: fluxgate(ports, bounds(None), linking, None), queue: parts.queue, lane: Lane::Notify })
}

/// Audits every tenant, and exports usage where a bucket is named.
pub async fn sweeper(env: &Environment) -> Result<Sweeper, InitError> {
    let SweeperConfig { base, watch_queue, export } = SweeperConfig::read(env)?;
    let queues = QueueUrls { watch: Some(watch_queue), ..QueueUrls::default() };
    let parts = Parts::open(base, queues, None).await?;
    let Ports { clock, .. } = parts.ports();
    let export = export.map(|to| UsageExport {
        tasks: parts.store.clone(),
        tenants: parts.store.clone(),
        cursors: parts.store.clone(),
        sink: Arc::new(export_bucket(&parts, &to)),
        clock,
    });
    Ok(Sweeper { fluxgate: fluxgate(parts.ports(), bounds(None), Linking::none(), None), export })
}

/// The operator's API.
pub async fn admin(env: &Environment) -> Result<Arc<Tenancy>, InitError> {
    let AdminConfig { base, provider } = AdminConfig::read(env)?;
    let parts = Parts::open(base, QueueUrls::default(), None).await?;
    let Ports { store, clock, entropy, .. } = parts.ports();
    let destinations = Arc::new(TenantRoles(roles(&parts)));
    let provider = Arc::new(provider_client(&parts, &provider, bounds(None).provider_timeout_ms)?);
    Ok(Arc::new(Tenancy {
        store,
        destinations,
        provider: Some(provider.clone()),
        provider_books: Some(provider),
        clock,
        entropy,
        entry_order: EntryOrder::default(),
    }))
}
