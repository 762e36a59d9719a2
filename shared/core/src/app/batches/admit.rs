//! Admits the next lines of a batch, as `POST /v1/tasks` would.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use futures::stream;
use tracing::Instrument as _;

use super::{BatchWork, submit_request};
use crate::app::sealed_text::SealedPart;
use crate::app::traced::job_span;
use crate::base::error::{Error, Kind, Result};
use crate::base::time::Timestamp;
use crate::domain::batch::{Batch, BatchChunk, LineRequest, LineResult};
use crate::domain::task::Lane;

/// Lines of one turn, and of them at once: other jobs come between two turns.
const PAGE: usize = 32;
const AT_ONCE: usize = 4;
/// A turn that did not live to record its lines has decided them by then: longer than it begins
/// lines, and than a line takes.
const TURN_MS: u64 = 60_000;
/// No line is begun later in a turn, so that the turn is over long before its lease.
const PAGE_MS: u64 = 15_000;

/// Of a tenant's places a batch leaves some to what the tenant submits itself.
fn places(in_flight_max: u32) -> u32 {
    in_flight_max - in_flight_max / 4
}

/// What came of one line.
enum Outcome {
    Decided(LineResult),
    /// It is to be tried again.
    Waits(Error),
    /// Not tried, because another has to wait.
    Untried,
}

/// The lines of one turn.
struct Page {
    /// The chunk as it was read.
    before: BatchChunk,
    /// Places in it and the lines' texts; `None` where a text is gone.
    lines: Vec<(usize, u32, Option<String>)>,
    /// The chunk's texts without those of decided lines, if that changes them.
    blanked: Option<String>,
}

impl BatchWork {
    /// Submits a page of lines. What limits, money or an outage refuse waits; any other refusal is
    /// the line's result.
    pub(super) async fn admit(&self, batch: Batch) -> Result<Batch> {
        if batch.is_decided() || !self.has_room(&batch) {
            return Ok(batch);
        }
        let room = self.context.bounds.batch.in_progress_max - batch.in_progress();
        let Some(page) = self.page(&batch, room).await? else {
            return self.refuse_missing(batch).await;
        };
        // A tenant that is suspended may be let go again; its lines are not refused one by one.
        if let Err(error) = self.submits.tenant_for_submit(&batch.tenant).await {
            let waits = vec![(0, Outcome::Waits(error))];
            return self.record(batch, page, waits).await;
        }
        let (stop, began) = (AtomicBool::new(false), self.context.now());
        let (batch, is_marked) = self.mark(batch, began.plus_ms(TURN_MS)).await?;
        if !is_marked {
            return Ok(batch);
        }
        let submits = page.lines.iter().map(|(place, number, text)| {
            let line = self.line(&batch, *number, text.as_deref(), &stop, began);
            let submit = async move { (*place, line.await) };
            submit.instrument(job_span(Lane::Watch))
        });
        let submits: Vec<_> = submits.collect();
        let outcomes: Vec<_> = stream::iter(submits).buffered(AT_ONCE).collect().await;
        self.record(batch, page, outcomes).await
    }

    /// Says in the record that lines may be admitted from now on. False for a batch that was
    /// cancelled meanwhile: whoever cancelled it may have seen no mark.
    async fn mark(&self, batch: Batch, until: Timestamp) -> Result<(Batch, bool)> {
        let edit = |batch: &mut Batch| {
            if batch.cancelled_at.is_none() {
                batch.admits_until = Some(until);
            }
        };
        let batch = self.change(batch, None, edit).await?;
        let is_marked = batch.cancelled_at.is_none() && batch.ended_at.is_none();
        Ok((batch, is_marked))
    }

