//! `fluxgate accounts budget`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{MicroUsd, Zone};
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts;
use super::admin::AdminArgs;
use super::exit::usage;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct BudgetArgs {
    /// The tenant
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
    admin: AdminArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RollOverRule {
    None,
    Unused,
}

/// A month's budget, as the admin API tells it.
#[derive(Deserialize)]
pub(super) struct BudgetAnswer {
    month: String,
    #[serde(rename = "limit_micro_usd")]
    pub(super) limit: MicroUsd,
    #[serde(rename = "carried_micro_usd")]
    carried: MicroUsd,
    #[serde(rename = "spent_micro_usd")]
    pub(super) spent: MicroUsd,
    #[serde(rename = "held_micro_usd")]
    held: MicroUsd,
    #[serde(rename = "left_micro_usd")]
    pub(super) left: MicroUsd,
    resets_at: String,
    time_zone: String,
    roll_over: String,
    #[serde(rename = "roll_over_cap_micro_usd")]
    roll_over_cap: Option<MicroUsd>,
    payment: String,
}

/// Options left out keep their values; with no options, the budget is shown.
pub(super) async fn run(args: BudgetArgs) -> Result<()> {
    let (admin, name) = (args.admin.admin()?, &args.name);
    let path = format!("/tenants/{name}/budget");
    let now = accounts::account(&admin, name).await?.budget;
    let month = if args.none {
        admin.delete(&path, &[]).await?;
        None
    } else if args.changes_something() {
        Some(admin.put(&path, &args.budget(now.as_ref())?).await?)
    } else {
        now
    };
    args.print.print(&Facts {
        json: json!({ "tenant": name, "budget": month.as_ref().map(BudgetAnswer::view) }),
        quiet: month
            .as_ref()
            .map_or_else(String::new, |month| month.left.decimal()),
        text: month.map_or_else(|| format!("{name}  no budget"), |month| month.line(name)),
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

    /// The whole budget as it is to be.
    fn budget(&self, now: Option<&BudgetAnswer>) -> Result<Value> {
        let limit = self.limit.or(now.map(|now| now.limit));
        let limit =
            limit.ok_or_else(|| usage("there is no budget yet; create one with --limit"))?;
        let payment = match (self.postpaid, self.prepaid) {
            (true, _) => "postpaid",
            (_, true) => "prepaid",
            _ => now.map_or("prepaid", |now| &now.payment),
        };
        let time_zone = match (&self.time_zone, now) {
            (Some(zone), _) => zone.to_string(),
            (None, Some(now)) => now.time_zone.clone(),
            (None, None) => "UTC".to_owned(),
        };
        let (roll_over, cap) = self.roll_over(now)?;
        let mut budget = json!({
            "limit_usd": limit.decimal(), "time_zone": time_zone, "roll_over": roll_over,
            "payment": payment,
        });
        if let Some(cap) = cap {
            budget["roll_over_cap_usd"] = cap.decimal().into();
        }
        Ok(budget)
    }

    fn roll_over(&self, now: Option<&BudgetAnswer>) -> Result<(&'static str, Option<MicroUsd>)> {
        let unused = match self.roll_over {
            Some(rule) => rule == RollOverRule::Unused,
            None => now.is_some_and(|now| now.roll_over == "unused"),
        };
        match (unused, self.roll_over_cap) {
            (true, cap) => Ok(("unused", cap.or(now.and_then(|now| now.roll_over_cap)))),
            (false, None) => Ok(("none", None)),
            (false, Some(_)) => Err(usage(
                "--roll-over-cap has no effect without --roll-over unused; give both",
            )),
        }
    }
}

impl BudgetAnswer {
    pub(super) fn view(&self) -> Value {
        json!({
            "month": self.month, "limit_usd": self.limit.usd(), "carried_usd": self.carried.usd(),
            "spent_usd": self.spent.usd(), "held_usd": self.held.usd(), "left_usd": self.left.usd(),
            "resets_at": self.resets_at, "time_zone": self.time_zone, "roll_over": self.roll_over,
            "roll_over_cap_usd": self.roll_over_cap.map(MicroUsd::usd), "payment": self.payment,
        })
    }

    pub(super) fn line(&self, name: &TenantId) -> String {
        let Self {
            month,
            limit,
            carried,
            spent,
            held,
            left,
            resets_at,
            ..
        } = self;
        format!(
            "{name}  {month}: budget {limit}  carried over {carried}  spent {spent}  held {held}  left {left}  until {resets_at}{}",
            self.terms()
        )
    }

    fn terms(&self) -> String {
        let roll_over = match (self.roll_over.as_str(), self.roll_over_cap) {
            ("unused", Some(cap)) => format!("  rolls over up to {cap}"),
            ("unused", None) => "  rolls over".to_owned(),
            _ => String::new(),
        };
        let payment = if self.payment == "postpaid" {
            "  postpaid"
        } else {
            ""
        };
        format!(" in {}{roll_over}{payment}", self.time_zone)
    }
}
