//! Where usage events are exported to.

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::digest::sha256;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::metering::usage::line;
use crate::domain::task::Task;

/// A batch of one tenant's usage events.
#[derive(Debug, Clone)]
pub struct UsageBatch {
    /// Path and identity: `{tenant}/{yyyy}/{mm}/{dd}/{first task}-{last task}-{digest}.jsonl`,
    /// under the UTC day of the last end in the batch. A name always stands for the same content: a
    /// batch with the same first and last task but one more in between has another name.
    pub name: String,
    /// One JSON object per line, each ended by a newline.
    pub lines: Bytes,
}

impl UsageBatch {
    /// The events of these tasks, in order; all of them must be charged. `None` if there are no
    /// tasks.
    pub fn of(tenant: &TenantId, tasks: &[&Task]) -> Result<Option<Self>> {
        let (Some(first), Some(last)) = (tasks.first(), tasks.last()) else {
            return Ok(None);
        };
        let lines: String = tasks.iter().map(|task| line(task)).collect::<Result<_>>()?;
        let ended = tasks
            .iter()
            .map(|task| task.since)
            .max()
            .unwrap_or(last.since);
        Ok(Some(Self {
            name: name(tenant, (&first.id, &last.id), ended, &lines),
            lines: lines.into(),
        }))
    }
}

/// Digest bytes in a name: enough to distinguish the few batches that share a first and a last
/// task.
const DIGEST_BYTES: usize = 8;

fn name(
    tenant: &TenantId,
    (first, last): (&TaskId, &TaskId),
    ended: Timestamp,
    lines: &str,
) -> String {
    let digest = hex::encode(&sha256(lines.as_bytes())[..DIGEST_BYTES]);
    format!(
        "{tenant}/{}/{first}-{last}-{digest}.jsonl",
        ended.date_path()
    )
}

#[async_trait]
pub trait UsageSink: Send + Sync {
    /// Identifies the place: export cursors are kept under this name.
    fn place(&self) -> &str;

    /// Takes a batch; durable when it returns. The same batch may come again.
    async fn take(&self, batch: UsageBatch) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::metering::usage::cursor::tests::task;
    use crate::domain::task::State;

    #[test]
    fn a_batch_with_one_more_between_the_same_first_and_last_has_another_name() {
        let tenant = TenantId::parse("acme").unwrap();
        let [one, two, three] = [1, 2, 3].map(|at| task(at, State::Completed));
        let name = |tasks: &[&Task]| UsageBatch::of(&tenant, tasks).unwrap().unwrap().name;

        let (without, with) = (name(&[&one, &three]), name(&[&one, &two, &three]));

        let place = format!("acme/1970/01/01/{}-{}-", one.id, three.id);
        assert!(
            without.starts_with(&place) && with.starts_with(&place) && without.ends_with(".jsonl"),
            "{without} {with}"
        );
        assert_ne!(without, with);
        assert_eq!(
            with,
            name(&[&one, &two, &three]),
            "the same events have the same name"
        );
    }

    #[test]
    fn a_batch_lies_under_the_day_of_its_last_end() {
        let tenant = TenantId::parse("acme").unwrap();
        let late = Task {
            since: Timestamp(1_787_618_961_479),
            ..task(1, State::Completed)
        };

        let batch = UsageBatch::of(&tenant, &[&late, &task(2, State::Completed)])
            .unwrap()
            .unwrap();

        assert!(batch.name.starts_with("acme/2026/08/25/"), "{}", batch.name);
        assert_eq!(batch.lines.iter().filter(|byte| **byte == b'\n').count(), 2);
        assert!(UsageBatch::of(&tenant, &[]).unwrap().is_none());
    }
}
