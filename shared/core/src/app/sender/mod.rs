//! The only way to the provider's submit: uploads and the POST, used by the gateway right away and
//! by the watcher later.

mod hooks;
mod send;
mod upload;

pub(crate) use send::Started;

use std::sync::Arc;

use super::alerter::ObservedProvider;
use super::{Context, Machine};
use crate::port::Provider;
pub use hooks::Hooks;

/// Sends tasks.
#[derive(Clone)]
pub struct Sender {
    context: Context,
    pub(crate) machine: Machine,
    pub(crate) provider: Arc<dyn Provider>,
    hooks: Option<Arc<Hooks>>,
}

impl Sender {
    /// Without `hooks`, completions are found by polling only.
    pub fn new(machine: Machine, provider: Arc<dyn Provider>, hooks: Option<Hooks>) -> Self {
        let provider = ObservedProvider::new(provider, machine.alerter());
        Self {
            context: machine.context.clone(),
            machine,
            provider: Arc::new(provider),
            hooks: hooks.map(Arc::new),
        }
    }

    /// False if only polling tells of the end of a run.
    pub(crate) fn asks_for_webhooks(&self) -> bool {
        self.hooks.is_some()
    }
}
