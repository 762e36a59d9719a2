//! Dead letters: the operator lists them, sends their jobs again, or removes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::Operator;
use crate::base::error::{Error, Kind, Result};
use crate::domain::task::Lane;
use crate::domain::tenant::{Actor, AuditAction};
use crate::port::{DEAD_LETTERS_MAX, DeadLetter, Queue};

/// The operator's use cases of dead letters.
pub struct DeadLetters {
    queue: Arc<dyn Queue>,
    operator: Arc<Operator>,
}

/// Oldest first.
#[derive(Debug)]
pub struct DeadLetterPage {
    pub letters: Vec<DeadLetter>,
    /// The id of the last letter, if there are more.
    pub next: Option<String>,
}

impl DeadLetters {
    pub(super) fn new(queue: Arc<dyn Queue>, operator: Arc<Operator>) -> Self {
        Self { queue, operator }
    }

    /// Those of a lane after the given one: one page. Kind `Conflict` with code `dead_letter_gone`
    /// if that one is no longer there: begin again.
    pub async fn list(
        &self,
        lane: Lane,
        after: Option<&str>,
        limit: usize,
    ) -> Result<DeadLetterPage> {
        let mut letters = self.queue.dead_letters(lane).await?;
        if let Some(after) = after {
            let last = letters.iter().position(|letter| letter.id == after);
            let last = last.ok_or_else(|| gone(after))?;
            letters.drain(..=last);
        }
        let is_last = letters.len() <= limit;
        letters.truncate(limit);
        let last = letters.last().filter(|_| !is_last);
        Ok(DeadLetterPage {
            next: last.map(|last| last.id.clone()),
            letters,
        })
    }

    /// Sends the jobs of these letters again; without ids, those of all letters of the lane that
    /// are jobs. Returns the ids of those that were sent.
    ///
    /// Kind `NotFound` if none of the ids is a letter of the lane; kind `Conflict` with code
    /// `dead_letter_unreadable` if none of them is a job.
    pub async fn redrive(
        &self,
        lane: Lane,
        ids: Option<BTreeSet<String>>,
        actor: &Actor,
    ) -> Result<BTreeSet<String>> {
        let letters = self.queue.dead_letters(lane).await?;
        let is_wanted =
            |letter: &&DeadLetter| ids.as_ref().is_none_or(|ids| ids.contains(&letter.id));
        let wanted: Vec<&DeadLetter> = letters.iter().filter(is_wanted).collect();
        if wanted.is_empty() && ids.is_some() {
            return Err(unknown(lane));
        }
        let jobs = wanted.iter().filter(|letter| letter.job.is_some());
        let jobs: BTreeSet<String> = jobs.map(|letter| letter.id.clone()).collect();
        if jobs.is_empty() && ids.is_some() {
            let text = "these dead letters are not jobs that this release can read; delete them, or redrive them after an upgrade";
            return Err(Error::new(Kind::Conflict, "dead_letter_unreadable", text));
        }
        if jobs.is_empty() {
            return Ok(jobs);
        }
        self.record(AuditAction::DeadLettersRedriven, lane, &jobs, actor)
            .await?;
        self.queue.redrive(lane, &jobs).await
    }

    /// Removes one letter for good. Kind `NotFound` if the lane has none of this id.
    pub async fn delete(&self, lane: Lane, id: &str, actor: &Actor) -> Result<()> {
        let letters = self.queue.dead_letters(lane).await?;
        if letters.iter().all(|letter| letter.id != id) {
            return Err(unknown(lane));
        }
        let ids = BTreeSet::from([id.to_owned()]);
        self.record(AuditAction::DeadLettersDeleted, lane, &ids, actor)
            .await?;
        self.queue.delete_dead_letters(lane, &ids).await.map(drop)
    }

    async fn record(
        &self,
        action: AuditAction,
        lane: Lane,
        ids: &BTreeSet<String>,
        actor: &Actor,
    ) -> Result<()> {
        let first: Vec<&String> = ids.iter().take(IDS_TOLD_MAX).collect();
        let detail = json!({ "lane": lane.as_str(), "ids": first, "count": ids.len() });
        self.operator.record_for_all(action, detail, actor).await
    }
}

/// Ids in one entry of the audit log.
const IDS_TOLD_MAX: usize = 50;

fn gone(id: &str) -> Error {
    let id = crate::echo(id);
    let text = format!("the dead letter '{id}' is no longer there; list again without a cursor");
    Error::new(Kind::Conflict, "dead_letter_gone", text)
}

fn unknown(lane: Lane) -> Error {
    let text = format!(
        "lane '{}' has no such dead letter among its oldest {DEAD_LETTERS_MAX}; list them for their ids",
        lane.as_str()
    );
    Error::not_found(text)
}
