//! `fluxgate prices show|set|remove`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use fluxgate_core::id::{ModelId, TenantId};
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::money::{
    MicroUsd, Price, PriceBookTerms, PriceTerms, Unlisted, UnlistedTerms, parse_percent,
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::AdminArgs;
use super::exit::{in_flags, usage};
use super::print::{self, PrintArgs};

#[derive(Args)]
pub(super) struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Subcommand)]
enum PricesCommand {
    /// Show a tenant's price book as JSON: amounts in USD, markups in percent
    Show {
        /// The tenant
        name: TenantId,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Set the given prices and leave all others unchanged
    Set(Box<SetArgs>),
    /// Remove models' own prices, so that the price for unlisted models applies
    Remove(Box<RemoveArgs>),
}

#[derive(Args)]
struct SetArgs {
    /// The tenant
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
    admin: AdminArgs,
}

#[derive(Args)]
struct RemoveArgs {
    /// The tenant
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
    admin: AdminArgs,
}

/// One call of the admin API.
struct Edit {
    method: Method,
    /// The models to remove.
    models: Option<String>,
    body: Option<Value>,
    allow_under_cost: bool,
    force: bool,
}

#[derive(Deserialize)]
struct PricesAnswer {
    prices: PriceBookTerms,
    under_cost: Vec<String>,
}

pub(super) async fn run(args: PricesArgs) -> Result<()> {
    match args.command {
        PricesCommand::Show { name, print, admin } => {
            let path = format!("/tenants/{name}/prices");
            show(print, &admin.admin()?.get(&path, &[]).await?)
        }
        PricesCommand::Set(args) => {
            let (method, terms) = args.terms()?;
            let edit = Edit {
                method,
                models: None,
                body: Some(json!(terms)),
                allow_under_cost: args.allow_under_cost,
                force: args.force,
            };
            apply(&args.name, &edit, args.print, &args.admin).await
        }
        PricesCommand::Remove(args) => {
            apply(&args.name, &args.edit(), args.print, &args.admin).await
        }
    }
}

async fn apply(name: &TenantId, edit: &Edit, print: PrintArgs, which: &AdminArgs) -> Result<()> {
    let query = [
        ("models", edit.models.as_deref()),
        ("allow_under_cost", edit.allow_under_cost.then_some("true")),
        ("force", edit.force.then_some("true")),
    ];
    let query: Vec<_> = query
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let (path, body) = (format!("/tenants/{name}/prices"), edit.body.as_ref());
    // Prices that need no answer of the provider are set without it.
    let admin = which.admin_asking_provider()?;
    let changed = admin.call(edit.method.clone(), &path, &query, body).await;
    let PricesAnswer { prices, under_cost } = changed.map_err(in_flags)?;
    if !under_cost.is_empty() {
        print::note(format_args!("sold under cost: {}", under_cost.join(", ")));
    }
    if prices.models.is_empty() && prices.unlisted == Some(UnlistedTerms::Refuse) {
        print::note(format_args!(
            "{name} cannot use any model now: its price book lists none and refuses unlisted models"
        ));
    }
    show(print, &prices)
}

/// As JSON for people too.
fn show(print: PrintArgs, prices: &PriceBookTerms) -> Result<()> {
    if print.quiet {
        return print::line(prices.version.unwrap_or_default());
    }
    print::json(prices)
}

impl RemoveArgs {
    fn edit(&self) -> Edit {
        let models: Vec<&str> = self.models.iter().map(ModelId::as_str).collect();
        let (method, models, body) = match self.all {
            true => (Method::PUT, None, Some(json!({}))),
            false => (Method::DELETE, Some(models.join(",")), None),
        };
        Edit {
            method,
            models,
            body,
            allow_under_cost: self.allow_under_cost,
            force: false,
        }
    }
}

impl SetArgs {
    /// A whole book replaces the one before; single prices are set in it.
    fn terms(&self) -> Result<(Method, PriceBookTerms)> {
        if let Some(path) = &self.file {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let terms: PriceBookTerms = json::read(text.as_bytes(), JsonBounds::DOCUMENT)
                .with_context(|| format!("{} is not a price book", path.display()))?;
            return Ok((Method::PUT, terms));
        }
        let mut models = BTreeMap::new();
        for (model, price) in self.fixed.iter().chain(&self.markup) {
            if models.insert(model.clone(), PriceTerms(*price)).is_some() {
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
        let terms = PriceBookTerms {
            version: None,
            models,
            unlisted: unlisted.map(UnlistedTerms::from),
        };
        Ok((Method::PATCH, terms))
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
