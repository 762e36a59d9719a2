//! `fluxgate accounts budget`.

use anyhow::Result;
use clap::{Args, ValueEnum};
use fluxgate_core::audit::Actor;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Allowance, Budget, MicroUsd, Payment, RollOver, Zone};

use super::FolderArgs;
use super::accounts::tenancy;

#[derive(Args)]
pub(super) struct BudgetArgs {
    name: TenantId,
    /// What may be spent in a month, such as 500; without it the budget is shown
    #[arg(long, value_name = "USD", value_parser = MicroUsd::parse_usd)]
    limit: Option<MicroUsd>,
    /// Whose midnight begins a month, by its IANA name
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = Zone::parse)]
    time_zone: Zone,
    /// Whether what a month leaves over is added to the next one's
    #[arg(long, value_enum, default_value = "none", requires = "limit")]
    roll_over: RollOverRule,
    /// At most this much of it
    #[arg(long, value_name = "USD", value_parser = MicroUsd::parse_usd)]
    roll_over_cap: Option<MicroUsd>,
    /// The balance is not needed and not touched: what is used is billed afterwards
    #[arg(long, requires = "limit")]
    postpaid: bool,
    /// Take the budget away
    #[arg(long, conflicts_with_all = ["limit", "roll_over_cap"])]
    none: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RollOverRule {
    None,
    Unused,
}

pub(super) async fn run(args: BudgetArgs) -> Result<String> {
    let tenancy = tenancy(&args.folder)?;
    let month = match (budget(&args)?, args.none) {
        (None, false) => tenancy.budget(&args.name).await?,
        (budget, _) => tenancy.set_budget(&args.name, budget, &Actor::cli()).await?,
    };
    Ok(month.map_or_else(|| format!("{}  no budget", args.name), |month| line(&args.name, &month)))
}

fn budget(args: &BudgetArgs) -> Result<Option<Budget>> {
    let roll_over = match args.roll_over {
        RollOverRule::Unused => RollOver::Unused { cap_micro_usd: args.roll_over_cap },
        RollOverRule::None if args.roll_over_cap.is_some() => {
            anyhow::bail!("a cap bounds nothing without --roll-over unused; give both");
        }
        RollOverRule::None => RollOver::None,
    };
    let payment = if args.postpaid { Payment::Postpaid } else { Payment::Prepaid };
    let time_zone = args.time_zone.clone();
    Ok(args.limit.map(|limit_micro_usd| Budget { limit_micro_usd, time_zone, roll_over, payment }))
}

pub(super) fn line(name: &TenantId, month: &Allowance) -> String {
    let limit = month.budget.as_ref().map_or(MicroUsd::ZERO, |budget| budget.limit_micro_usd);
    let (carried, spent, held, left) = (month.carried, month.spent, month.held, month.left());
    let resets_at = month.resets_at().rfc3339();
    format!(
        "{name}  {}: budget {limit}  carried over {carried}  spent {spent}  held {held}  left {left}  until {resets_at}",
        month.month
    )
}
