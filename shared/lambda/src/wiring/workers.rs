//! The functions invoked by queues, by the schedule and through IAM.

use std::sync::Arc;

use fluxgate_aws::sqs::QueueUrls;
use fluxgate_core::admin::CallerScopes;
use fluxgate_core::app::{
    Archiver, Batches, Callbacks, Deliveries, DestinationProbe, Endpoints, Exports, Machine,
    Notifier, Operator, OperatorParts, OperatorWork, Retention, Sender, Sweeper, UsageExport,
    Watcher,
};
use fluxgate_core::port::{Purpose, UsageSink as _};
use fluxgate_core::task::Lane;
use fluxgate_edge::{OperatorEdge, OperatorRoles};
use fluxgate_outbound::{BucketReader, HttpCallbackSender, HttpOutputFetcher, Roots};

use super::destinations::TenantBuckets;
use super::parts::{Parts, bounds, hooks, views};
use super::spool;
use super::timer::RuntimeTimer;
use super::ways_out::{authenticator, buckets, export_bucket, guard, provider_client, roles};
use crate::batch::Consumer;
use crate::config::{
    AdminConfig, ArchiverConfig, Environment, NotifierConfig, PollerConfig, SweeperConfig,
};
use crate::init::InitError;
use crate::schedule::Schedule;
use crate::table_gate::TableGate;

/// Late submits, submits in doubt, polling the provider.
pub async fn poller(env: &Environment) -> Result<Consumer, InitError> {
    let PollerConfig {
        base,
        queues,
        dead_letters,
        provider,
        capability_secret,
        allow_net,
        capacity,
    } = PollerConfig::read(env)?;
    let opened = Parts::open_to_submit(
        base,
        queues.into(),
        Some(dead_letters.urls()),
        &capability_secret,
    );
    let (parts, capability) = opened.await?;
    let context = parts.context(bounds(provider.public_url.as_ref()));
    let client = provider_client(
        &parts,
        &provider.account,
        context.bounds.provider_timeout_ms,
    )?;
    // The lines of batches name pictures and callbacks.
    let guard = Arc::new(guard(allow_net)?);
    let machine = Machine::new(context, capacity);
    let sender = Sender::new(
        machine,
        Arc::new(client),
        hooks(provider.public_url, &capability),
    );
    let worker = Arc::new(Watcher::new(sender, parts.queue.clone(), guard));
    Ok(Consumer {
        worker,
        queue: parts.queue,
        lane: Lane::Watch,
    })
}

/// Copies outputs into the tenants' buckets.
pub async fn archiver(env: &Environment) -> Result<Consumer, InitError> {
    let ArchiverConfig {
        base,
        queues,
        dead_letters,
        storage_mb,
        encryption_secret,
        allow_net,
    } = ArchiverConfig::read(env)?;
    let bounds = spool::fitted(bounds(None), storage_mb)?;
    let folder = spool::emptied(&std::env::temp_dir())?;
    let parts = Parts::open(base, queues.into(), Some(dead_letters.urls())).await?;
    let guard = guard(allow_net)?;
    let outputs = HttpOutputFetcher::new(guard.client(Purpose::Output)).spooling_in(folder);
    let outputs = Arc::new(outputs.within(bounds.copies));
    let buckets = buckets(&parts, parts.vault(&encryption_secret)?, &guard);
    let machine = Machine::new(parts.context(bounds), None);
    let archiver = Archiver::new(machine, parts.queue.clone(), outputs, Arc::new(buckets));
    let worker = Arc::new(archiver.together(Arc::new(RuntimeTimer)));
    Ok(Consumer {
        worker,
        queue: parts.queue,
        lane: Lane::Archive,
    })
}

/// Signs and sends callbacks.
pub async fn notifier(env: &Environment) -> Result<Consumer, InitError> {
    let NotifierConfig {
        base,
        queue,
        dead_letters,
        links,
        encryption_secret,
        allow_net,
    } = NotifierConfig::read(env)?;
    let queues = QueueUrls {
        notify: Some(queue),
        ..QueueUrls::default()
    };
    let opened = Parts::open_with_capability(
        base,
        queues,
        Some(dead_letters.urls()),
        &links.capability_secret,
    );
    let (parts, capability) = opened.await?;
    let callbacks = Arc::new(HttpCallbackSender::new(
        guard(allow_net)?.client(Purpose::Callback),
    ));
    let context = parts.context(bounds(None));
    let views = views(context.clone(), links.base_url.as_ref(), capability);
    let vault = parts.vault(&encryption_secret)?;
    let callbacks = Callbacks::new(context, views, vault, callbacks);
    let notifier = Notifier::new(parts.queue.clone(), callbacks);
    let worker = Arc::new(notifier.patient(Arc::new(RuntimeTimer)));
    Ok(Consumer {
        worker,
        queue: parts.queue,
        lane: Lane::Notify,
    })
}

