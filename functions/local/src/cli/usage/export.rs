//! `fluxgate usage export`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use fluxgate_core::app::{Exported, UsageExport};
use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use fluxgate_core::time::Timestamp;
use fluxgate_embedded::FileUsageSink;
use serde_json::json;

use crate::cli::FolderArgs;
use crate::cli::exit::Exit;
use crate::cli::print::{Facts, PrintArgs};
use crate::folder::DataFolder;

#[derive(Args)]
pub(super) struct ExportArgs {
    /// The file that the events are appended to; the data folder remembers what was already
    /// exported to it
    #[arg(long = "to", value_name = "FILE")]
    file: PathBuf,
    /// One tenant, or a deleted one [default: all current and deleted tenants]
    #[arg(long)]
    tenant: Option<TenantId>,
    /// Export everything again from the oldest task that is kept; the events keep their ids
    #[arg(long)]
    restart: bool,
    /// Export nothing, and forget what was exported to this file: tasks are kept until every export
    /// has told them, and one that is not made any more would keep them for ever
    #[arg(long, conflicts_with = "restart")]
    forget: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: ExportArgs) -> Result<()> {
    let folder = DataFolder::open_existing(&args.folder.path())?;
    let sink = match args.forget {
        true => FileUsageSink::of(&args.file),
        false => FileUsageSink::open(&args.file)?,
    };
    let export = UsageExport::new(folder.context(), Arc::new(folder.store), Arc::new(sink));
    let mut tenants = export.tenants(Timestamp(0)).await?;
    if let Some(tenant) = &args.tenant {
        tenants.retain(|known| known == tenant);
        if tenants.is_empty() {
            return Err(Exit::NotFound.error(format!(
                "there is no tenant '{tenant}' and never was; 'fluxgate tenants list' shows the tenants"
            )));
        }
    }
    if args.forget {
        let tenants = forget(&export, &tenants).await?;
        return args.print.print(&forgotten(&args.file, tenants));
    }
    let mut sum = Exported {
        complete: true,
        ..Exported::default()
    };
    for tenant in &tenants {
        if args.restart {
            export.restart(tenant).await?;
        }
        let exported = export.export(tenant, Timestamp(i64::MAX)).await?;
        sum.events += exported.events;
        sum.charged.0 += exported.charged.0;
        sum.complete &= exported.complete;
    }
    if !sum.complete {
        args.print.note(
            "there is more to export: too many tasks are still running or only minutes old; export again in ten minutes",
        );
    }
    let Exported {
        events,
        charged,
        complete,
        ..
    } = sum;
    let file = args.file.display();
    args.print.print(&Facts {
        json: json!({
            "events": events, "charged_usd": charged.usd(), "complete": complete,
            "file": file.to_string(),
        }),
        quiet: events.to_string(),
        text: format!(
            "added {} to {file}; they total {charged}",
            counted(events, "event")
        ),
    })
}

/// Of how many tenants. Fails with the places that there are, if none was exported to this one.
async fn forget(export: &UsageExport, tenants: &[TenantId]) -> Result<usize> {
    let (place, mut forgotten, mut others) = (export.place(), 0, BTreeSet::new());
    for tenant in tenants {
        let begun = export.begun(tenant).await?;
        if begun.iter().any(|begun| begun == place) {
            export.forget(tenant).await?;
            forgotten += 1;
        }
        others.extend(begun.iter().map(|place| name(place).to_owned()));
    }
    if forgotten > 0 {
        return Ok(forgotten);
    }
    let place = name(place);
    let others = match others.is_empty() {
        true => "nothing was exported yet".to_owned(),
        false => format!("those are: {}", Vec::from_iter(others).join(", ")),
    };
    Err(Exit::NotFound.error(format!("there is no export to {place}; {others}")))
}

/// The file that a place stands for.
fn name(place: &str) -> &str {
    place.strip_prefix("file:").unwrap_or(place)
}

fn forgotten(file: &Path, tenants: usize) -> Facts {
    let file = file.display();
    Facts {
        json: json!({ "file": file.to_string(), "forgotten": tenants }),
        quiet: tenants.to_string(),
        text: format!(
            "forgot the export to {file} of {}; its events stay in the file",
            counted(tenants, "tenant")
        ),
    }
}
