//! A tenant's limits as arguments.

use anyhow::{Result, anyhow};
use clap::Args;
use fluxgate_core::tenant::Limits;

/// Limits left out keep their values.
#[derive(Args)]
#[command(next_help_heading = "Limits, each a number or 'none'")]
pub(super) struct LimitsArgs {
    /// Requests per second on average; polling a result once a second is not counted
    #[arg(long, value_name = "N", value_parser = limit)]
    requests_per_second: Option<Limit>,
    /// Requests that may come at once after a pause; 'none' for one second's worth
    #[arg(long, value_name = "N", value_parser = limit)]
    burst: Option<Limit>,
    /// Tasks in flight
    #[arg(long, value_name = "N", value_parser = limit)]
    tasks_in_flight: Option<Limit>,
    /// The share of the provider's account while other tenants wait too; 'none' for 1
    #[arg(long, value_name = "N", value_parser = limit)]
    weight: Option<Limit>,
}

/// `None` means no limit.
#[derive(Debug, Clone, Copy)]
struct Limit(Option<u32>);

fn limit(text: &str) -> Result<Limit> {
    if text == "none" {
        return Ok(Limit(None));
    }
    text.parse()
        .map(|number| Limit(Some(number)))
        .map_err(|_| anyhow!("write a whole number, or 'none'"))
}

impl LimitsArgs {
    /// `None` when nothing is to change.
    pub(super) fn of(self, now: Limits) -> Option<Limits> {
        let merge = |wanted: Option<Limit>, now: Option<u32>| wanted.map_or(now, |limit| limit.0);
        let limits = Limits {
            requests_per_second: merge(self.requests_per_second, now.requests_per_second),
            burst: merge(self.burst, now.burst),
            tasks_in_flight: merge(self.tasks_in_flight, now.tasks_in_flight),
            weight: merge(self.weight, now.weight),
        };
        let given = [
            self.requests_per_second,
            self.burst,
            self.tasks_in_flight,
            self.weight,
        ];
        given.iter().any(Option::is_some).then_some(limits)
    }
}
