//! Where usage events are exported to.

use async_trait::async_trait;
use bytes::Bytes;

use crate::digest::sha256;
use crate::error::Result;
use crate::id::{TaskId, TenantId};
use crate::task::Task;
use crate::time::Timestamp;
use crate::usage::line;

/// Some usage events of one tenant.
#[derive(Debug, Clone)]
pub struct UsageBatch {
    /// Says where and what it is: `{tenant}/{yyyy}/{mm}/{dd}/{first task}-{last task}-{digest}.jsonl`, of the UTC day of its last end.
    /// A name stands for one content, also if a batch of the same first and last task is made again with one more between.
    pub name: String,
    /// One JSON object a line, each ended by a newline.
    pub lines: Bytes,
}

impl UsageBatch {
    /// The events of tasks in order, all of them charged. `None` when there are no tasks.
    pub fn of(tenant: &TenantId, tasks: &[&Task]) -> Result<Option<Self>> {
        let (Some(first), Some(last)) = (tasks.first(), tasks.last()) else { return Ok(None) };
        let lines: String = tasks.iter().map(|task| line(task)).collect::<Result<_>>()?;
        let ended = tasks.iter().map(|task| task.since).max().unwrap_or(last.since);
        Ok(Some(Self { name: name(tenant, (&first.id, &last.id), ended, &lines), lines: lines.into() }))
    }
}

/// Digits of the digest in a name: enough to tell apart the few batches that share a first and a last task.
const DIGEST_BYTES: usize = 8;

fn name(tenant: &TenantId, (first, last): (&TaskId, &TaskId), ended: Timestamp, lines: &str) -> String {
    let digest = hex::encode(&sha256(lines.as_bytes())[..DIGEST_BYTES]);
    format!("{tenant}/{}/{first}-{last}-{digest}.jsonl", ended.date_path())
}

#[async_trait]
pub trait UsageSink: Send + Sync {
    /// Names the place: what was exported to it is remembered under this name.
    fn place(&self) -> &str;

    /// Takes a batch; durable when it returns. The same one may come again.
    async fn take(&self, batch: UsageBatch) -> Result<()>;
}
