//! The comparison itself: every bill finds its task, and every charged task its bill.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Finding, FindingCode, Margin, ReconcileReport, Totals};
use super::{Bill, ListedRun};
use crate::base::id::{ModelId, RunId, TaskId, TenantId};
use crate::domain::metering::usage::Window;
use crate::domain::money::MicroUsd;
use crate::domain::task::Task;

/// What a comparison needs of one task that reached the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    pub tenant: TenantId,
    pub task: TaskId,
    pub model: ModelId,
    pub run: RunId,
    pub over: bool,
    /// Whether the task was made in the window.
    pub in_window: bool,
    /// What the provider asked for when the task was submitted.
    pub quoted: MicroUsd,
    pub price: MicroUsd,
    pub charged: MicroUsd,
}

impl Sold {
    /// `None` for a task that names no run.
    pub fn of(task: &Task, window: Window) -> Option<Self> {
        Some(Self {
            tenant: task.tenant.clone(),
            task: task.id.clone(),
            model: task.model.clone(),
            run: task.run.clone()?,
            over: task.state.is_end(),
            in_window: window.holds(task.created_at),
            quoted: task.cost,
            price: task.price,
            charged: task.charged,
        })
    }
}

/// Both sides, as they were read.
#[derive(Debug, Default)]
pub struct Books {
    /// The provider's bills of the window.
    pub bills: Vec<Bill>,
    /// The runs that it lists in the window.
    pub runs: Vec<ListedRun>,
    /// Our tasks with runs, those of the window and those before it whose run may lie in it.
    pub sold: Vec<Sold>,
    /// Runs of charged tasks that were made in the window, for which the provider has no bill at
    /// all.
    pub unbilled: BTreeSet<RunId>,
    /// Tasks that were given up before anybody knew their run, by the run that turned out to be
    /// theirs.
    pub given_up: BTreeMap<RunId, (TenantId, TaskId)>,
    /// How many tasks of a model were sent and wait to learn their run: so many of nobody's runs
    /// may be theirs.
    pub in_doubt: BTreeMap<ModelId, u64>,
    /// How many tasks of the window wait to be sent.
    pub unsent: u64,
}

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