/// Audits every tenant, and exports usage if a bucket is configured.
pub async fn sweeper(env: &Environment) -> Result<Schedule, InitError> {
    let SweeperConfig {
        base,
        watch_queue,
        notify_queue,
        export,
    } = SweeperConfig::read(env)?;
    let queues = QueueUrls {
        watch: Some(watch_queue),
        notify: Some(notify_queue),
        ..QueueUrls::default()
    };
    let parts = Parts::open_to_sweep(base, queues).await?;
    let context = parts.context(bounds(None));
    let sink = export.map(|to| Arc::new(export_bucket(&parts, &to)));
    let exports = sink
        .as_ref()
        .map_or(Exports::Unmade, |sink| Exports::To(sink.place().to_owned()));
    let export = sink.map(|sink| UsageExport::new(context.clone(), parts.store.clone(), sink));
    let sweeper = Sweeper::new(Machine::new(context.clone(), None), parts.queue.clone());
    Ok(Schedule {
        sweeper,
        retention: Retention::new(context, parts.store.clone(), exports),
        export,
    })
}

/// The operator's API.
pub async fn admin(
    env: &Environment,
) -> Result<(OperatorEdge, CallerScopes, TableGate), InitError> {
    let AdminConfig {
        base,
        queues,
        dead_letters,
        capacity,
        provider,
        links,
        allow_net,
        encryption_secret,
        signing_secret,
        caller_scopes,
    } = AdminConfig::read(env)?;
    let dead_letters = Some(dead_letters);
    let parts = Parts::unopened(base, queues.into(), dead_letters)?;
    parts.store.look_for_restorations();
    let opened = parts.gated_with_capability(&links.capability_secret);
    let (parts, capability, table) = opened.await?;
    let context = parts.context(bounds(None));
    let vault = parts.vault(&encryption_secret)?;
    let guard = Arc::new(guard(allow_net)?);
    let callbacks = Callbacks::new(
        context.clone(),
        views(context.clone(), links.base_url.as_ref(), capability.clone()),
        vault.clone(),
        Arc::new(HttpCallbackSender::new(guard.client(Purpose::Callback))),
    );
    let provider = Arc::new(provider_client(
        &parts,
        &provider,
        context.bounds.provider_timeout_ms,
    )?);
    let keys = parts.api_keys(context.clone(), &signing_secret)?;
    let objects = Arc::new(buckets(&parts, vault.clone(), &guard));
    let stores = guard.client(Purpose::Store);
    let reader = BucketReader::new(objects.clone(), Roots::Bundled, stores);
    let destinations = TenantBuckets {
        roles: Arc::new(roles(&parts)),
        guard: guard.clone(),
        probe: DestinationProbe::new(objects, Arc::new(reader), context.entropy.clone()),
    };
    let machine = Machine::new(context.clone(), capacity);
    let batches = Batches::new(context.clone(), parts.queue.clone());
    let operator = Operator::new(OperatorParts {
        context,
        vault,
        destinations: Arc::new(destinations),
        provider: Some(provider.clone()),
        provider_books: Some(provider),
    });
    let authenticator = authenticator(&parts, &guard);
    let endpoints = Endpoints::new(guard, callbacks.clone(), parts.queue.clone());
    let edge = OperatorEdge::new(OperatorRoles {
        operator: Arc::new(operator),
        keys: Arc::new(keys),
        endpoints: Arc::new(endpoints),
        deliveries: Arc::new(Deliveries::new(callbacks, parts.queue.clone())),
        batches: Arc::new(batches),
        work: OperatorWork::new(machine, parts.queue),
        authenticator: Arc::new(authenticator),
        access: None,
        cursors: capability,
    });
    Ok((edge, caller_scopes, table))
}
