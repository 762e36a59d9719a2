//! How long a tenant's data is kept, within the operator's bounds.

use serde::{Deserialize, Serialize};

use crate::base::bounds::{Bounds, DAY_MS};
use crate::base::error::{Error, Result};

/// A tenant's own terms, in days; absent fields are as the operator's bounds say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionDays {
    /// How long the inputs and the callback URL of a task are kept after its submit; at most
    /// `inputs_kept_ms`, and as long as the task runs in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub inputs_days: Option<u32>,
    /// How long tasks are kept; at most `tasks_kept_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub tasks_days: Option<u32>,
    /// How long it is kept what receivers answered to callbacks; at most `deliveries_kept_ms`,
    /// after which deliveries are removed in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub deliveries_days: Option<u32>,
}

impl RetentionDays {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Kind `Invalid` with code `invalid_retention`, naming the field, for a time beyond the
    /// operator's bounds.
    pub fn check(&self, bounds: &Bounds) -> Result<()> {
        let tasks_least = bounds.tasks_needed_ms().div_ceil(DAY_MS);
        let fields = [
            ("inputs_days", self.inputs_days, 1, bounds.inputs_kept_ms),
            (
                "tasks_days",
                self.tasks_days,
                tasks_least,
                bounds.tasks_kept_ms.max(tasks_least * DAY_MS),
            ),
            (
                "deliveries_days",
                self.deliveries_days,
                1,
                bounds.relay.deliveries_kept_ms,
            ),
        ];
        for (field, days, least, most_ms) in fields {
            let most = most_ms / DAY_MS;
            let Some(days) = days.map(u64::from) else {
                continue;
            };
            if days < least || days > most {
                let text = format!(
                    "a tenant's data is kept for {least} to {most} days, as the operator's bounds say; leave it out for {most}"
                );
                return Err(Error::invalid("invalid_retention", text).field(field));
            }
        }
        Ok(())
    }

    /// For how long inputs and callback URLs are told, once their task has ended.
    pub fn inputs_kept_ms(&self, bounds: &Bounds) -> u64 {
        shorter(bounds.inputs_kept_ms, self.inputs_days)
    }

    /// For how long they are stored: no task that still runs, and no callback under way, loses
    /// them.
    pub fn inputs_stored_ms(&self, bounds: &Bounds) -> u64 {
        self.inputs_kept_ms(bounds).max(bounds.inputs_needed_ms())
    }

    /// For how long it is kept what receivers answered; `None` as long as the delivery.
    pub fn answers_kept_ms(&self, bounds: &Bounds) -> Option<u64> {
        self.deliveries_days?;
        Some(shorter(
            bounds.relay.deliveries_kept_ms,
            self.deliveries_days,
        ))
    }

    /// For how long tasks are kept.
    pub fn tasks_kept_ms(&self, bounds: &Bounds) -> u64 {
        shorter(bounds.tasks_kept_ms, self.tasks_days).max(bounds.tasks_needed_ms())
    }
}

fn shorter(bound_ms: u64, days: Option<u32>) -> u64 {
    days.map_or(bound_ms, |days| bound_ms.min(u64::from(days) * DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_inputs(days: u32) -> RetentionDays {
        RetentionDays {
            inputs_days: Some(days),
            ..RetentionDays::default()
        }
    }

    #[test]
    fn a_time_beyond_the_operator_s_bounds_is_refused_by_name() {
        let bounds = Bounds::default();
        let tasks = |days| RetentionDays {
            tasks_days: Some(days),
            ..RetentionDays::default()
        };

        let refused = |days: RetentionDays| days.check(&bounds).unwrap_err().field.unwrap();
        assert_eq!(refused(of_inputs(0)), "inputs_days");
        assert_eq!(refused(of_inputs(31)), "inputs_days");
        assert_eq!(refused(tasks(41)), "tasks_days");
        assert_eq!(refused(tasks(401)), "tasks_days");
        for days in [of_inputs(1), of_inputs(30), tasks(42), tasks(400)] {
            days.check(&bounds).unwrap();
        }
    }

    #[test]
    fn inputs_are_stored_as_long_as_a_task_may_need_them() {
        let bounds = Bounds::default();

        assert_eq!(of_inputs(1).inputs_kept_ms(&bounds), DAY_MS);
        assert_eq!(
            of_inputs(1).inputs_stored_ms(&bounds),
            bounds.inputs_needed_ms()
        );
        assert_eq!(
            RetentionDays::default().inputs_stored_ms(&bounds),
            30 * DAY_MS
        );
    }
}
