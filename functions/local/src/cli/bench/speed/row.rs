//! The rows of the table, and one round of one row.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use fluxgate_core::tenant::Archiving;

use super::super::children::{
    Gateway, KEY, Provider, ProviderKind, Proxy, Runs, Setup, free_address,
};
use super::super::generator::{Answers, Order};
use super::super::resident::peak_during;
use super::super::{MODEL, inputs};
use super::sample::{Counters, Sample};
use super::{Bench, Extent, SUBMIT_CONNECTIONS, TASK_CONNECTIONS};
use crate::client::TenantClient;

/// After the warm-up its connections are closed; the gateway is to notice before the next come.
const PAUSE: Duration = Duration::from_millis(300);

/// What is measured.
pub(super) struct Row {
    /// In the JSON.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    work: Work,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    /// By the bare proxy.
    Proxied,
    Submits {
        with_keys: bool,
    },
    /// Submit, webhook, copy, capture and callback.
    Tasks {
        output_bytes: usize,
        archive: Archiving,
    },
}

/// The proxy is the first, because the others are compared with it.
pub(super) const ROWS: [Row; 6] = [
    Row {
        name: "proxy",
        title: "bare hyper proxy",
        work: Work::Proxied,
    },
    Row {
        name: "submit",
        title: "durable submit",
        work: Work::Submits { with_keys: false },
    },
    Row {
        name: "submit_with_key",
        title: "durable submit with `Idempotency-Key`",
        work: Work::Submits { with_keys: true },
    },
    Row {
        name: "task",
        title: "whole task, output of 50 KB",
        work: Work::Tasks {
            output_bytes: SMALL_BYTES,
            archive: Archiving::On,
        },
    },
    Row {
        name: "task_1500_kb",
        title: "whole task, output of 1.5 MB",
        work: Work::Tasks {
            output_bytes: 1_500_000,
            archive: Archiving::On,
        },
    },
    Row {
        name: "task_not_copied",
        title: "whole task, without copy",
        work: Work::Tasks {
            output_bytes: SMALL_BYTES,
            archive: Archiving::Off,
        },
    },
];

/// Of a picture for the web.
pub(super) const SMALL_BYTES: usize = 50_000;

impl Row {
    pub(super) fn connections(&self) -> usize {
        match self.work {
            Work::Proxied | Work::Submits { .. } => SUBMIT_CONNECTIONS,
            Work::Tasks { .. } => TASK_CONNECTIONS,
        }
    }

    /// Copied for each task.
    pub(super) fn output_bytes(&self) -> Option<usize> {
        match self.work {
            Work::Tasks {
                output_bytes,
                archive: Archiving::On,
            } => Some(output_bytes),
            _ => None,
        }
    }

    fn runs(&self) -> Runs {
        match self.work {
            Work::Tasks { output_bytes, .. } => Runs {
                time: Some(Duration::ZERO),
                output_bytes,
            },
            _ => Runs::default(),
        }
    }

    /// One round, with processes and a folder of its own.
    pub(super) async fn measure(
        &self,
        bench: &mut Bench<'_>,
        kind: ProviderKind,
    ) -> Result<Sample> {
        let provider = Provider::start(kind, self.runs()).await?;
        if self.work == Work::Proxied {
            return proxied(&provider, bench.extent).await;
        }
        let archive = match self.work {
            Work::Tasks { archive, .. } => archive,
            _ => Archiving::On,
        };
        let setup = Setup {
            archive,
            ..Setup::default()
        };
        let gateway = Gateway::start(&bench.new_folder(), &provider, setup).await?;
        let mut order = submits(&gateway, &bench.extent, self.connections());
        if let Work::Tasks { .. } = self.work {
            order.callbacks = Some(endpoint(&gateway).await?);
        }
        let with_keys = self.work == Work::Submits { with_keys: true };
        measured(&gateway, order, bench.extent, with_keys).await
    }
}

/// An endpoint of the first tenant, at an address where nobody listens yet.
pub(super) async fn endpoint(gateway: &Gateway) -> Result<SocketAddr> {
    let address = free_address()?;
    let client = TenantClient::new(&gateway.url, gateway.token.clone())?;
    let url = format!("http://{address}/events");
    client.create_endpoint(&url).await?;
    Ok(address)
}

/// Submits to a gateway for as long as a round takes.
pub(super) fn submits(gateway: &Gateway, extent: &Extent, connections: usize) -> Order {
    order(gateway.address, &gateway.token, extent, connections)
}

fn order(address: SocketAddr, token: &str, extent: &Extent, connections: usize) -> Order {
    Order {
        address,
        path: format!("/api/v3/{MODEL}"),
        headers: vec![
            ("authorization".to_owned(), format!("Bearer {token}")),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        body: inputs().to_string(),
        connections,
        ms: extent.round.as_millis() as u64,
        requests: extent.requests,
        keys: None,
        callbacks: None,
    }
}

/// A short run of the same, whose answers do not count.
pub(super) async fn warm_up(order: &Order, extent: Extent) -> Result<()> {
    let warm = Order {
        ms: extent.warm_up.as_millis() as u64,
        keys: order.keys.as_ref().map(|_| "warm".to_owned()),
        ..order.clone()
    };
    warm.carry_out().await?;
    tokio::time::sleep(PAUSE).await;
    Ok(())
}

async fn proxied(provider: &Provider, extent: Extent) -> Result<Sample> {
    let proxy = Proxy::start(provider).await?;
    let order = order(proxy.address, KEY, &extent, SUBMIT_CONNECTIONS);
    warm_up(&order, extent).await?;
    let before = proxy.child.used()?;
    let (answers, memory) = peak_during(&proxy.child, order.carry_out()).await?;
    let after = proxy.child.used()?;
    Ok(Sample {
        cpu_us: (after.cpu_us - before.cpu_us) as f64 / answers.count as f64,
        ..Sample::of(&answers, memory)
    })
}

/// Each answer must be a task that the gateway admitted, and completed if that was waited for.
async fn measured(
    gateway: &Gateway,
    mut order: Order,
    extent: Extent,
    with_keys: bool,
) -> Result<Sample> {
    order.keys = with_keys.then(|| "round".to_owned());
    warm_up(&order, extent).await?;
    let before = Counters::of(gateway).await?;
    let (answers, memory) = peak_during(&gateway.child, order.carry_out()).await?;
    let after = Counters::of(gateway).await?;
    check(&answers, (before.submits, after.submits), "admitted")?;
    if order.callbacks.is_some() {
        let completed = (before.completions, after.completions);
        check(&answers, completed, "completed")?;
    }
    Ok(after.since(&before, &answers, memory))
}

fn check(answers: &Answers, (before, after): (u64, u64), what: &str) -> Result<()> {
    let counted = after - before;
    ensure!(
        counted == answers.count,
        "the gateway {what} {counted} tasks, but the load saw {}",
        answers.count
    );
    Ok(())
}
