//! What tenants do with tasks: submit, read, list, cancel, delete, retry, upload, look up prices
//! and their balance.

mod account;
mod addresses;
mod api_key;
mod cancel;
mod copy_again;
mod delete;
mod inline;
mod inputs_told;
mod list;
mod price;
mod progress;
mod read;
mod retry;
mod submit;
mod tasks;
mod upload;

pub use list::{ListQuery, PredictionPage};
pub use price::TenantModels;
pub use progress::Progress;
pub use read::TaskTimeline;
pub use retry::RetryRequest;
pub use submit::SubmitRequest;
pub use tasks::{TaskPage, TaskQuery};

pub(crate) use addresses::Named;

use std::sync::Arc;

use super::{Capability, Context, Machine, Sender, Vault, Views};
use crate::base::bounds::Bounds;
use crate::port::{AddressGuard, LinkSigner, ObjectReader, Provider};

/// The tenant's task use cases.
pub struct Gateway {
    context: Context,
    submits: Submits,
    machine: Machine,
    provider: Arc<dyn Provider>,
    views: Views,
    vault: Vault,
    signer: Arc<dyn LinkSigner>,
    reader: Arc<dyn ObjectReader>,
    capability: Capability,
}

/// The submit, for whoever submits: the gateway, and the job of a batch.
pub(crate) struct Submits {
    context: Context,
    machine: Machine,
    sender: Sender,
    provider: Arc<dyn Provider>,
    guard: Arc<dyn AddressGuard>,
}

impl Submits {
    pub(crate) fn new(sender: Sender, guard: Arc<dyn AddressGuard>) -> Self {
        let (machine, provider) = (sender.machine.clone(), sender.provider.clone());
        Self {
            context: machine.context.clone(),
            machine,
            sender,
            provider,
            guard,
        }
    }
}

/// The parts a gateway is built from.
pub struct GatewayParts {
    pub sender: Sender,
    pub views: Views,
    pub vault: Vault,
    pub guard: Arc<dyn AddressGuard>,
    /// Signs the URLs that relayed links redirect to.
    pub signer: Arc<dyn LinkSigner>,
    /// Reads outputs for answers that carry them.
    pub reader: Arc<dyn ObjectReader>,
    /// Signs the relayed links themselves.
    pub capability: Capability,
}

impl Gateway {
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts {
            sender,
            views,
            vault,
            guard,
            signer,
            reader,
            capability,
        } = parts;
        Self {
            context: sender.machine.context.clone(),
            machine: sender.machine.clone(),
            provider: sender.provider.clone(),
            submits: Submits::new(sender, guard),
            views,
            vault,
            signer,
            reader,
            capability,
        }
    }

    pub fn bounds(&self) -> &Bounds {
        &self.context.bounds
    }

    /// Where tenants reach the API; empty while it is unknown.
    pub fn base_url(&self) -> &str {
        self.views.base_url().as_str()
    }

    /// Sets the public base URL of the API, unless it is already known.
    pub fn learn_base_url(&self, url: &str) {
        self.views.base_url().learn(url);
    }
}
