//! `fluxgate audit`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct AuditArgs {
    /// How many changes to list, 1 to 200
    #[arg(long, default_value = "50", value_name = "N")]
    limit: u16,
    /// Only those before this entry: what the page before said
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

pub(super) async fn run(args: AuditArgs) -> Result<()> {
    let limit = args.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    query.extend(args.before.iter().map(|before| ("before", before.as_str())));
    let page: Value = args.admin.admin()?.get("/audit", &query).await?;
    let entries = page["entries"].as_array().cloned().unwrap_or_default();
    args.print.print(&Facts {
        quiet: entries
            .iter()
            .map(|entry| format!("{}\n", text(entry, "id")))
            .collect(),
        text: entries.iter().map(lines).collect(),
        json: entries.into(),
    })?;
    if let Some(next) = page["next"].as_str() {
        args.print
            .note(format_args!("there are more: --before {next}"));
    }
    Ok(())
}

/// A change, and below it each field as it was and as it is since.
fn lines(entry: &Value) -> String {
    let mut lines = format!(
        "{}  {:<24} {:<16} {}  {}\n",
        text(entry, "at"),
        text(entry, "action"),
        text(entry, "tenant"),
        text(entry, "actor"),
        entry["detail"]
    );
    let (before, after) = (entry.get("before"), entry.get("after"));
    let names = [before, after]
        .into_iter()
        .flatten()
        .filter_map(Value::as_object);
    let mut names: Vec<&String> = names.flat_map(|fields| fields.keys()).collect();
    names.sort();
    names.dedup();
    let of = |side: Option<&Value>, name: &str| {
        let value = side.and_then(|side| side.get(name));
        value.map_or_else(|| "-".to_owned(), ToString::to_string)
    };
    for name in names {
        lines += &format!("    {name}: {} -> {}\n", of(before, name), of(after, name));
    }
    lines
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}
