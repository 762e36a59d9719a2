//! One walk over the provider's list of runs, page by page, as far as a look may go at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use fluxgate_core::Result;
use fluxgate_core::id::{ModelId, RunId};
use fluxgate_core::port::{Clock as _, RunList, RunSpan, SystemClock};
use fluxgate_core::provider::{ProviderRun, lenient};
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use serde_json::{Value, json};

use super::exchange::{Exchange, unreadable};
use super::listing::{LOOK_TIME, Stretch};

/// The provider's own limit.
const PAGE_SIZE: usize = 100;
/// Of one look.
const LOOK_PAGES_MAX: usize = 50;
/// Twenty thousand runs of one model: what the provider's highest tier makes in the few minutes
/// around a submit. What is older is a walk of its own.
const PAGES_MAX: usize = 200;
/// However many submits are in doubt, a stretch of the list is read at this many milliseconds a
/// page.
const PAGE_REST_MS: u64 = 500;
const REST_MAX_MS: u64 = 20_000;
/// A walk that nobody went on with for longer begins anew.
const GOES_ON_MS: u64 = 10 * 60_000;
/// A walk that did not reach the end of the list is as good as new for so long.
const PART_SERVES_MS: u64 = 20 * 60_000;

pub(super) struct Walk {
    read_at: Timestamp,
    told_at: Option<Timestamp>,
    runs: Vec<Arc<ProviderRun>>,
    seen: HashSet<RunId>,
    /// Pages that were read, and the last run of the last of them.
    pages: usize,
    last: Option<RunId>,
    /// When the oldest run was created that was read.
    back_to: Option<Timestamp>,
    every_item_parsed: bool,
    has_reached_end: bool,
    done_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl Walk {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            read_at: now,
            told_at: None,
            runs: Vec::new(),
            seen: HashSet::new(),
            pages: 0,
            last: None,
            back_to: None,
            every_item_parsed: true,
            has_reached_end: false,
            done_at: None,
            failed_at: None,
        }
    }

    pub(super) fn read_at(&self) -> Timestamp {
        self.read_at
    }

    pub(super) fn has_failed_since(&self, asked_at: Timestamp) -> bool {
        self.failed_at.is_some_and(|at| at >= asked_at)
    }

    /// Whether it may be gone on with, or was over a moment ago. What a run that is listed late
    /// waits for. The first parts of a longer list serve until the others were read.
    pub(super) fn serves(&self, now: Timestamp) -> bool {
        match self.done_at {
            Some(_) if !self.has_reached_end => now.since_ms(self.read_at) < PART_SERVES_MS,
            Some(done_at) => {
                let rest_ms = (self.pages as u64).saturating_mul(PAGE_REST_MS);
                now.since_ms(done_at) < rest_ms.min(REST_MAX_MS) && now >= done_at
            }
            None => self.pages > 0 && now.since_ms(self.read_at) < GOES_ON_MS,
        }
    }

    /// Reads as many pages as one look may; on an error, what was read before stays.
    pub(super) async fn go_on(
        &mut self,
        exchange: &Exchange,
        stretch: &Stretch,
        trace: &TraceContext,
    ) -> Result<()> {
        if self.done_at.is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        // The last page is read again: only if it still ends as it did was nothing moved up.
        let mut page = self.pages.max(1);
        for _ in 0..LOOK_PAGES_MAX {
            let read = items(exchange, stretch, trace, page).await;
            let now = SystemClock.now();
            let (items, told_at) = read.inspect_err(|_| self.failed_at = Some(now))?;
            if page == self.pages && !self.is_met_by(&items) {
                *self = Self::begin(now);
                page = 1;
                continue;
            }
            self.take(page, &items, told_at, stretch);
            if self.has_reached_end || self.pages >= PAGES_MAX {
                self.done_at = Some(now);
                break;
            }
            if begun.elapsed() >= LOOK_TIME {
                break;
            }
            page += 1;
        }
        Ok(())
    }

    fn is_met_by(&self, items: &[Value]) -> bool {
        let id = |item: &Value| ProviderRun::from_json(item).ok().map(|run| run.id);
        self.last.is_some() && items.iter().any(|item| id(item) == self.last)
    }

    /// The filters are sent to the provider and applied again here: a run of another model or
    /// another day must never be taken for the right one.
    fn take(
        &mut self,
        page: usize,
        items: &[Value],
        told_at: Option<Timestamp>,
        stretch: &Stretch,
    ) {
        if self.pages == 0 {
            self.told_at = told_at;
        }
        let read: Vec<ProviderRun> = items
            .iter()
            .filter_map(|item| ProviderRun::from_json(item).ok())
            .collect();
        self.every_item_parsed &= read.len() == items.len();
        let has_passed = read.iter().any(|run| is_older(run, stretch.since));
        self.has_reached_end = has_passed || items.len() < PAGE_SIZE;
        self.pages = page;
        let oldest = read.iter().filter_map(|run| run.created_at).min();
        self.back_to = self.back_to.into_iter().chain(oldest).min();
        self.last = read.last().map(|run| run.id.clone());
        for run in read {
            let is_sought =
                is_between(&run, (stretch.since, stretch.until)) && is_of(&run, &stretch.model);
            if is_sought && self.seen.insert(run.id.clone()) {
                self.runs.push(Arc::new(run));
            }
        }
    }

    pub(super) fn list(&self, span: RunSpan) -> RunList {
        let is_asked_for = |run: &&Arc<ProviderRun>| is_between(run, (span.since, span.until));
        let has_more = self.done_at.is_some() && !self.has_reached_end;
        RunList {
            runs: self.runs.iter().filter(is_asked_for).cloned().collect(),
            whole: self.has_reached_end && self.every_item_parsed,
            read_back_to: self.back_to.filter(|_| has_more),
            read_at: Some(self.read_at),
            told_at: self.told_at,
        }
    }
}

async fn items(
    exchange: &Exchange,
    stretch: &Stretch,
    trace: &TraceContext,
    page: usize,
) -> Result<(Vec<Value>, Option<Timestamp>)> {
    let question = json!({
        "page": page,
        "page_size": PAGE_SIZE,
        "model": stretch.model,
        "created_after": stretch.since.rfc3339(),
        "created_before": stretch.until.rfc3339(),
        "include_inputs": true,
    });
    let (data, told_at) = exchange
        .post_dated("/api/v3/predictions", &question, trace)
        .await?;
    Ok((lenient::items(data).ok_or_else(unreadable)?, told_at))
}

fn is_older(run: &ProviderRun, since: Timestamp) -> bool {
    run.created_at.is_some_and(|created_at| created_at < since)
}

fn is_between(run: &ProviderRun, (since, until): (Timestamp, Timestamp)) -> bool {
    !is_older(run, since) && run.created_at.is_none_or(|created_at| created_at <= until)
}

fn is_of(run: &ProviderRun, model: &ModelId) -> bool {
    run.model.as_ref().is_none_or(|of| of == model)
}
