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
        if self.inputs_days.is_none() && self.tasks_days.is_none() {
            return None;
        }
        Some(RetentionDays {
            inputs_days: self.inputs_days.map_or(now.inputs_days, |days| days.0),
            tasks_days: self.tasks_days.map_or(now.tasks_days, |days| days.0),
        })
    }
}
