//! How far a batch has come. Pure: stores write it by compare-and-swap on its version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::line::{BatchChunk, LineResult};
use crate::base::error::Error;
use crate::base::id::{BatchId, KeyId, TenantId};
use crate::base::time::Timestamp;

/// What tenants see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// Lines are still to be admitted.
    Admitting,
    /// Tasks are still to end.
    Running,
    Completed,
    /// No more lines are admitted.
    Cancelled,
}

impl BatchState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitting => "admitting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why the next line is not admitted now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The code that a submit would be answered with.
    pub code: String,
    pub since: Timestamp,
}

/// A batch without its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub tenant: TenantId,
    pub id: BatchId,
    /// 1 when it is created; each change is one more.
    pub version: u64,
    pub created_at: Timestamp,
    /// It is gone then, with its lines.
    pub kept_until: Timestamp,
    /// The digest of the lines, in hex: by its key, a batch is only ever the same batch.
    pub request: String,
    /// The client's `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The API key that made it, and that its lines are submitted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<KeyId>,
    pub lines: u32,
    /// Lines that became tasks.
    pub admitted: u32,
    pub refused: u32,
    /// Tasks that completed, and those that ended in any other way.
    pub completed: u32,
    pub failed: u32,
    /// Every line up to this one was admitted or refused.
    pub decided_to: u32,
    /// How many tasks run in a chunk, by the chunk's last line.
    #[serde(default)]
    pub open: BTreeMap<u32, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// While a turn admits lines: when the last of them is decided in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admits_until: Option<Timestamp>,
    /// The number of the job that works on it.
    pub job: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// All its tasks have ended, and none will be admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The operator has erased its words; whoever writes lines of it leaves them out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// A store removes a batch later than nobody sees it any more, so that its job ends it first.
const REMOVED_AFTER_MS: u64 = 24 * 60 * 60 * 1_000;

impl Batch {
    /// When a store may remove what it has of a batch that is kept until then.
    pub fn removed_at(kept_until: Timestamp) -> Timestamp {
        kept_until.plus_ms(REMOVED_AFTER_MS)
    }

    pub fn state(&self) -> BatchState {
        match (self.cancelled_at, self.ended_at) {
            (Some(_), _) => BatchState::Cancelled,
            (None, Some(_)) => BatchState::Completed,
            (None, None) if self.is_decided() => BatchState::Running,
            (None, None) => BatchState::Admitting,
        }
    }

    /// Whether every line was admitted or refused.
    pub fn is_decided(&self) -> bool {
        self.admitted + self.refused >= self.lines
    }

    /// Tasks that had not ended when they were last looked at.
    pub fn in_progress(&self) -> u32 {
        self.open.values().sum()
    }

    /// Whether only the marks of a turn differ.
    pub fn is_as(&self, other: &Self) -> bool {
        let other = Self {
            version: self.version,
            admits_until: self.admits_until,
            ..other.clone()
        };
        *self == other
    }

    /// Without the client's own key, one version on.
    #[must_use]
    pub fn erased(&self) -> Self {
        Self {
            version: self.version + 1,
            key: None,
            erased: true,
            ..self.clone()
        }
    }

    /// Counts what changed in one chunk, from what is stored to what will be.
    pub fn count(&mut self, before: &BatchChunk, after: &BatchChunk) {
        let changed = |wanted: fn(&LineResult) -> bool| (before.count(wanted), after.count(wanted));
        let add = |to: &mut u32, (was, is): (u32, u32)| *to = (*to + is).saturating_sub(was);
        add(&mut self.admitted, changed(|it| it.task().is_some()));
        add(&mut self.refused, changed(is_refused));
        add(&mut self.completed, changed(|it| is_ended(it, true)));
        add(&mut self.failed, changed(|it| is_ended(it, false)));
        match after.running() {
            0 => self.open.remove(&after.last()),
            running => self.open.insert(after.last(), running),
        };
        if before.last() > self.decided_to {
            self.decided_to = decided_to(after).max(self.decided_to);
        }
    }

    /// Why a line waits; `since` stays while the cause does.
    pub fn waits_for(&mut self, error: Option<&Error>, now: Timestamp) {
        let since = match (&self.waiting, error) {
            (Some(waiting), Some(error)) if waiting.code == error.code => waiting.since,
            _ => now,
        };
        self.waiting = error.map(|error| Waiting {
            code: error.code.to_owned(),
            since,
        });
    }
}

fn is_refused(result: &LineResult) -> bool {
    matches!(result, LineResult::Refused { .. })
}

fn is_ended(result: &LineResult, wanted: bool) -> bool {
    matches!(result, LineResult::Ended { completed, .. } if *completed == wanted)
}

/// The line before the first that waits.
fn decided_to(chunk: &BatchChunk) -> u32 {
    match chunk.waiting().next() {
        None => chunk.last(),
        Some((_, line)) => line.line.saturating_sub(1),
    }
}
