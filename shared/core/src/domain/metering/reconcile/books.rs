//! What is compared: the provider's books and ours, as they were read.

use std::collections::{BTreeMap, BTreeSet};

use super::{Bill, ListedRun};
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;
use crate::domain::task::Task;

/// What a comparison needs of one task that reached the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub tenant: TenantId,
    pub task: TaskId,
    pub model: ModelId,
    pub run: RunId,
    pub ended: bool,
    /// Whether the task was made in the window.
    pub in_window: bool,
    /// What the provider asked for when the task was submitted.
    pub quoted: MicroUsd,
    pub price: MicroUsd,
    pub charged: MicroUsd,
    /// What of it was given back.
    pub refunded: MicroUsd,
}

impl Sold {
    /// `None` for a task that names no run.
    pub fn of(task: &Task, window: Window) -> Option<Self> {
        Some(Self {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
            model: task.model.clone(),
            run: task.run.clone()?,
            ended: task.state.is_end(),
            in_window: window.holds(task.created_at),
            quoted: task.cost,
            price: task.price,
            charged: task.charged,
            refunded: task.refunded(),
        })
    }
}

/// Both sides, as they were read.
#[derive(Debug, Default)]
pub struct Books {
    /// The provider's bills of the window.
    pub bills: Vec<Bill>,
    /// The runs that it lists in the window.
    pub runs: Vec<ListedRun>,
    /// Our tasks with runs, those of the window and those before it whose run may lie in it.
    pub sold: Vec<Sold>,
    /// Runs of charged tasks that were made in the window, for which the provider has no bill at
    /// all.
    pub unbilled: BTreeSet<RunId>,
    /// Tasks that were given up before anybody knew their run, by the run that turned out to be
    /// theirs.
    pub given_up: BTreeMap<RunId, (TenantId, TaskId)>,
    /// How many tasks of a model were sent and wait to learn their run: so many of nobody's runs
    /// may be theirs.
    pub in_doubt: BTreeMap<ModelId, u64>,
    /// How many tasks of the window wait to be sent.
    pub unsent: u64,
}
