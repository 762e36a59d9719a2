//! The emulated provider: everything that its routes and runs share.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use reqwest::redirect::Policy;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::EmulatorConfig;
use crate::faults::LiveFaults;
use crate::file_store::{File, FileStore};
use crate::inputs::Media;
use crate::outputs::picture_of;
use crate::rate::Rate;
use crate::run::{Full, Run, RunStore, UnderWay, work};
use crate::ticket::Tickets;
use crate::traces::Traces;
use crate::upload_store::UploadStore;

const RUNS_MAX: usize = 200_000;
const OUTPUT_BYTES_MAX: usize = 512 * 1024 * 1024;
const UPLOAD_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
const PICTURES_AT_ONCE_MAX: usize = 64;
const WEBHOOKS_AT_ONCE_MAX: usize = 256;
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Provider {
    pub(crate) config: EmulatorConfig,
    /// Without a trailing slash.
    pub(crate) base_url: String,
    pub(crate) faults: LiveFaults,
    pub(crate) runs: RunStore,
    pub(crate) files: FileStore,
    pub(crate) uploads: UploadStore,
    pub(crate) tickets: Tickets,
    pub(crate) rate: Rate,
    pub(crate) traces: Traces,
    pub(crate) webhooks: reqwest::Client,
    /// One permit per picture held in memory, from its download to its edit.
    pub(crate) pictures: Semaphore,
    /// One permit per core.
    pub(crate) edits: Semaphore,
    /// One permit per webhook being sent.
    pub(crate) posts: Semaphore,
    pub(crate) stop: CancellationToken,
    started_at: Timestamp,
    spent_micro_usd: AtomicI64,
    pub(crate) under_way: UnderWay,
    requests: Mutex<HashMap<&'static str, u64>>,
    /// The output under `tiny_output`, of the size that was asked for last.
    sized: Mutex<Bytes>,
}

impl Provider {
    /// Fails if there is no place for uploads.
    pub(crate) fn new(
        config: EmulatorConfig,
        base_url: String,
        stop: CancellationToken,
    ) -> io::Result<Self> {
        let cores = available_parallelism().map_or(2, std::num::NonZero::get);
        // The receiver is usually on this machine, so no proxy is used.
        let webhooks = reqwest::Client::builder()
            .tcp_nodelay(true)
            .redirect(Policy::none())
            .timeout(WEBHOOK_TIMEOUT)
            .no_proxy()
            .build();
        Ok(Self {
            base_url,
            faults: LiveFaults::new(config.faults.clone()),
            config,
            runs: RunStore::new(RUNS_MAX),
            files: FileStore::new(OUTPUT_BYTES_MAX),
            uploads: UploadStore::new(UPLOAD_BYTES_MAX)?,
            tickets: Tickets::default(),
            rate: Rate::default(),
            traces: Traces::default(),
            webhooks: webhooks.expect("the client's settings are constant"),
            pictures: Semaphore::new(PICTURES_AT_ONCE_MAX),
            edits: Semaphore::new(cores),
            posts: Semaphore::new(WEBHOOKS_AT_ONCE_MAX),
            stop,
            started_at: Timestamp::now(),
            spent_micro_usd: AtomicI64::new(0),
            under_way: UnderWay::default(),
            requests: Mutex::default(),
            sized: Mutex::new(picture_of(0)),
        })
    }

    /// Accepts a run: from here on it is charged, unless it fails.
    pub(crate) fn accept(self: &Arc<Self>, run: Run, media: Vec<Media>) -> Result<Arc<Run>, Full> {
        let run = Arc::new(run);
        self.runs.insert(run.clone())?;
        self.under_way.begin();
        self.spent_micro_usd
            .fetch_add(run.price_micro_usd, Ordering::Relaxed);
        let working = work(self.clone(), run.clone(), media);
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(working));
        Ok(run)
    }

    /// After the end of a run: gives back what a failed one does not cost, and drops the outputs of
    /// one that was deleted on the way.
    pub(crate) fn settle(&self, run: &Run) {
        let back = run.price_micro_usd - run.charged_micro_usd();
        self.spent_micro_usd.fetch_sub(back, Ordering::Relaxed);
        if run.is_deleted() {
            self.drop_outputs(run);
        }
    }

    /// When the run was made, if an emulator before this one made it.
    pub(crate) fn forgotten(&self, id: &str) -> Option<Timestamp> {
        let made_at = made_at(id).filter(|made_at| *made_at < self.started_at);
        made_at.filter(|_| self.config.forgotten_runs_fail)
    }

    pub(crate) fn drop_outputs(&self, run: &Run) {
        for name in run.output_names() {
            self.files.remove(&format!("outputs/{}/{name}", run.id));
        }
    }

    pub(crate) fn balance_micro_usd(&self) -> i64 {
        self.config.balance_micro_usd - self.spent_micro_usd.load(Ordering::Relaxed)
    }

    /// How far its clock is off, by a fault.
    fn clock_ahead(&self) -> SignedDuration {
        SignedDuration::from_millis(self.faults.value(|faults| faults.clock_ahead_ms))
    }

    /// A time as its clock has it.
    pub(crate) fn by_its_clock(&self, at: Timestamp) -> Timestamp {
        at.checked_add(self.clock_ahead()).unwrap_or(at)
    }

    pub(crate) fn file(&self, path: &str) -> Option<File> {
        let is_tiny = path.ends_with("/0.png") && path.starts_with("outputs/");
        let tiny = || File {
            bytes: self.sized_output(),
            content_type: "image/png".to_owned(),
        };
        self.files.get(path).or_else(|| is_tiny.then(tiny))
    }

    /// The output of every run under `tiny_output`.
    fn sized_output(&self) -> Bytes {
        let bytes = self.faults.value(|faults| faults.output_bytes);
        let mut sized = self.sized.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes > 0 && sized.len() != bytes {
            *sized = picture_of(bytes);
        }
        sized.clone()
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(what)
            .or_default() += 1;
    }

    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(what)
            .copied()
            .unwrap_or(0)
    }
}

/// The time in a run's id, to the millisecond.
fn made_at(id: &str) -> Option<Timestamp> {
    let (seconds, nanoseconds) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    let (seconds, nanoseconds) = (seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
    Timestamp::new(seconds, nanoseconds).ok()
}
