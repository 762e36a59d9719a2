//! `fluxgate accounts budget`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Allowance, Budget, MicroUsd, Payment, RollOver, Zone};
use fluxgate_core::tenant::Actor;

use super::FolderArgs;
use serde_json::{Value, json};

use super::exit::usage;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct BudgetArgs {
    name: TenantId,
    /// The most that may be spent in a month, such as 500
    #[arg(long, value_name = "USD", value_parser = MicroUsd::parse_usd)]
    limit: Option<MicroUsd>,
    /// The time zone whose midnight starts a month, by its IANA name; default for a new budget: UTC
    #[arg(long, value_name = "ZONE", value_parser = Zone::parse)]
    time_zone: Option<Zone>,
    /// Whether what is unspent is added to the next month; default for a new budget: 'none'
    #[arg(long, value_enum)]
    roll_over: Option<RollOverRule>,
    /// The most that is rolled over
    #[arg(long, value_name = "USD", value_parser = MicroUsd::parse_usd)]
    roll_over_cap: Option<MicroUsd>,
    /// Ignore the balance: usage is billed afterwards
    #[arg(long)]
    postpaid: bool,
    /// A run must fit the balance as well; this is the default for a new budget
    #[arg(long, conflicts_with = "postpaid")]
    prepaid: bool,
    /// Remove the budget
    #[arg(long, conflicts_with_all = ["limit", "time_zone", "roll_over", "roll_over_cap", "postpaid", "prepaid"])]
    none: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RollOverRule {
    None,
    Unused,
}

/// Options left out keep their values; with no options, the budget is shown.
pub(super) async fn run(args: BudgetArgs) -> Result<()> {
    let operator = if args.changes_something() || args.none {
        args.folder.operator()?
    } else {
        args.folder.reader()?.operator(None)
    };
    let now = operator.budget(&args.name).await?;
    let month = if args.none {
        operator.set_budget(&args.name, None, &Actor::cli()).await?
    } else if args.changes_something() {
        let budget = args.budget(now.and_then(|month| month.budget))?;
        operator
            .set_budget(&args.name, Some(budget), &Actor::cli())
            .await?
    } else {
        now
    };
    let name = &args.name;
    args.print.print(&Facts {
        json: json!({ "tenant": name, "budget": month.as_ref().and_then(view) }),
        quiet: month
            .as_ref()
            .map_or_else(String::new, |month| month.left().decimal()),
        text: month.map_or_else(|| format!("{name}  no budget"), |month| line(name, &month)),
    })
}

impl BudgetArgs {
    fn changes_something(&self) -> bool {
        let named = [
            self.limit.is_some(),
            self.time_zone.is_some(),
            self.roll_over.is_some(),
            self.roll_over_cap.is_some(),
        ];
        named.contains(&true) || self.postpaid || self.prepaid
    }

    fn budget(&self, now: Option<Budget>) -> Result<Budget> {
        let limit = self.limit.or(now.as_ref().map(|now| now.limit_micro_usd));
        let limit_micro_usd =
            limit.ok_or_else(|| usage("there is no budget yet; create one with --limit"))?;
        let roll_over = self.roll_over(now.as_ref().map_or(RollOver::None, |now| now.roll_over))?;
        let payment = match (self.postpaid, self.prepaid) {
            (true, _) => Payment::Postpaid,
            (_, true) => Payment::Prepaid,
            _ => now.as_ref().map_or(Payment::Prepaid, |now| now.payment),
        };
        let time_zone = match (self.time_zone.clone(), now) {
            (Some(zone), _) => zone,
            (None, Some(now)) => now.time_zone,
            (None, None) => Zone::parse("UTC")?,
        };
        Ok(Budget {
            limit_micro_usd,
            time_zone,
            roll_over,
            payment,
        })
    }

    fn roll_over(&self, now: RollOver) -> Result<RollOver> {
        let cap_now = match now {
            RollOver::Unused { cap_micro_usd } => cap_micro_usd,
            RollOver::None => None,
        };
        let unused = match self.roll_over {
            Some(rule) => rule == RollOverRule::Unused,
            None => now != RollOver::None,
        };
        match (unused, self.roll_over_cap) {
            (true, cap) => Ok(RollOver::Unused {
                cap_micro_usd: cap.or(cap_now),
            }),
            (false, None) => Ok(RollOver::None),
            (false, Some(_)) => Err(usage(
                "--roll-over-cap has no effect without --roll-over unused; give both",
            )),
        }
    }
}

/// `None` once the budget was removed.
pub(super) fn view(month: &Allowance) -> Option<Value> {
    let budget = month.budget.as_ref()?;
    let (roll_over, cap) = match budget.roll_over {
        RollOver::None => ("none", None),
        RollOver::Unused { cap_micro_usd } => ("unused", cap_micro_usd),
    };
    Some(json!({
        "month": month.month.to_string(), "limit_usd": budget.limit_micro_usd.usd(),
        "carried_usd": month.carried.usd(), "spent_usd": month.spent.usd(),
        "held_usd": month.held.usd(), "left_usd": month.left().usd(),
        "resets_at": month.resets_at().rfc3339(), "time_zone": budget.time_zone.to_string(),
        "roll_over": roll_over, "roll_over_cap_usd": cap.map(MicroUsd::usd),
        "payment": if budget.payment == Payment::Postpaid { "postpaid" } else { "prepaid" },
    }))
}

pub(super) fn line(name: &TenantId, month: &Allowance) -> String {
    let limit = month
        .budget
        .as_ref()
        .map_or(MicroUsd::ZERO, |budget| budget.limit_micro_usd);
    let (carried, spent, held, left) = (month.carried, month.spent, month.held, month.left());
    let resets_at = month.resets_at().rfc3339();
    let terms = month.budget.as_ref().map_or_else(String::new, terms);
    format!(
        "{name}  {}: budget {limit}  carried over {carried}  spent {spent}  held {held}  left {left}  until {resets_at}{terms}",
        month.month
    )
}

fn terms(budget: &Budget) -> String {
    let roll_over = match budget.roll_over {
        RollOver::None => String::new(),
        RollOver::Unused {
            cap_micro_usd: None,
        } => "  rolls over".to_owned(),
        RollOver::Unused {
            cap_micro_usd: Some(cap),
        } => format!("  rolls over up to {cap}"),
    };
    let payment = if budget.payment == Payment::Postpaid {
        "  postpaid"
    } else {
        ""
    };
    format!(" in {}{roll_over}{payment}", budget.time_zone)
}
