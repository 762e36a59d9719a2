//! `fluxgate deliveries`: what became of a tenant's events. Every command calls the gateway.

mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::id::DeliveryId;
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded;

pub(super) use self::show::why;
use super::caller::CallerArgs;
use super::print::{self, Facts, PrintArgs};

/// What the gateway gives in one page at most.
const PAGE_MAX: usize = 200;

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate deliveries list --state exhausted,held --tenant acme --data ./data
  fluxgate deliveries show ID --tenant acme --data ./data
  fluxgate deliveries replay ID --tenant acme --data ./data")]
pub(super) struct DeliveriesArgs {
    #[command(subcommand)]
    command: DeliveriesCommand,
}

#[derive(Subcommand)]
enum DeliveriesCommand {
    /// List deliveries, newest first; what was never tried shows in its task's timeline
    List(Box<ListArgs>),
    /// Show one delivery with its last 20 attempts
    Show(ShowArgs),
    /// Send it now, whatever became of it
    Replay(OneDelivery),
    /// Send it no more
    Cancel(OneDelivery),
}

#[derive(Args)]
struct Output {
    #[command(flatten)]
    who: CallerArgs,
    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Args)]
struct ListArgs {
    /// Of this endpoint, or 'task_callback' for the ?webhook= of submits
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// In these states, separated by commas: pending, delivered, exhausted, held, cancelled
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Of events of this type
    #[arg(long, value_name = "TYPE")]
    event: Option<String>,
    /// Of events of this task
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// Of events at this time or later, like 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Of events before this time
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// How many to list
    #[arg(long, default_value = "50", value_name = "N")]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct OneDelivery {
    /// The delivery, by the id that 'deliveries list' prints
    id: DeliveryId,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct ShowArgs {
    #[command(flatten)]
    delivery: OneDelivery,
    /// Print only the body, as it is sent
    #[arg(long, conflicts_with_all = ["json", "quiet"])]
    body: bool,
}

pub(super) async fn run(args: DeliveriesArgs) -> Result<()> {
    match args.command {
        DeliveriesCommand::List(args) => list(&args).await,
        DeliveriesCommand::Show(args) => {
            let delivery = args.delivery.call(Method::GET, "").await?;
            if args.body {
                return print::line(print::word(&delivery, "/body"));
            }
            args.delivery.output.print.print(&Facts {
                quiet: print::word(&delivery, "/state").to_owned(),
                ..facts(delivery)
            })
        }
        DeliveriesCommand::Replay(args) => {
            let replayed = args.call(Method::POST, "/replay").await?;
            args.output.print.print(&facts(replayed))
        }
        DeliveriesCommand::Cancel(args) => {
            let cancelled = args.call(Method::POST, "/cancel").await?;
            args.output.print.print(&facts(cancelled))
        }
    }
}

impl OneDelivery {
    async fn call(&self, method: Method, action: &str) -> Result<Value> {
        let client = self.output.who.caller().await?;
        let path = format!("/deliveries/{}{action}", self.id);
        client.call(method, &path, None).await
    }
}

fn facts(delivery: Value) -> Facts {
    Facts {
        quiet: print::word(&delivery, "/id").to_owned(),
        text: show::one(&delivery),
        json: delivery,
    }
}

/// Page by page, until there are as many as are wanted, or no more.
async fn list(args: &ListArgs) -> Result<()> {
    let client = args.output.who.caller().await?;
    let mut deliveries: Vec<Value> = Vec::new();
    let mut cursor: Option<String> = None;
    while deliveries.len() < args.limit {
        let wanted = (args.limit - deliveries.len()).min(PAGE_MAX);
        let path = format!("/deliveries?{}", args.query(wanted, cursor.as_deref()));
        let mut page = client.call(Method::GET, &path, None).await?;
        if let Some(Value::Array(found)) = page.get_mut("deliveries").map(Value::take) {
            match args.output.print {
                PrintArgs { json: true, .. } => {}
                PrintArgs { quiet: true, .. } => print::text(print::ids(&found))?,
                PrintArgs { .. } => print::text(show::table(&found))?,
            }
            deliveries.extend(found);
        }
        cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if args.output.print.json {
        return print::json(&json!({ "deliveries": deliveries, "next": cursor }));
    }
    if cursor.is_some() {
        args.output
            .print
            .note("there are more; --limit N lists up to N");
    }
    Ok(())
}

impl ListArgs {
    fn query(&self, limit: usize, cursor: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        for (name, value) in [
            ("endpoint", self.endpoint.as_deref()),
            ("state", self.state.as_deref()),
            ("event", self.event.as_deref()),
            ("task", self.task.as_deref()),
            ("from", self.from.as_deref()),
            ("before", self.before.as_deref()),
            ("cursor", cursor),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }
}
