//! Compares the books: matches every bill with its task, and every charged task with its bill.

use std::collections::{BTreeMap, BTreeSet};

use super::Bill;
use super::books::{Books, Sold};
use super::report::{Finding, FindingCode, Margin, ReconcileReport, Totals};
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;

/// Compares the books of a window.
pub fn compare(window: Window, books: &Books) -> ReconcileReport {
    let sold: BTreeMap<&RunId, &Sold> = books.sold.iter().map(|sold| (&sold.run, sold)).collect();
    let mut bills: BTreeMap<&RunId, Vec<&Bill>> = BTreeMap::new();
    for bill in &books.bills {
        bills.entry(&bill.run).or_default().push(bill);
    }
    let mut tally = Tally::new(&books.given_up, books.in_doubt.clone());
    tally.totals.open = open(books, &bills);
    for (run, bills) in &bills {
        match sold.get(*run) {
            Some(sold) => tally.owned(sold, bills),
            None => tally.orphan(run, &bills[0].model, sum(bills)),
        }
    }
    for listed in &books.runs {
        if !bills.contains_key(&listed.run) && !sold.contains_key(&listed.run) {
            tally.orphan(&listed.run, &listed.model, MicroUsd::ZERO);
        }
    }
    let listed: BTreeSet<&RunId> = books.runs.iter().map(|listed| &listed.run).collect();
    for run in &books.unbilled {
        if let Some(sold) = sold.get(run).filter(|_| !bills.contains_key(run)) {
            tally.not_billed(sold, listed.contains(run));
        }
    }
    tally.report(window, books.bills.len())
}

/// Number of running tasks: those of the window, and older ones that were billed in it.
fn open(books: &Books, bills: &BTreeMap<&RunId, Vec<&Bill>>) -> u64 {
    let counts = |sold: &&Sold| !sold.ended && (sold.in_window || bills.contains_key(&sold.run));
    books.sold.iter().filter(counts).count() as u64
        + books.in_doubt.values().sum::<u64>()
        + books.unsent
}

fn sum(bills: &[&Bill]) -> MicroUsd {
    MicroUsd(
        bills
            .iter()
            .fold(0, |sum, bill| sum.saturating_add(bill.price.0)),
    )
}

/// The report under construction.
struct Tally<'a> {
    margins: BTreeMap<(&'a TenantId, &'a ModelId), Margin>,
    totals: Totals,
    findings: Vec<Finding>,
    given_up: &'a BTreeMap<RunId, (TenantId, TaskId)>,
    in_doubt: BTreeMap<ModelId, u64>,
}

impl<'a> Tally<'a> {
    fn new(
        given_up: &'a BTreeMap<RunId, (TenantId, TaskId)>,
        in_doubt: BTreeMap<ModelId, u64>,
    ) -> Self {
        let totals = Totals {
            in_doubt: in_doubt.values().sum(),
            ..Totals::default()
        };
        Self {
            margins: BTreeMap::new(),
            totals,
            findings: Vec::new(),
            given_up,
            in_doubt,
        }
    }

    fn owned(&mut self, sold: &'a Sold, bills: &[&Bill]) {
        let billed = sum(bills);
        self.count(sold, billed);
        if bills.len() > 1 {
            let text = format!(
                "the provider deducted {} times for this run; ask it to refund the difference",
                bills.len()
            );
            self.find(FindingCode::BilledTwice, sold, billed, text);
        } else if billed != sold.quoted {
            let text = format!(
                "the provider quoted {} but deducted {billed}; check whether its prices have changed",
                sold.quoted
            );
            self.find(FindingCode::PriceDrift, sold, billed, text);
        }
        if sold.ended
            && billed > MicroUsd::ZERO
            && sold.charged == MicroUsd::ZERO
            && sold.price > MicroUsd::ZERO
        {
            let text = format!(
                "the provider deducted {billed}, but the tenant was not charged; see the task's timeline for the reason"
            );
            self.find(FindingCode::NotCharged, sold, billed, text);
        }
    }

