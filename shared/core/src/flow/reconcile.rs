//! An ambiguous submit is never sent again: it is looked for in the upstream's own list.

use serde_json::Value;

use super::Fluxgate;
use super::media::is_replaced;
use super::send::parse_inputs;
use crate::error::Result;
use crate::task::{Failure, Task, Via};
use crate::time::Timestamp;
use crate::upstream::UpstreamRun;

/// How far the upstream's clock may differ from ours.
const CLOCK_SKEW_MS: u64 = 60_000;

impl Fluxgate {
    pub(super) async fn reconcile(&self, task: Task) -> Result<Task> {
        let run = match self.own_run(&task).await {
            // Without the list nobody can say that the run does not exist; wait, but not for ever.
            Err(error) if self.now().since_ms(task.since) < self.bounds().run_max_ms => return Err(error),
            found => found.unwrap_or(None),
        };
        if let Some(run) = run {
            return Ok(self.signal(task, run.signal(Via::Reconcile)).await?.task());
        }
        if self.now().since_ms(task.since) < self.bounds().unknown_max_ms {
            return Ok(task);
        }
        let text =
            "nobody can tell whether the model took the task; nothing was charged, submit it again with a new key";
        self.give_up(task, Failure::new(5000, "submit_unresolved", text)).await
    }

    /// The oldest run with this task's inputs that no task owns. Only runs old enough are looked at: a younger one may belong
    /// to a submit that is still waiting for its answer.
    ///
    /// Inputs that were replaced on their way (a `data:` picture becomes an upload) cannot be told from another tenant's with
    /// the same prompt, so such a task is only ever proven by its own webhook.
    async fn own_run(&self, task: &Task) -> Result<Option<UpstreamRun>> {
        let inputs = parse_inputs(&self.ports.tasks.inputs(&task.tenant, &task.id).await?);
        if inputs.as_object().is_none_or(|inputs| inputs.values().any(is_replaced)) {
            return Ok(None);
        }
        // The POST left after the task was made and before it came into doubt.
        let since = Timestamp(task.created_at.0.saturating_sub(i64::try_from(CLOCK_SKEW_MS).unwrap_or(0)));
        let runs = self.ports.upstream.runs_between(&task.model, since, task.since.plus_ms(CLOCK_SKEW_MS)).await?;
        let settled = |run: &UpstreamRun| {
            run.created_at.is_some_and(|at| self.now().since_ms(at) > self.bounds().submit_timeout_ms)
        };
        let alike = |run: &UpstreamRun| run.inputs.as_ref().is_some_and(|theirs| same_inputs(&inputs, theirs));
        let mut candidates: Vec<UpstreamRun> = runs.into_iter().filter(|run| settled(run) && alike(run)).collect();
        candidates.sort_by_key(|run| run.created_at);
        let ids: Vec<_> = candidates.iter().map(|run| run.id.clone()).collect();
        let claimed = self.ports.tasks.claimed(&ids).await?;
        Ok(candidates.into_iter().find(|run| !claimed.contains(&run.id)))
    }
}

/// True when upstream's echo holds all that was sent. It may add defaults.
fn same_inputs(ours: &Value, theirs: &Value) -> bool {
    let Some(ours) = ours.as_object() else { return false };
    ours.iter().all(|(name, value)| theirs.get(name).is_some_and(|echo| same_value(value, echo)))
}

/// A vendor may write 4.0 back as 4.
fn same_value(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(ours), Value::Number(theirs)) => ours == theirs || ours.as_f64() == theirs.as_f64(),
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same_value(ours, theirs))
        }
        _ => ours == theirs,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_echo_may_add_defaults_and_write_numbers_its_own_way_and_nothing_else() {
        let ours = json!({ "prompt": "x", "guidance_scale": 4.0 });

        assert!(same_inputs(&ours, &json!({ "prompt": "x", "guidance_scale": 4, "seed": -1 })));
        assert!(!same_inputs(&ours, &json!({ "prompt": "y", "guidance_scale": 4 })));
        assert!(!same_inputs(&ours, &json!({ "guidance_scale": 4 })));
    }
}
