//! The functions invoked by queues, by the schedule and through IAM.

use std::sync::Arc;

use fluxgate_aws::sqs::QueueUrls;
use fluxgate_core::app::{
    Archiver, Callbacks, Deliveries, Endpoints, Machine, Notifier, Operator, OperatorParts, Sender,
    Sweeper, UsageExport, Watcher,
};
use fluxgate_core::port::Purpose;
use fluxgate_core::task::Lane;
use fluxgate_edge::OperatorEdge;
use fluxgate_outbound::{HttpCallbackSender, HttpOutputFetcher};

use super::destinations::TenantRoles;
use super::parts::{Parts, bounds, hooks, views};
use super::ways_out::{buckets, export_bucket, guard, provider_client, roles};
use crate::batch::Consumer;
use crate::config::{
    AdminConfig, ArchiverConfig, Environment, NotifierConfig, PollerConfig, SweeperConfig,
};
use crate::init::InitError;
use crate::schedule::Schedule;

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
    let opened =
        Parts::open_with_capability(base, queues.into(), Some(&dead_letters), &capability_secret);
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
        allow_net,
    } = ArchiverConfig::read(env)?;
    let parts = Parts::open(base, queues.into(), Some(&dead_letters)).await?;
    let outputs = Arc::new(HttpOutputFetcher::new(
        guard(allow_net)?.client(Purpose::Output),
    ));
    let machine = Machine::new(parts.context(bounds(None)), None);
    let worker = Arc::new(Archiver::new(
        machine,
        parts.queue.clone(),
        outputs,
        Arc::new(buckets(&parts)),
    ));
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
    let opened =
        Parts::open_with_capability(base, queues, Some(&dead_letters), &links.capability_secret);
    let (parts, capability) = opened.await?;
    let callbacks = Arc::new(HttpCallbackSender::new(
        guard(allow_net)?.client(Purpose::Callback),
    ));
    let context = parts.context(bounds(None));
    let views = views(context.clone(), links.base_url.as_ref(), capability);
    let vault = parts.vault(&encryption_secret)?;
    let callbacks = Callbacks::new(context, views, vault, callbacks);
    let worker = Arc::new(Notifier::new(parts.queue.clone(), callbacks));
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
        export,
    } = SweeperConfig::read(env)?;
    let queues = QueueUrls {
        watch: Some(watch_queue),
        ..QueueUrls::default()
    };
    let parts = Parts::open(base, queues, None).await?;
    let context = parts.context(bounds(None));
    let export = export.map(|to| {
        UsageExport::new(
            context.clone(),
            parts.store.clone(),
            Arc::new(export_bucket(&parts, &to)),
        )
    });
    let sweeper = Sweeper::new(Machine::new(context.clone(), None), parts.queue.clone());
    Ok(Schedule { sweeper, export })
}

/// The operator's API.
pub async fn admin(env: &Environment) -> Result<OperatorEdge, InitError> {
    let AdminConfig {
        base,
        notify_queue,
        provider,
        links,
        allow_net,
        encryption_secret,
    } = AdminConfig::read(env)?;
    let queues = QueueUrls {
        notify: Some(notify_queue),
        ..QueueUrls::default()
    };
    let opened = Parts::open_with_capability(base, queues, None, &links.capability_secret);
    let (parts, capability) = opened.await?;
    let context = parts.context(bounds(None));
    let vault = parts.vault(&encryption_secret)?;
    let guard = Arc::new(guard(allow_net)?);
    let callbacks = Callbacks::new(
        context.clone(),
        views(context.clone(), links.base_url.as_ref(), capability),
        vault.clone(),
        Arc::new(HttpCallbackSender::new(guard.client(Purpose::Callback))),
    );
    let provider = Arc::new(provider_client(
        &parts,
        &provider,
        context.bounds.provider_timeout_ms,
    )?);
    let operator = Operator::new(OperatorParts {
        context,
        vault,
        destinations: Arc::new(TenantRoles(roles(&parts))),
        provider: Some(provider.clone()),
        provider_books: Some(provider),
    });
    let endpoints = Endpoints::new(guard, callbacks.clone(), parts.queue.clone());
    Ok(OperatorEdge {
        operator: Arc::new(operator),
        endpoints: Arc::new(endpoints),
        deliveries: Arc::new(Deliveries::new(callbacks, parts.queue.clone())),
    })
}