    /// In a batch that was cancelled: the page's lines that were admitted by a turn that did not
    /// live to record it.
    pub(super) async fn find_admitted(&self, batch: Batch) -> Result<Batch> {
        let Some(page) = self.page(&batch, u32::MAX).await? else {
            return Ok(batch);
        };
        let mut outcomes = Vec::new();
        for (place, number, text) in &page.lines {
            let Some(text) = text else { continue };
            let line = LineRequest::parse(text.as_bytes())?;
            let request = submit_request(&batch, *number, line)?;
            match self.submits.existing(&request).await {
                Ok(Some(task)) => {
                    let result = self.result_of(&batch, &task.id).await?;
                    outcomes.push((*place, Outcome::Decided(result)));
                }
                // It ends only when this is known.
                Err(error) if waits(&error) => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        if outcomes.is_empty() {
            return Ok(batch);
        }
        self.record(batch, page, outcomes).await
    }

    /// `None` if there is no chunk left.
    async fn page(&self, batch: &Batch, room: u32) -> Result<Option<Page>> {
        let store = self.context.batches();
        let (tenant, id) = (&batch.tenant, &batch.id);
        let Some(before) = store.chunk_after(tenant, id, batch.decided_to).await? else {
            return Ok(None);
        };
        let texts = match before.waiting().next() {
            Some(_) => store.texts(tenant, id, before.last()).await?,
            None => None,
        };
        let part = SealedPart::Lines(id, before.last());
        let texts = match texts {
            Some(stored) => self.context.open_text(tenant, part, &stored).await?,
            None => None,
        };
        let blanked = texts.as_deref().and_then(|texts| before.blanked(texts));
        let texts: Vec<&str> = texts.iter().flat_map(|texts| texts.split('\n')).collect();
        let text = |place: usize| texts.get(place).map(|text| (*text).to_owned());
        let page = PAGE.min(usize::try_from(room).unwrap_or(PAGE));
        let lines = before.waiting().take(page);
        let lines = lines.map(|(place, line)| (place, line.line, text(place)));
        let lines = lines.collect();
        Ok(Some(Page {
            before,
            lines,
            blanked,
        }))
    }

    async fn line(
        &self,
        batch: &Batch,
        number: u32,
        text: Option<&str>,
        stop: &AtomicBool,
        began: Timestamp,
    ) -> Outcome {
        if stop.load(Ordering::Relaxed) || self.context.now().since_ms(began) > PAGE_MS {
            return Outcome::Untried;
        }
        match self.submit(batch, number, text).await {
            Ok(result) => Outcome::Decided(result),
            Err(error) if waits(&error) => {
                stop.store(true, Ordering::Relaxed);
                Outcome::Waits(error)
            }
            Err(error) => Outcome::Decided(LineResult::refused(&error)),
        }
    }

    async fn submit(&self, batch: &Batch, number: u32, text: Option<&str>) -> Result<LineResult> {
        let text = text.ok_or_else(|| Error::new(Kind::Gone, "line_expired", LINE_GONE))?;
        let line = LineRequest::parse(text.as_bytes())?;
        let request = submit_request(batch, number, line)?;
        let task = self.submits.submit(request, places).await?;
        Ok(LineResult::Admitted { task: task.id })
    }

    /// Writes what came of the page. A line that finds no answer for too long is refused, so that
    /// the others go on.
    async fn record(
        &self,
        batch: Batch,
        page: Page,
        outcomes: Vec<(usize, Outcome)>,
    ) -> Result<Batch> {
        let (now, before) = (self.context.now(), page.before);
        let (mut after, mut waits_for) = (before.clone(), None);
        for (place, outcome) in outcomes {
            match outcome {
                Outcome::Decided(result) => after.lines[place].result = result,
                Outcome::Waits(error) if self.is_given_up(&batch, &error, now) => {
                    after.lines[place].result = LineResult::refused(&error);
                }
                Outcome::Waits(error) => waits_for = waits_for.or(Some(error)),
                Outcome::Untried => {}
            }
        }
        let known = batch.waiting.as_ref().map(|waiting| waiting.code.as_str());
        let waits = waits_for.as_ref().map(|error| error.code);
        // Where the batch stands still, so that a task that is deleted meanwhile leaves no text.
        let blanked = page.blanked.filter(|_| after == before && waits.is_some());
        if let Some(texts) = blanked {
            let part = SealedPart::Lines(&batch.id, before.last());
            let texts = self.context.seal_text(&batch.tenant, part, &texts).await?;
            let store = self.context.batches();
            store.replace_texts(&batch, before.last(), &texts).await?;
        }
        let is_marked = batch.admits_until.is_some();
        if after == before && known == waits && !is_marked && before.waiting().next().is_some() {
            return Ok(batch);
        }
        tell_refused(&batch, &before, &after);
        if let Some(error) = waits_for.as_ref().filter(|_| known != waits) {
            tracing::info!(tenant.id = %batch.tenant, batch.id = %batch.id, code = error.code, "a batch waits for money or a place; it goes on by itself");
        }
        let mark = batch.admits_until;
        let edit = |batch: &mut Batch| {
            if batch.admits_until == mark {
                batch.admits_until = None;
            }
            if batch.cancelled_at.is_none() {
                batch.waits_for(waits_for.as_ref(), now);
            }
        };
        self.change(batch, Some((before, after)), edit).await
    }

    fn is_given_up(&self, batch: &Batch, error: &Error, now: Timestamp) -> bool {
        let unanswered =
            waits(error) && !matches!(error.kind, Kind::Busy | Kind::InsufficientFunds);
        let since = batch
            .waiting
            .as_ref()
            .filter(|waiting| waiting.code == error.code)
            .map_or(now, |waiting| waiting.since);
        unanswered && now.since_ms(since) >= self.context.bounds.batch.unanswered_max_ms
    }

    /// Chunks that expired before their batch: their lines are refused.
    async fn refuse_missing(&self, batch: Batch) -> Result<Batch> {
        self.change(batch, None, |batch| {
            batch.refused = batch.lines.saturating_sub(batch.admitted);
        })
        .await
    }
}

/// One line in the log for a page.
fn tell_refused(batch: &Batch, before: &BatchChunk, after: &BatchChunk) {
    let refused = before.lines.iter().zip(&after.lines);
    let refused = refused.filter_map(|(before, after)| match &after.result {
        LineResult::Refused { code, .. } if before.result != after.result => Some(code),
        _ => None,
    });
    let codes: BTreeMap<&str, u32> = refused.fold(BTreeMap::new(), |mut codes, code| {
        *codes.entry(code.as_str()).or_default() += 1;
        codes
    });
    if !codes.is_empty() {
        tracing::info!(tenant.id = %batch.tenant, batch.id = %batch.id, ?codes, "lines of a batch were refused");
    }
}

const LINE_GONE: &str = "the line was not admitted while the batch was kept; send it again";

/// Whether the same line may be admitted later: there was no money or no place, or no answer.
fn waits(error: &Error) -> bool {
    matches!(
        error.kind,
        Kind::Busy
            | Kind::InsufficientFunds
            | Kind::Unavailable
            | Kind::Internal
            | Kind::Conflict
            | Kind::TooSlow
    )
}
