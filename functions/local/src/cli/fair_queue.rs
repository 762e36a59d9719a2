//! `fluxgate fair-queue`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct FairQueueArgs {
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

pub(super) async fn run(args: FairQueueArgs) -> Result<()> {
    // Only who serves a folder knows the limits of its provider's account.
    let (admin, _lock) = args.admin.admin_of_holder()?;
    let queue: Value = admin.get("/fair-queue", &[]).await?;
    let waiting = queue["waiting"].as_array().into_iter().flatten();
    let tenant = |one: &Value| one["tenant"].as_str().unwrap_or_default().to_owned();
    args.print.print(&Facts {
        quiet: waiting
            .clone()
            .map(|one| format!("{}\n", tenant(one)))
            .collect(),
        text: head(&queue) + &waiting.map(line).collect::<String>(),
        json: queue.clone(),
    })
}

fn head(queue: &Value) -> String {
    if queue["limited"] == false {
        return "the provider's account has no limits here: nobody waits for it\n".to_owned();
    }
    let of = |name: &str| match queue[name].as_u64() {
        Some(most) => format!(" of {most}"),
        None => String::new(),
    };
    let (slots, called) = (&queue["slots_taken"], &queue["slots_called"]);
    let most = of("concurrency");
    format!("{slots}{most} slots are taken, {called} kept for tasks whose turn it is\n")
}

fn line(one: &Value) -> String {
    let since = one["longest_since"]
        .as_str()
        .map_or_else(String::new, |since| {
            let task = one["longest_task"].as_str().unwrap_or_default();
            format!("; {task} since {since}")
        });
    let tenant = one["tenant"].as_str().unwrap_or_default();
    let (tasks, weight, wait) = (&one["tasks"], &one["weight"], &one["expected_wait_s"]);
    format!(
        "{tenant:<16} {tasks:>6} tasks wait, weight {weight}, the last for about {wait} s{since}\n"
    )
}
