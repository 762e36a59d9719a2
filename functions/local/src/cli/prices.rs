//! `fluxgate prices show|set`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use fluxgate_core::audit::Actor;
use fluxgate_core::flow::PricesChange;
use fluxgate_core::id::{ModelId, TenantId};
use fluxgate_core::money::{MicroUsd, Price, PriceBook, Unlisted};

use super::{FolderArgs, print};
use crate::folder::DataFolder;
use crate::server::vendor_of;
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Subcommand)]
enum PricesCommand {
    /// Show a tenant's price book as JSON
    Show {
        name: TenantId,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Set a tenant's whole price book; what is not named costs what the vendor asks
    Set(Box<SetArgs>),
}

#[derive(Args)]
struct SetArgs {
    name: TenantId,
    /// The same price for every run of a model; repeatable
    #[arg(long, value_name = "MODEL=USD", value_parser = fixed)]
    fixed: Vec<(ModelId, Price)>,
    /// What the vendor asks for a run of a model and so much more, such as 20 or 12.5; repeatable
    #[arg(long, value_name = "MODEL=PERCENT", value_parser = markup)]
    markup: Vec<(ModelId, Price)>,
    /// The same for every model that is not named
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = percent)]
    default_markup: Option<Price>,
    /// Models that are not named may not be used
    #[arg(long, conflicts_with = "default_markup")]
    only_listed: bool,
    /// A price book as JSON, as 'show' prints it, instead
    #[arg(long, value_name = "JSON", conflicts_with_all = ["fixed", "markup", "default_markup", "only_listed"])]
    file: Option<PathBuf>,
    /// Although runs would be sold for less than they cost
    #[arg(long)]
    allow_under_cost: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: PricesArgs) -> Result<()> {
    match args.command {
        PricesCommand::Show { name, folder } => {
            let folder = DataFolder::open_existing(&folder.data)?;
            let tenant = folder.tenancy(None).tenants.current(&name).await?;
            print::line(serde_json::to_string_pretty(&tenant.prices)?)
        }
        PricesCommand::Set(args) => set(*args).await,
    }
}

async fn set(args: SetArgs) -> Result<()> {
    let prices = book(&args)?;
    let folder = DataFolder::open_existing(&args.folder.data)?;
    // Without the vendor's address or a server that runs the emulator nobody knows what models cost, and that is said below.
    let vendor = vendor_of(&folder, &Settings::load(None, serde_json::json!({}))?).ok();
    let tenancy = folder.tenancy(vendor.map(|vendor| vendor as _));
    let change = PricesChange { prices, allow_under_cost: args.allow_under_cost };
    let changed = tenancy.set_prices(&args.name, change, &Actor::cli()).await.map_err(with_flag)?;
    if !changed.under_cost.is_empty() {
        print::note(format_args!("sold under cost: {}", changed.under_cost.join(", ")));
    }
    if !changed.costs_known {
        print::note(
            "what models cost could not be asked, so nobody can say whether they are sold under it: start 'fluxgate serve', or set WAVESPEED_API_KEY as the server has it, and set the prices again",
        );
    }
    print::line(serde_json::to_string_pretty(&changed.prices)?)
}

/// The flag as it is called here.
fn with_flag(error: fluxgate_core::Error) -> anyhow::Error {
    if error.code == "under_cost" {
        return anyhow!("{}", error.message.replace("allow_under_cost=true", "--allow-under-cost"));
    }
    error.into()
}

fn book(args: &SetArgs) -> Result<PriceBook> {
    if let Some(path) = &args.file {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        return serde_json::from_str(&text).with_context(|| format!("{} is no price book", path.display()));
    }
    let models = args.fixed.iter().chain(&args.markup).cloned().collect();
    let unlisted = match args.default_markup {
        _ if args.only_listed => Unlisted::Refuse,
        markup => Unlisted::Price(markup.unwrap_or(Price::AT_COST)),
    };
    Ok(PriceBook { models, unlisted })
}

fn fixed(text: &str) -> Result<(ModelId, Price)> {
    let (model, usd) = text.split_once('=').context("write MODEL=USD, such as wavespeed-ai/flux-kontext-max=0.1")?;
    Ok((ModelId::parse(model)?, Price::Fixed { micro_usd: MicroUsd::parse_usd(usd)? }))
}

fn markup(text: &str) -> Result<(ModelId, Price)> {
    let (model, text) =
        text.split_once('=').context("write MODEL=PERCENT, such as wavespeed-ai/flux-kontext-max=20")?;
    Ok((ModelId::parse(model)?, percent(text)?))
}

/// Hundredths of a percent, exactly.
fn percent(text: &str) -> Result<Price> {
    let bad = || anyhow!("'{text}' is no percentage of -100 to 9900 with at most 2 decimals, such as 20 or 12.5");
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    // An amount is read exactly, to a millionth.
    let millionths = MicroUsd::parse_usd(digits).map_err(|_| bad())?.0;
    if millionths % 10_000 != 0 {
        return Err(bad());
    }
    let basis_points = u32::try_from(10_000 + sign * (millionths / 10_000)).map_err(|_| bad())?;
    Ok(Price::Markup { basis_points, floor_micro_usd: None, cap_micro_usd: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis_points(text: &str) -> Option<u32> {
        match percent(text).ok()? {
            Price::Markup { basis_points, .. } => Some(basis_points),
            Price::Fixed { .. } => None,
        }
    }

    #[test]
    fn a_percentage_is_read_exactly() {
        assert_eq!(basis_points("20"), Some(12_000));
        assert_eq!(basis_points("12.5"), Some(11_250));
        assert_eq!(basis_points("0.01"), Some(10_001));
        assert_eq!(basis_points("-10"), Some(9_000));
        assert_eq!(basis_points("-100"), Some(0));
        for bad in ["", "x", "0.001", "-101", "1e3", "--1", "99999999999"] {
            assert_eq!(basis_points(bad), None, "{bad:?}");
        }
    }
}