    fn not_billed(&mut self, sold: &'a Sold, is_listed: bool) {
        self.totals.tasks += 1;
        self.totals.charged = plus(self.totals.charged, sold.charged);
        self.totals.unbilled = plus(self.totals.unbilled, sold.charged);
        self.totals.forgotten += u64::from(!is_listed);
        let why = if is_listed {
            ""
        } else {
            " and does not list it: it has forgotten the run, or a different provider ran it"
        };
        let text = format!(
            "the tenant was charged {}, but the provider has no bill for the run{why}",
            sold.charged
        );
        self.find(FindingCode::NotBilled, sold, MicroUsd::ZERO, text);
    }

    fn orphan(&mut self, run: &RunId, model: &str, billed: MicroUsd) {
        self.totals.billed = plus(self.totals.billed, billed);
        if !self.given_up.contains_key(run) && self.may_be_in_doubt(model) {
            return;
        }
        self.totals.orphaned = plus(self.totals.orphaned, billed);
        let (tenant, task) = self.given_up.get(run).cloned().unzip();
        let text = match &task {
            Some(_) => {
                "this run belongs to a task that was given up before the run was known; nothing was charged for it".to_owned()
            }
            None => format!("no task owns this run of '{model}'; somebody else may be using the provider key, or it is of a time that a restoration lost"),
        };
        let (quoted, charged) = (MicroUsd::ZERO, MicroUsd::ZERO);
        self.findings.push(Finding {
            code: FindingCode::Orphan,
            run: run.clone(),
            tenant,
            task,
            billed,
            quoted,
            charged,
            text,
        });
    }

    /// Whether a task of the model still does not know its run; each such task explains one run.
    fn may_be_in_doubt(&mut self, model: &str) -> bool {
        let waiting = ModelId::parse(model)
            .ok()
            .and_then(|model| self.in_doubt.get_mut(&model));
        waiting.is_some_and(|left| left.checked_sub(1).map(|fewer| *left = fewer).is_some())
    }

    fn count(&mut self, sold: &'a Sold, billed: MicroUsd) {
        let margin = self
            .margins
            .entry((&sold.tenant, &sold.model))
            .or_insert_with(|| Margin {
                tenant: sold.tenant.clone(),
                model: sold.model.clone(),
                runs: 0,
                charged_runs: 0,
                billed: MicroUsd::ZERO,
                charged: MicroUsd::ZERO,
                refunded: MicroUsd::ZERO,
                margin: MicroUsd::ZERO,
            });
        margin.runs += 1;
        margin.charged_runs += u64::from(sold.charged > MicroUsd::ZERO);
        margin.billed = plus(margin.billed, billed);
        margin.charged = plus(margin.charged, sold.charged);
        margin.refunded = plus(margin.refunded, sold.refunded);
        margin.margin = minus(minus(margin.charged, margin.refunded), margin.billed);
        self.totals.refunded = plus(self.totals.refunded, sold.refunded);
        self.totals.tasks += 1;
        self.totals.billed = plus(self.totals.billed, billed);
        self.totals.charged = plus(self.totals.charged, sold.charged);
    }

    fn find(&mut self, code: FindingCode, sold: &Sold, billed: MicroUsd, text: String) {
        self.findings.push(Finding {
            code,
            run: sold.run.clone(),
            tenant: Some(sold.tenant.clone()),
            task: Some(sold.task.clone()),
            billed,
            quoted: sold.quoted,
            charged: sold.charged,
            text,
        });
    }

    fn report(mut self, window: Window, bills: usize) -> ReconcileReport {
        self.findings
            .sort_by(|one, other| (one.code, &one.run).cmp(&(other.code, &other.run)));
        self.totals.bills = bills as u64;
        let earned = minus(self.totals.charged, self.totals.unbilled);
        let earned = minus(earned, self.totals.refunded);
        self.totals.margin = minus(earned, self.totals.billed);
        ReconcileReport {
            window,
            margins: self.margins.into_values().collect(),
            totals: self.totals,
            findings: self.findings,
        }
    }
}

fn plus(one: MicroUsd, other: MicroUsd) -> MicroUsd {
    MicroUsd(one.0.saturating_add(other.0))
}

fn minus(one: MicroUsd, other: MicroUsd) -> MicroUsd {
    MicroUsd(one.0.saturating_sub(other.0))
}
