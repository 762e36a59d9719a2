//! Reads both sides of a reconcile: the provider's books and ours.

use std::collections::{BTreeMap, BTreeSet};

use super::Operator;
use crate::app::everybody::everybody;
use crate::app::machine::orphaned_run;
use crate::app::metering::{Span, each_task};
use crate::base::day::Day;
use crate::base::error::Result;
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::metering::reconcile::{Bill, Books, ReconcileReport, Sold, compare, last_days};
use crate::domain::metering::usage::Window;
use crate::domain::money::Zone;
use crate::domain::task::{State, Task};
use crate::port::ProviderBooks;

/// Runs asked for at once; the provider's own limit of a page.
const RUNS_AT_ONCE: usize = 100;

/// Our side of a window.
#[derive(Default)]
struct Ours {
    sold: Vec<Sold>,
    /// Runs of charged tasks that were created in the window.
    charged: Vec<RunId>,
    /// Tasks that have ended, were sent, and have no run.
    unresolved: Vec<(TenantId, TaskId)>,
    /// Number of tasks that were sent, have not ended, and have no run yet.
    in_doubt: BTreeMap<ModelId, u64>,
    /// Number of the window's tasks that have not been sent yet.
    unsent: u64,
}

impl Operator {
    /// Compares what tenants were charged with what the provider deducted on these days; by default
    /// the last seven. Read-only.
    ///
    /// Kind `Unavailable` with code `provider_unknown` if no provider is configured, or as the
    /// provider's API fails; kind `Invalid` with code `window_too_full` if there is too much to
    /// compare at once; kind `Unprocessable` with code `tasks_removed` if our tasks of these days
    /// were removed.
    pub async fn reconcile(&self, from: Option<Day>, to: Option<Day>) -> Result<ReconcileReport> {
        let days = last_days(from, to, self.now());
        days.check()?;
        // The provider's days are those of UTC.
        let window = days.window(&Zone::default());
        let provider = self.provider_books()?;
        let bills = provider.bills(&window).await?;
        let runs = provider.runs(&window).await?;
        let ours = self.ours(window).await?;
        let unbilled = unbilled(provider, &bills, &ours.charged).await?;
        let given_up = self.given_up(&ours.unresolved).await?;
        let Ours {
            sold,
            in_doubt,
            unsent,
            ..
        } = ours;
        Ok(compare(
            window,
            &Books {
                bills,
                runs,
                sold,
                unbilled,
                given_up,
                in_doubt,
                unsent,
            },
        ))
    }

    async fn ours(&self, window: Window) -> Result<Ours> {
        let mut ours = Ours::default();
        // A run that is billed in the window may be that of a task from before it.
        let made = Window {
            from: self.context.bounds.earliest_made(window.from),
            until: window.until,
        };
        for tenant in everybody(self.context.tenants(), Timestamp(0)).await? {
            let show = |task: &Task| ours.add(task, window);
            self.context.check_not_removed(&tenant, made.from).await?;
            each_task(
                self.context.tasks(),
                &self.context.bounds,
                &tenant,
                Span {
                    made,
                    from: window.from,
                },
                show,
            )
            .await?;
        }
        Ok(ours)
    }

    /// The runs that turned out to be those of tasks which had been given up.
    async fn given_up(
        &self,
        tasks: &[(TenantId, TaskId)],
    ) -> Result<BTreeMap<RunId, (TenantId, TaskId)>> {
        let mut runs = BTreeMap::new();
        for (tenant, task) in tasks {
            let steps = self.context.tasks().timeline(tenant, task).await?;
            let orphaned = steps.iter().filter_map(orphaned_run);
            runs.extend(orphaned.map(|run| (run, (tenant.clone(), task.clone()))));
        }
        Ok(runs)
    }
}

impl Ours {
    fn add(&mut self, task: &Task, window: Window) {
        match Sold::of(task, window) {
            Some(sold) => {
                if task.state == State::Completed && sold.in_window {
                    self.charged.push(sold.run.clone());
                }
                self.sold.push(sold);
            }
            None if task.state.is_end() && task.submits > 0 => {
                self.unresolved.push((task.tenant.clone(), task.id.clone()));
            }
            None if matches!(task.state, State::Submitting | State::Unknown) => {
                *self.in_doubt.entry(task.model.clone()).or_default() += 1;
            }
            None => self.unsent += u64::from(!task.state.is_end() && window.holds(task.created_at)),
        }
    }
}

/// The charged runs for which the provider has no bill, neither in the window nor at its edges.
async fn unbilled(
    provider: &dyn ProviderBooks,
    bills: &[Bill],
    charged: &[RunId],
) -> Result<BTreeSet<RunId>> {
    let billed: BTreeSet<&RunId> = bills.iter().map(|bill| &bill.run).collect();
    let mut missing: BTreeSet<RunId> = charged
        .iter()
        .filter(|run| !billed.contains(run))
        .cloned()
        .collect();
    let asked: Vec<RunId> = missing.iter().cloned().collect();
    for runs in asked.chunks(RUNS_AT_ONCE) {
        for bill in provider.bills_of(runs).await? {
            missing.remove(&bill.run);
        }
    }
    Ok(missing)
}
