//! Looks at a task's state and takes its next step: late submits, submits in doubt, polling, giving
//! up.

mod advance;
mod fresh_links;
mod likeness;
mod lost;
mod queued;
mod resolve;
mod work;

use std::sync::Arc;

use super::jobs::Jobs;
use super::{Context, Machine, Sender};
use crate::port::{Provider, Queue};

/// Watches tasks.
pub struct Watcher {
    context: Context,
    machine: Machine,
    sender: Sender,
    provider: Arc<dyn Provider>,
    pub(crate) jobs: Jobs,
}

impl Watcher {
    pub fn new(sender: Sender, queue: Arc<dyn Queue>) -> Self {
        let (machine, provider) = (sender.machine.clone(), sender.provider.clone());
        let jobs = Jobs::new(&machine.context, queue);
        Self {
            context: machine.context.clone(),
            machine,
            sender,
            provider,
            jobs,
        }
    }
}
