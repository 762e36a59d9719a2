//! What tenants ask for of their tasks: submit, read, list, upload, prices, their balance.

mod account;
mod addresses;
mod copy_again;
mod list;
mod price;
mod read;
mod submit;
mod upload;

pub use list::ListQuery;
pub use read::TaskTimeline;
pub use submit::SubmitRequest;

pub(crate) use addresses::Named;

use std::sync::Arc;

use super::{Context, Machine, Sender, Views};
use crate::base::bounds::Bounds;
use crate::domain::webhook::CapabilityKey;
use crate::port::{AddressGuard, LinkSigner, Provider};

/// The tenant's use cases of tasks.
pub struct Gateway {
    context: Context,
    machine: Machine,
    sender: Sender,
    provider: Arc<dyn Provider>,
    views: Views,
    guard: Arc<dyn AddressGuard>,
    signer: Arc<dyn LinkSigner>,
    capability: CapabilityKey,
}

/// What a gateway is built of.
pub struct GatewayParts {
    pub sender: Sender,
    pub views: Views,
    pub guard: Arc<dyn AddressGuard>,
    /// Signs what relayed links are redeemed for.
    pub signer: Arc<dyn LinkSigner>,
    /// Signs the relayed links themselves.
    pub capability: CapabilityKey,
}

impl Gateway {
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts {
            sender,
            views,
            guard,
            signer,
            capability,
        } = parts;
        let (machine, provider) = (sender.machine.clone(), sender.provider.clone());
        Self {
            context: machine.context.clone(),
            machine,
            sender,
            provider,
            views,
            guard,
            signer,
            capability,
        }
    }

    pub fn bounds(&self) -> &Bounds {
        &self.context.bounds
    }

    /// Tells where tenants reach the API, unless that is known.
    pub fn learn_base_url(&self, url: &str) {
        self.views.base_url().learn(url);
    }
}
