//! The three workers, for processes that run all of them.

use std::sync::Arc;

use async_trait::async_trait;

use super::jobs::{Jobs, Worker};
use super::traced::JobProgress;
use super::{Archiver, Notifier, Watcher};
use crate::base::error::Result;
use crate::domain::task::Lane;
use crate::port::Lease;

/// Watcher, archiver and notifier on one queue.
pub struct Workers {
    watcher: Watcher,
    archiver: Archiver,
    notifier: Notifier,
}

impl Workers {
    pub fn new(watcher: Watcher, archiver: Archiver, notifier: Notifier) -> Arc<Self> {
        Arc::new(Self {
            watcher,
            archiver,
            notifier,
        })
    }

    /// Leases up to `max` due jobs from a lane.
    pub async fn receive(&self, lane: Lane, max: usize) -> Result<Vec<Lease>> {
        self.jobs(lane).receive(lane, max).await
    }

    fn jobs(&self, lane: Lane) -> &Jobs {
        match lane {
            Lane::Watch => &self.watcher.jobs,
            Lane::Archive => &self.archiver.jobs,
            Lane::Notify => &self.notifier.jobs,
        }
    }

    fn of(&self, lease: &Lease) -> &dyn Worker {
        match lease.job.lane() {
            Lane::Watch => &self.watcher,
            Lane::Archive => &self.archiver,
            Lane::Notify => &self.notifier,
        }
    }
}

#[async_trait]
impl Worker for Workers {
    async fn work(&self, lease: &Lease) -> Result<()> {
        self.of(lease).work(lease).await
    }

    async fn progress(&self, lease: &Lease) -> Result<JobProgress> {
        self.of(lease).progress(lease).await
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        self.of(lease).after_panic(lease).await
    }

    async fn tell_noted(&self) {
        self.watcher.tell_noted().await;
        self.archiver.tell_noted().await;
    }
}
