//! `fluxgate backup` and `fluxgate restore`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fluxgate_core::counted;
use fluxgate_core::port::{Clock as _, SystemClock};
use indicatif::ProgressBar;
use serde_json::json;

use super::exit::usage;
use super::print::{Facts, PrintArgs};
use super::{FolderArgs, progress};
use crate::backup::{
    BackupWanted, Manifest, Progress, RestoreWanted, Restored, dated, make, remove_older, restore,
};
use crate::values::count;

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate backup /backups/2026-11-28 --buckets --data ./data
  fluxgate backup --into /backups --newest 7 --buckets --input-keys /keys --data ./data
  fluxgate restore /backups/2026-11-28 --data ./restored

The server may run meanwhile. The folder is there at once when it is whole. It holds secrets: keep \
it as such, or leave them out and keep them apart.")]
pub(super) struct BackupArgs {
    /// The folder to make; it must not exist, or be empty
    #[arg(value_name = "DEST", conflicts_with = "into")]
    to: Option<PathBuf>,
    /// Make it in this folder, named by the time
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Remove all whole backups that were made by --into there, but so many
    #[arg(long, value_name = "N", value_parser = count)]
    newest: Option<NonZeroU32>,
    /// Include the files of the local buckets: by a second name on the same file system, else as
    /// copies
    #[arg(long)]
    buckets: bool,
    /// Leave out secrets.json, encryption-keys.json and admin-token; 'restore' needs them then
    #[arg(long)]
    without_secrets: bool,
    /// Copy the keys of inputs and callback URLs to this folder, in place of the copy before: no
    /// backup has them, so that 'erase' reaches it
    #[arg(long, value_name = "DIR")]
    input_keys: Option<PathBuf>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate restore /backups/2026-11-28 --data ./restored && fluxgate serve --data ./restored
  fluxgate restore /backups/2026-11-28 --drill --data ./drill && fluxgate serve --data ./drill

Tasks whose runs the backup does not know are in doubt afterwards: 'serve' resolves them by the \
provider's own list, and sends none of them again.")]
pub(super) struct RestoreArgs {
    /// The folder that 'fluxgate backup' made
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// A folder with the secrets of a backup that was made without them
    #[arg(long, value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// A folder with the keys of inputs: that of 'backup --input-keys', or the data folder of
    /// before. Without them inputs and callback URLs of that time cannot be read
    #[arg(long, value_name = "DIR")]
    input_keys: Option<PathBuf>,
    /// To look whether the backup is good: 'serve' on the folder shows everything, takes no tasks
    /// and sends nothing to anybody, until 'restoration start' makes it a real one
    #[arg(long)]
    drill: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn back_up(args: BackupArgs) -> Result<()> {
    let print = args.print;
    if args.newest.is_some() && args.into.is_none() {
        return Err(usage(
            "--newest goes with --into DIR: it removes backups that --into made",
        ));
    }
    let to = match (args.to, &args.into) {
        (Some(to), _) => to,
        (None, Some(folder)) => dated(folder, SystemClock.now())?,
        (None, None) => {
            return Err(usage(
                "name the folder to make, or with --into DIR the one to make it in",
            ));
        }
    };
    let wanted = BackupWanted {
        data: args.folder.path(),
        to: to.clone(),
        secrets: !args.without_secrets,
        buckets: args.buckets,
        input_keys: args.input_keys.clone(),
    };
    let bar = progress::counter(print);
    let told = show(bar.clone());
    let made = tokio::task::spawn_blocking(move || make(&wanted, told)).await?;
    bar.finish_and_clear();
    let made = made?;
    let removed = match (&args.into, args.newest) {
        (Some(folder), Some(newest)) => remove_older(folder, newest.get() as usize)?,
        _ => 0,
    };
    let shown = to.display().to_string();
    print.print(&Facts {
        json: json!({ "backup": shown, "manifest": made, "older_removed": removed }),
        quiet: shown.clone(),
        text: backup_text(&shown, &made),
    })?;
    if args.input_keys.is_none() {
        print.note(format_args!(
            "the keys of inputs are in no backup: a restoration needs them from the data folder, or from --input-keys DIR, which keeps one current copy"
        ));
    }
    if made.has_secrets {
        print.note(format_args!(
            "{shown} holds secrets, with the keys that open those in the database: keep it where only you can read it"
        ));
    }
    Ok(())
}

fn backup_text(shown: &str, made: &Manifest) -> String {
    let bytes: u64 = made.files.iter().map(|file| file.bytes).sum();
    let buckets = match made.buckets {
        Some(buckets) => format!(
            ", and {} of the buckets, {} bytes, {} of them by a second name",
            files(buckets.files),
            buckets.bytes,
            buckets.linked
        ),
        None => "; the buckets were left out (--buckets)".to_owned(),
    };
    format!(
        "{shown} has everything that was acknowledged before {}: {}, {bytes} bytes{buckets}",
        made.begun_at,
        counted(made.files.len(), "file"),
    )
}

pub(super) async fn restored(args: RestoreArgs) -> Result<()> {
    let data = args.folder.path();
    let wanted = RestoreWanted {
        from: args.from,
        data: data.clone(),
        secrets: args.secrets,
        input_keys: args.input_keys,
        drill: args.drill,
    };
    let has_keys = wanted.input_keys.is_some();
    let bar = progress::counter(args.print);
    let restored = restore(wanted, show(bar.clone())).await;
    bar.finish_and_clear();
    let restored = restored?;
    let shown = data.display().to_string();
    args.print.print(&Facts {
        json: json!({
            "data": shown, "begun_at": restored.manifest.begun_at,
            "bucket_files": restored.bucket_files, "tenants": restored.doubted.tenants,
            "tasks_in_doubt": restored.doubted.tasks,
            "batches_cancelled": restored.doubted.batches, "drill": args.drill,
        }),
        quiet: shown.clone(),
        text: restored_text(&shown, &restored),
    })?;
    if !has_keys {
        args.print.note(format_args!(
            "inputs and callback URLs cannot be read without their keys; restore again with --input-keys DIR if they are somewhere"
        ));
    }
    let next = match args.drill {
        true => format!(
            "this is a drill: 'fluxgate serve --data {shown}' shows everything and sends nothing; delete the folder afterwards, or make it the real one by 'fluxgate restoration start --data {shown}'"
        ),
        false => format!(
            "next: 'fluxgate serve --data {shown}', then 'fluxgate accounts check' and 'fluxgate reconcile', which lists runs of tasks that came after the backup; to practise while the real server runs, restore with --drill, since 'serve' sends this folder's callbacks to tenants"
        ),
    };
    args.print.note(next);
    Ok(())
}

fn restored_text(shown: &str, restored: &Restored) -> String {
    let doubted = restored.doubted;
    format!(
        "{shown} is as of {}: {}, {} in doubt, {} of the buckets; batches cancelled: {}",
        restored.manifest.begun_at,
        counted(doubted.tenants, "tenant"),
        counted(doubted.tasks, "task"),
        files(restored.bucket_files),
        doubted.batches,
    )
}

fn files(number: u64) -> impl std::fmt::Display {
    counted(usize::try_from(number).unwrap_or(usize::MAX), "file")
}

fn show(bar: ProgressBar) -> impl FnMut(Progress) + Send + 'static {
    move |progress| match progress {
        Progress::Database { copied, pages } => {
            bar.set_length(pages);
            bar.set_position(copied);
            bar.set_message("pages");
        }
        Progress::Buckets { files } => {
            bar.set_length(files);
            bar.set_position(files);
            bar.set_message("files");
        }
    }
}
