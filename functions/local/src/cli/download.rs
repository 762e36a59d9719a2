//! `fluxgate download`.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::id::TaskId;

use super::access::AccessArgs;
use super::outputs::{OutputArgs, print_saved};
use super::print::PrintArgs;
use super::progress;
use super::signals::{Stopped, stop_signal};

#[derive(Args)]
pub(super) struct DownloadArgs {
    /// The task, by the id that 'edit' and 'tasks' print
    task: TaskId,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    print: PrintArgs,
    /// How long to wait for an unfinished task, in seconds
    #[arg(long, default_value = "0", value_name = "S")]
    wait: u64,
}

pub(super) async fn run(args: DownloadArgs) -> Result<()> {
    tokio::select! {
        outcome = download(&args) => outcome,
        stop = stop_signal() => {
            let text = format!("stopped; '{}' fetches the outputs", args.access.download_command(args.task.as_str()));
            Err(Stopped { stop, text }.into())
        }
    }
}

async fn download(args: &DownloadArgs) -> Result<()> {
    args.output.check(args.print)?;
    let client = args.access.client().await?;
    let bar = progress::line(args.print);
    let end = progress::until_end(
        &client,
        args.task.as_str(),
        Duration::from_secs(args.wait),
        &bar,
    )
    .await?;
    bar.finish_and_clear();
    let prediction = match end {
        end @ progress::End::Running(_) => end
            .completed()
            .context("there is nothing to fetch yet; --wait S waits up to S seconds for it")?,
        end => end.completed()?,
    };
    let saved = args.output.save(&client, &prediction).await?;
    print_saved(args.print, prediction, &saved)
}