/// Tasks that go on: those of the window, and older ones that were billed in it.
fn open(books: &Books, bills: &BTreeMap<&RunId, Vec<&Bill>>) -> u64 {
    let counts = |sold: &&Sold| !sold.over && (sold.in_window || bills.contains_key(&sold.run));
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

/// The report while it is made.
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
                "the provider deducted {} times for this run; ask the provider for the rest",
                bills.len()
            );
            self.find(FindingCode::BilledTwice, sold, billed, text);
        } else if billed != sold.quoted {
            let text = format!(
                "the provider had asked for {} and deducted {billed}; see whether its prices changed",
                sold.quoted
            );
            self.find(FindingCode::PriceDrift, sold, billed, text);
        }
        if sold.over
            && billed > MicroUsd::ZERO
            && sold.charged == MicroUsd::ZERO
            && sold.price > MicroUsd::ZERO
        {
            let text = format!(
                "the provider deducted {billed} and the tenant was charged nothing; its timeline says why"
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
            ", nor does it list it: it has forgotten the run, or is not the one that ran it"
        };
        let text = format!(
            "the tenant was charged {} and the provider has no bill for the run{why}",
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
                "the run of a task that was given up before anybody knew it; nothing was charged for it".to_owned()
            }
            None => format!("no task owns this run of '{model}'; somebody else may use the provider's key"),
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

    /// Whether a task of the model still waits to learn its run; each explains one.
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
                margin: MicroUsd::ZERO,
            });
        margin.runs += 1;
        margin.charged_runs += u64::from(sold.charged > MicroUsd::ZERO);
        margin.billed = plus(margin.billed, billed);
        margin.charged = plus(margin.charged, sold.charged);
        margin.margin = minus(margin.charged, margin.billed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Timestamp;

    const WINDOW: Window = Window {
        from: Timestamp(0),
        until: Timestamp(1_000),
    };

    fn run(text: &str) -> RunId {
        RunId::parse(text).unwrap()
    }

    fn bill(of: &str, price: i64) -> Bill {
        let id = format!("bill-{of}-{price}");
        Bill {
            id,
            run: run(of),
            model: "a/b".to_owned(),
            price: MicroUsd(price),
            created_at: Timestamp(1),
        }
    }

    fn sold(of: &str, charged: i64) -> Sold {
        Sold {
            tenant: TenantId::parse("acme").unwrap(),
            task: TaskId::parse(&"0".repeat(32)).unwrap(),
            model: ModelId::parse("a/b").unwrap(),
            run: run(of),
            over: true,
            in_window: true,
            quoted: MicroUsd(80),
            price: MicroUsd(100),
            charged: MicroUsd(charged),
        }
    }

    fn codes(report: &ReconcileReport) -> Vec<(&'static str, &str)> {
        report
            .findings
            .iter()
            .map(|finding| (finding.code.as_str(), finding.run.as_str()))
            .collect()
    }

    #[test]
    fn books_that_agree_give_margins_and_no_findings() {
        let books = Books {
            bills: vec![bill("r1", 80), bill("r2", 80)],
            sold: vec![sold("r1", 100), sold("r2", 100)],
            ..Books::default()
        };

        let report = compare(WINDOW, &books);

        assert_eq!(codes(&report), []);
        assert_eq!(
            (report.margins[0].runs, report.margins[0].charged_runs),
            (2, 2)
        );
        let Totals {
            bills,
            tasks,
            billed,
            charged,
            margin,
            ..
        } = report.totals;
        assert_eq!(
            (bills, tasks, billed.0, charged.0, margin.0),
            (2, 2, 160, 200, 40)
        );
    }

    #[test]
    fn a_run_of_nobody_s_is_an_orphan_only_when_no_task_still_waits_for_its_own() {
        let books = Books {
            bills: vec![bill("one", 80), bill("two", 80)],
            in_doubt: BTreeMap::from([(ModelId::parse("a/b").unwrap(), 1)]),
            ..Books::default()
        };

        let report = compare(WINDOW, &books);

        assert_eq!(codes(&report), [("orphan", "two")]);
        assert_eq!(
            (
                report.totals.open,
                report.totals.orphaned.0,
                report.totals.billed.0
            ),
            (1, 80, 160)
        );
    }

    #[test]
    fn each_difference_is_found_and_named() {
        let going_on = Sold {
            over: false,
            charged: MicroUsd::ZERO,
            ..sold("goes-on", 0)
        };
        let books = Books {
            bills: vec![
                bill("drift", 81),
                bill("twice", 80),
                bill("twice", 79),
                bill("free", 80),
                bill("lost", 80),
                bill("goes-on", 80),
            ],
            runs: ["listed", "unbilled"]
                .map(|it| ListedRun {
                    run: run(it),
                    model: String::new(),
                })
                .into(),
            sold: vec![
                sold("drift", 100),
                sold("twice", 100),
                sold("free", 0),
                sold("unbilled", 100),
                going_on,
            ],
            unbilled: BTreeSet::from([run("unbilled")]),
            given_up: BTreeMap::from([(
                run("lost"),
                (
                    TenantId::parse("acme").unwrap(),
                    TaskId::parse(&"1".repeat(32)).unwrap(),
                ),
            )]),
            ..Books::default()
        };

        let report = compare(WINDOW, &books);

        let wanted = [
            ("orphan", "listed"),
            ("orphan", "lost"),
            ("billed_twice", "twice"),
            ("price_drift", "drift"),
            ("not_charged", "free"),
            ("not_billed", "unbilled"),
        ];
        assert_eq!(codes(&report), wanted);
        assert_eq!(
            report.findings[1].task.as_ref().unwrap().as_str(),
            "1".repeat(32)
        );
        assert_eq!((report.totals.orphaned.0, report.totals.open), (80, 1));
        assert_eq!(report.totals.billed.0, 81 + 159 + 80 + 80 + 80);
        assert_eq!(
            (
                report.totals.charged.0,
                report.totals.unbilled.0,
                report.totals.forgotten
            ),
            (300, 100, 0)
        );
    }

    #[test]
    fn a_provider_that_forgot_its_runs_leaves_no_margin_and_is_said() {
        let books = Books {
            bills: vec![bill("kept", 80)],
            sold: vec![sold("kept", 100), sold("forgotten", 100), sold("too", 50)],
            unbilled: BTreeSet::from([run("forgotten"), run("too")]),
            ..Books::default()
        };

        let report = compare(WINDOW, &books);

        assert_eq!(
            codes(&report),
            [("not_billed", "forgotten"), ("not_billed", "too")]
        );
        assert!(
            report.findings[0].text.contains("forgotten the run"),
            "{}",
            report.findings[0].text
        );
        let Totals {
            tasks,
            charged,
            unbilled,
            margin,
            forgotten,
            ..
        } = report.totals;
        assert_eq!(
            (tasks, charged.0, unbilled.0, margin.0, forgotten),
            (3, 250, 150, 20, 2)
        );
        assert_eq!(
            report.margins.iter().map(|line| line.margin.0).sum::<i64>(),
            margin.0,
            "the lines agree"
        );
    }

    #[test]
    fn whoever_goes_on_is_counted_whatever_the_provider_knows_of_it() {
        let open = |of: &str| Sold {
            over: false,
            charged: MicroUsd::ZERO,
            ..sold(of, 0)
        };
        let earlier = |of: &str| Sold {
            in_window: false,
            ..open(of)
        };
        let books = Books {
            bills: vec![bill("billed", 80), bill("earlier-billed", 80)],
            sold: vec![
                open("billed"),
                open("not-yet"),
                earlier("earlier-billed"),
                earlier("earlier"),
            ],
            in_doubt: BTreeMap::from([(ModelId::parse("a/b").unwrap(), 2)]),
            unsent: 3,
            ..Books::default()
        };

        let Totals { open, in_doubt, .. } = compare(WINDOW, &books).totals;

        assert_eq!((open, in_doubt), (3 + 2 + 3, 2));
    }
}
