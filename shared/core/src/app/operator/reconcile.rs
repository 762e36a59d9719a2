//! Reading both sides of a reconcile: the provider's books and ours.

use std::collections::{BTreeMap, BTreeSet};

use super::Operator;
use crate::app::machine::orphaned_run;
use crate::app::metering::{Span, each_task};
use crate::base::day::Day;
use crate::base::error::Result;
use crate::base::id::{AuditId, ModelId, RunId, TaskId, TenantId};
use crate::domain::metering::reconcile::{Bill, Books, ReconcileReport, Sold, compare, last_days};
use crate::domain::metering::usage::Window;
use crate::domain::task::{State, Task};
use crate::domain::tenant::AuditAction;
use crate::port::ProviderBooks;

/// How long after its task was made a run may begin: as long as a task may wait for the provider,
/// and some more.
const BEGINS_WITHIN_MS: i64 = 2 * 86_400_000;
/// Runs asked for at once; the provider's own limit of a page.
const RUNS_AT_ONCE: usize = 100;
/// Entries of the audit log read at once.
const ENTRIES: usize = 200;

/// Our side, as far as a window needs it.
#[derive(Default)]
struct Ours {
    sold: Vec<Sold>,
    /// Runs of tasks that were made in the window and charged.
    charged: Vec<RunId>,
    /// Tasks that are over, were sent, and name no run.
    unresolved: Vec<(TenantId, TaskId)>,
    /// How many tasks were sent, are not over, and name no run yet.
    in_doubt: BTreeMap<ModelId, u64>,
    /// How many tasks of the window wait to be sent.
    unsent: u64,
}

impl Operator {
    /// Compares what tenants were charged with what the provider deducted on these days; where they
    /// are not named, on the last seven. Changes nothing.
    ///
    /// Kind `Unavailable` with code `provider_unknown` where nobody knows the provider, or as the
    /// provider's API fails; kind `Invalid` with code `window_too_full`, when there is more than
    /// can be compared at once.
    pub async fn reconcile(&self, from: Option<Day>, to: Option<Day>) -> Result<ReconcileReport> {
        let window = last_days(from, to, self.now()).window()?;
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
        let from = window.from.0.saturating_sub(BEGINS_WITHIN_MS);
        let made = Window {
            from: crate::base::time::Timestamp(from),
            until: window.until,
        };
        for tenant in self.everybody().await? {
            let show = |task: &Task| ours.add(task, window);
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

    /// The tenants, and those that were deleted: their books are kept.
    async fn everybody(&self) -> Result<BTreeSet<TenantId>> {
        let mut all: BTreeSet<TenantId> = self.context.tenants().ids().await?.into_iter().collect();
        let mut before: Option<AuditId> = None;
        loop {
            let entries = self
                .context
                .tenants()
                .audit_log(before.as_ref(), ENTRIES)
                .await?;
            let Some(last) = entries.last() else {
                return Ok(all);
            };
            before = Some(last.id.clone());
            let deleted = entries
                .into_iter()
                .filter(|entry| entry.action == AuditAction::TenantDeleted);
            all.extend(deleted.filter_map(|entry| entry.tenant));
        }
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

/// The runs for which the provider has no bill, neither in the window nor at its edges.
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
