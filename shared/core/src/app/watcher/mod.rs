//! Looks at a task's state and takes its next step: late submits, submits in doubt, polling, giving
//! up.

mod advance;
mod fresh_links;
mod likeness;
mod lost;
mod polling;
mod queued;
mod resolve;
mod work;

use std::sync::{Arc, Mutex};

use super::batches::BatchWork;
use super::jobs::Jobs;
use super::{Context, Machine, Sender};
use crate::domain::provider::RunLengths;
use crate::port::{AddressGuard, Provider, Queue};

/// Watches tasks.
pub struct Watcher {
    context: Context,
    machine: Machine,
    sender: Sender,
    provider: Arc<dyn Provider>,
    batches: BatchWork,
    pub(crate) jobs: Jobs,
    lengths: Mutex<RunLengths>,
}

impl Watcher {
    pub fn new(sender: Sender, queue: Arc<dyn Queue>, guard: Arc<dyn AddressGuard>) -> Self {
        let (machine, provider) = (sender.machine.clone(), sender.provider.clone());
        let jobs = Jobs::new(&machine.context, queue);
        let batches = BatchWork::new(sender.clone(), guard, jobs.clone());
        Self {
            context: machine.context.clone(),
            machine,
            sender,
            provider,
            batches,
            jobs,
            lengths: Mutex::default(),
        }
    }
}
