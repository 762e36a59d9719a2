//! `fluxgate prices show|set|remove`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use fluxgate_core::app::{PricesChange, PricesEdit};
use fluxgate_core::id::{ModelId, TenantId};
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::money::{MicroUsd, Price, PriceBook, PriceBookTerms, Unlisted, parse_percent};
use fluxgate_core::tenant::Actor;

use super::FolderArgs;
use super::exit::{in_flags, reworded, usage};
use super::print::{self, PrintArgs};
use crate::folder::DataFolder;
use crate::server::provider_of;
use crate::settings::Settings;

#[derive(Args)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Subcommand)]
enum PricesCommand {
    /// Show a tenant's price book as JSON: amounts in USD, markups in percent
    Show {
        name: TenantId,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Set the given prices and leave all others unchanged
    Set(Box<SetArgs>),
    /// Remove models' own prices, so that the price for unlisted models applies
    Remove(Box<RemoveArgs>),
}

#[derive(Args)]
struct SetArgs {
    name: TenantId,
    /// A fixed price for every run of a model; repeatable
    #[arg(long, value_name = "MODEL=USD", value_parser = fixed)]
    fixed: Vec<(ModelId, Price)>,
    /// The provider's price for a model plus this percentage, such as 20 or 12.5; repeatable
    #[arg(long, value_name = "MODEL=PERCENT", value_parser = markup)]
    markup: Vec<(ModelId, Price)>,
    /// The same for every unlisted model
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, value_parser = percent)]
    default_markup: Option<Price>,
    /// Refuse unlisted models
    #[arg(long, conflicts_with = "default_markup")]
    only_listed: bool,
    /// A price book as JSON, as 'show' prints it, which replaces the whole book
    #[arg(long, value_name = "JSON", conflicts_with_all = ["fixed", "markup", "default_markup", "only_listed"])]
    file: Option<PathBuf>,
    /// Allow models that the provider's catalogue does not list, or not yet
    #[arg(long)]
    force: bool,
    /// Allow prices under the provider's cost
    #[arg(long)]
    allow_under_cost: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args)]
struct RemoveArgs {
    name: TenantId,
    /// The models, such as wavespeed-ai/flux-kontext-max
    #[arg(required_unless_present = "all", value_name = "MODEL", value_parser = ModelId::parse)]
    models: Vec<ModelId>,
    /// The whole book: every model then costs what the provider charges
    #[arg(long, conflicts_with = "models")]
    all: bool,
    /// Allow prices under the provider's cost
    #[arg(long)]
    allow_under_cost: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: PricesArgs) -> Result<()> {
    match args.command {
        PricesCommand::Show {
            name,
            print,
            folder,
        } => {
            let tenant = folder.reader()?.operator(None).tenant(&name).await?;
            show(print, &tenant.prices, tenant.version)
        }
        PricesCommand::Set(args) => {
            let (allow_under_cost, allow_unknown_models) = (args.allow_under_cost, args.force);
            let change = PricesChange {
                edit: args.edit()?,
                allow_under_cost,
                allow_unknown_models,
            };
            apply(&args.name, &change, args.print, &args.folder).await
        }
        PricesCommand::Remove(args) => {
            let edit = match args.all {
                true => PricesEdit::Replace {
                    book: PriceBook::default(),
                    version: None,
                },
                false => PricesEdit::Remove {
                    models: args.models,
                },
            };
            let change = PricesChange {
                edit,
                allow_under_cost: args.allow_under_cost,
                allow_unknown_models: false,
            };
            apply(&args.name, &change, args.print, &args.folder).await
        }
    }
}

async fn apply(
    name: &TenantId,
    change: &PricesChange,
    print: PrintArgs,
    folder: &FolderArgs,
) -> Result<()> {
    let folder = DataFolder::open_existing(&folder.data)?;
    // Prices that need no answer of the provider are set without it.
    let provider = provider_of(
        &folder.path,
        &folder.bounds,
        &Settings::load(None, serde_json::json!({}))?,
    );
    let unknown = provider.as_ref().err().map(|error| format!("{error:#}"));
    let operator = folder.operator(provider.ok());
    let changed = operator.set_prices(name, change, &Actor::cli()).await;
    let changed = changed.map_err(|error| with_flags(error, unknown.as_deref()))?;
    if !changed.under_cost.is_empty() {
        print::note(format_args!(
            "sold under cost: {}",
            changed.under_cost.join(", ")
        ));
    }
    if changed.prices.models.is_empty() && changed.prices.unlisted == Unlisted::Refuse {
        print::note(format_args!(
            "{name} cannot use any model now: its price book lists none and refuses unlisted models"
        ));
    }
    show(print, &changed.prices, changed.version)
}

/// As JSON for people too.
fn show(print: PrintArgs, prices: &PriceBook, version: u64) -> Result<()> {
    if print.quiet {
        return print::line(version);
    }
    print::json(&PriceBookTerms::of(prices, version))
}

/// The error with the command's flags, and why the provider could not be asked.
fn with_flags(error: fluxgate_core::Error, unknown: Option<&str>) -> anyhow::Error {
    let error = in_flags(error);
    let (code, text, error) = (error.code, error.message.clone(), error.into());
    match (code, unknown) {
        ("catalogue_unknown" | "costs_unknown", Some(why)) => {
            reworded(&error, format!("{text} ({why})"))
        }
        ("catalogue_unknown" | "costs_unknown" | "under_cost" | "unknown_model", _) => {
            reworded(&error, text)
        }
        _ => error,
    }
}

impl SetArgs {
    fn edit(&self) -> Result<PricesEdit> {
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let terms: PriceBookTerms = json::read(text.as_bytes(), JsonBounds::DOCUMENT)
                .with_context(|| format!("{} is not a price book", path.display()))?;
            let version = terms.version;
            return Ok(PricesEdit::Replace {
                book: terms.book(),
                version,
            });
        }
        let mut models = BTreeMap::new();
        for (model, price) in self.fixed.iter().chain(&self.markup) {
            if models.insert(model.clone(), *price).is_some() {
                return Err(usage(format!("'{model}' has two prices; give one")));
            }
        }
        let unlisted = self
            .default_markup
            .map(Unlisted::Price)
            .or(self.only_listed.then_some(Unlisted::Refuse));
        if models.is_empty() && unlisted.is_none() {
            return Err(usage(
                "say what to set: --fixed, --markup, --default-markup, --only-listed or --file",
            ));
        }
        Ok(PricesEdit::Set { models, unlisted })
    }
}

fn fixed(text: &str) -> Result<(ModelId, Price)> {
    let (model, usd) = text
        .split_once('=')
        .context("write MODEL=USD, such as wavespeed-ai/flux-kontext-max=0.1")?;
    Ok((
        ModelId::parse(model)?,
        Price::Fixed {
            micro_usd: MicroUsd::parse_usd(usd)?,
        },
    ))
}

fn markup(text: &str) -> Result<(ModelId, Price)> {
    let (model, text) = text
        .split_once('=')
        .context("write MODEL=PERCENT, such as wavespeed-ai/flux-kontext-max=20")?;
    Ok((ModelId::parse(model)?, percent(text)?))
}

fn percent(text: &str) -> Result<Price> {
    Ok(Price::Markup {
        basis_points: parse_percent(text)?,
        floor_micro_usd: None,
        cap_micro_usd: None,
    })
}
