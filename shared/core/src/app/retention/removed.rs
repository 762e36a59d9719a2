//! Who reads tasks of a time whose tasks were removed is told so, and gets no part of the truth.

use crate::app::Context;
use crate::base::day::Day;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;

impl Context {
    /// Kind `Unprocessable` with code `tasks_removed` if tasks that were made from this moment on
    /// may have been removed.
    pub(in crate::app) async fn check_not_removed(
        &self,
        tenant: &TenantId,
        from: Timestamp,
    ) -> Result<()> {
        let removed_to = self.tasks().removed_to(tenant).await?;
        let Some(last) = removed_to.filter(|to| *to >= TaskId::lowest_at(from)) else {
            return Ok(());
        };
        let earliest = Day::of(last.made_at().plus_ms(self.bounds.task_life_ms())).next();
        let text = format!(
            "the tasks of that time were kept long enough and have been removed; ask from {earliest} on, or for the usage of whole days, the statement or the ledger, which stay"
        );
        Err(Error::new(Kind::Unprocessable, "tasks_removed", text).field("from"))
    }
}
