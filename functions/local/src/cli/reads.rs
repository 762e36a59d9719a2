//! What a tenant reads with its own token: `fluxgate balance`, `models`, `batches`.

use anyhow::{Context as _, Result};
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::access::AccessArgs;
use super::print::{self, Facts, PrintArgs, word};

#[derive(Args)]
pub(super) struct ReadArgs {
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Args)]
pub(super) struct BatchesArgs {
    /// How many of the newest to list
    #[arg(long, default_value = "20", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    limit: u8,
    #[command(flatten)]
    read: ReadArgs,
}

impl ReadArgs {
    async fn get(&self, path: &str) -> Result<Value> {
        let client = self.access.client().await?;
        client.call(Method::GET, path, None).await
    }
}

/// What runs may cost: the smaller of the balance and what is left of the month's budget.
pub(super) async fn balance(args: ReadArgs) -> Result<()> {
    let answer = args.get("/api/v3/balance").await?;
    let balance = &answer["data"]["balance"];
    let usd = balance.as_f64().context("the balance is not a number")?;
    args.print.print(&Facts {
        json: serde_json::json!({ "balance_usd": balance }),
        quiet: usd.to_string(),
        text: format!("${usd}"),
    })
}

pub(super) async fn models(args: ReadArgs) -> Result<()> {
    let mut answer = args.get("/api/v3/models").await?;
    let models = answer["data"].take();
    let listed = || models.as_array().into_iter().flatten();
    args.print.print(&Facts {
        quiet: listed()
            .map(|model| format!("{}\n", word(model, "/model_id")))
            .collect(),
        text: listed().map(model).collect(),
        json: models.clone(),
    })
}

fn model(model: &Value) -> String {
    let price = model["base_price"].as_f64();
    let price = price.map_or_else(String::new, |price| format!("${price}"));
    let (id, kind) = (word(model, "/model_id"), word(model, "/type"));
    format!("{id:<56}  {kind:<20}  {price:>10}\n")
}

pub(super) async fn batches(args: BatchesArgs) -> Result<()> {
    let path = format!("/v1/batches?limit={}", args.limit);
    let mut answer = args.read.get(&path).await?;
    let batches = answer["batches"].take();
    let listed = || batches.as_array().into_iter().flatten();
    args.read.print.print(&Facts {
        quiet: print::ids(listed()),
        text: listed().map(batch).collect(),
        json: batches.clone(),
    })
}

fn batch(batch: &Value) -> String {
    let count = |name: &str| batch[name].as_u64().unwrap_or_default();
    let text = |pointer: &str| word(batch, pointer);
    format!(
        "{}  {}  {:<10} lines {:>6}  completed {:>6}  failed {:>5}  refused {:>5}  {}\n",
        text("/id"),
        text("/created_at"),
        text("/state"),
        count("lines"),
        count("completed"),
        count("failed"),
        count("refused"),
        text("/waiting_for")
    )
}
