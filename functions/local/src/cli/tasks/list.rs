//! Lists tasks: of all tenants those that are open, or what the flags say.

use anyhow::{Result, bail};
use clap::Args;
use fluxgate_core::id::{ModelId, TaskId, TenantId};
use serde::Deserialize;
use serde_json::Value;

use super::{show, text};
use crate::cli::admin::AdminArgs;
use crate::cli::exit::usage;
use crate::cli::print::{Facts, PrintArgs};
use crate::client::{Admin, Refused};
use crate::values::duration_ms;

/// Pages that are fetched for one list.
const PAGES_MAX: usize = 20;

#[derive(Args)]
pub(super) struct ListArgs {
    /// Only this tenant's, a deleted one's too [default: the open tasks of all tenants]
    tenant: Option<TenantId>,
    /// A task of the tenant, whose timeline to show
    task: Option<TaskId>,
    /// Only in these states, separated by commas, such as unknown,archiving or failed
    #[arg(long, value_name = "STATES")]
    state: Option<String>,
    /// Only those that are at least so old, such as 10m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration_ms)]
    age: Option<u64>,
    /// Only this model's
    #[arg(long)]
    model: Option<ModelId>,
    /// Only those that ended by this error, such as submit_lost; of the last day, for all tenants
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// How many tasks to list, 1 to 200
    #[arg(long, default_value = "20", value_name = "N")]
    limit: u16,
    /// Where the list goes on: what the page before said
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Deserialize)]
struct PageAnswer {
    tasks: Vec<Value>,
    next: Option<String>,
}

pub(super) async fn run(args: ListArgs) -> Result<()> {
    let admin = args.admin.admin()?;
    if let (Some(tenant), Some(task)) = (&args.tenant, &args.task) {
        let path = format!("/tenants/{tenant}/tasks/{task}");
        return show::timeline(&admin, &path, args.print).await;
    }
    let page = filled(&admin, &args).await?;
    let tasks = page.tasks.iter();
    let facts = Facts {
        quiet: tasks
            .clone()
            .map(|task| format!("{}\n", text(task, "/id")))
            .collect(),
        text: tasks
            .map(|task| line(task, args.tenant.is_none()))
            .collect(),
        json: page.tasks.into(),
    };
    args.print.print(&facts)?;
    if let Some(next) = page.next {
        args.print
            .note(format_args!("there may be more: --cursor {next}"));
    }
    Ok(())
}

/// As many tasks as were asked for, if there are so many: what matches may be rare, and a page of
/// the API ends once it has looked at enough.
async fn filled(admin: &Admin, args: &ListArgs) -> Result<PageAnswer> {
    let mut filled = args.page(admin, args.limit, args.cursor.as_deref()).await?;
    for _ in 1..PAGES_MAX {
        let found = u16::try_from(filled.tasks.len()).unwrap_or(u16::MAX);
        let left = args.limit.saturating_sub(found);
        let Some(next) = filled.next.as_deref().filter(|_| left > 0) else {
            break;
        };
        let page = args.page(admin, left, Some(next)).await?;
        filled.tasks.extend(page.tasks);
        filled.next = page.next;
    }
    Ok(filled)
}

/// A cursor that is none is a mistake in the command line, as a limit is.
fn cursor_of_usage(error: anyhow::Error) -> anyhow::Error {
    let refused = error.downcast_ref::<Refused>();
    match refused.and_then(|refused| refused.field.as_deref()) {
        Some("cursor") => usage(format!("--cursor: {error:#}")),
        _ => error,
    }
}

impl ListArgs {
    async fn page(&self, admin: &Admin, limit: u16, cursor: Option<&str>) -> Result<PageAnswer> {
        let query = self.query(limit, cursor);
        let query: Vec<(&str, &str)> = query
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let page = admin.get("/tasks", &query).await;
        let page: PageAnswer = page.map_err(cursor_of_usage)?;
        if page.tasks.iter().any(|task| !task.is_object()) {
            bail!("the admin API's answer is no list of tasks: is this the right URL, and as new?");
        }
        Ok(page)
    }

    fn query(&self, limit: u16, cursor: Option<&str>) -> Vec<(&'static str, String)> {
        let limit = Some(limit.to_string());
        let all = [
            ("tenant", self.tenant.as_ref().map(ToString::to_string)),
            ("state", self.state.clone()),
            (
                "age_s",
                self.age.map(|age_ms| age_ms.div_ceil(1_000).to_string()),
            ),
            ("model", self.model.as_ref().map(ToString::to_string)),
            ("error", self.error.clone()),
            ("limit", limit),
            ("cursor", cursor.map(str::to_owned)),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

fn line(task: &Value, with_tenant: bool) -> String {
    let tenant = match with_tenant {
        true => format!("{:<16} ", text(task, "/tenant")),
        false => String::new(),
    };
    let charged = task["charged_usd"].as_f64();
    let charged = charged.map_or_else(|| "-".to_owned(), |usd| format!("${usd:.2}"));
    format!(
        "{tenant}{}  {}  {:<10} {:<34} {:<9} {charged:>7}  {}\n",
        text(task, "/id"),
        text(task, "/created_at"),
        text(task, "/state"),
        text(task, "/model"),
        text(task, "/completed_by"),
        place(task)
    )
}

/// Where its first output is, or why there is none.
fn place(task: &Value) -> &str {
    let is_completed = text(task, "/state") == "completed";
    match (text(task, "/s3_uris/0"), text(task, "/error/code")) {
        _ if task.get("deleted_at").is_some() => "erased: only its books are left",
        ("", "") if is_completed => "not in the bucket; the result links to the provider",
        ("", code) => code,
        (uri, _) => uri,
    }
}
