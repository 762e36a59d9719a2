//! How long a tenant's data is kept, as arguments.

use anyhow::{Result, anyhow};
use clap::Args;
use fluxgate_core::tenant::RetentionDays;

/// Times left out keep their values.
#[derive(Args)]
#[command(next_help_heading = "How long its data is kept, each a number of days or 'default'")]
pub(super) struct RetentionArgs {
    /// Inputs and callback URLs, counted from the submit
    #[arg(long, value_name = "DAYS", value_parser = days)]
    inputs_days: Option<Days>,
    /// Tasks; their ledger lines stay
    #[arg(long, value_name = "DAYS", value_parser = days)]
    tasks_days: Option<Days>,
    /// What receivers answered to callbacks
    #[arg(long, value_name = "DAYS", value_parser = days)]
    deliveries_days: Option<Days>,
}

/// `None` means as long as the operator's bounds say.
#[derive(Debug, Clone, Copy)]
struct Days(Option<u32>);

fn days(text: &str) -> Result<Days> {
    if text == "default" {
        return Ok(Days(None));
    }
    text.parse()
        .map(|number| Days(Some(number)))
        .map_err(|_| anyhow!("write a whole number of days, or 'default'"))
}

impl RetentionArgs {
    /// `None` when nothing is to change.
    pub(super) fn of(self, now: RetentionDays) -> Option<RetentionDays> {
        let asked = [self.inputs_days, self.tasks_days, self.deliveries_days];
        if asked.iter().all(Option::is_none) {
            return None;
        }
        let [inputs_days, tasks_days, deliveries_days] = asked;
        let changed = |asked: Option<Days>, now| asked.map_or(now, |days| days.0);
        Some(RetentionDays {
            inputs_days: changed(inputs_days, now.inputs_days),
            tasks_days: changed(tasks_days, now.tasks_days),
            deliveries_days: changed(deliveries_days, now.deliveries_days),
        })
    }
}
