//! `fluxgate usage export`.

use std::path::PathBuf;
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
    /// Export everything again from the first charge; the events keep their ids
    #[arg(long)]
    restart: bool,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: ExportArgs) -> Result<()> {
    let folder = DataFolder::open_existing(&args.folder.data)?;
    let sink = Arc::new(FileUsageSink::open(&args.file)?);
    let export = UsageExport::new(folder.context(), Arc::new(folder.store), sink);
    let mut tenants = export.tenants(Timestamp(0)).await?;
    if let Some(tenant) = &args.tenant {
        tenants.retain(|known| known == tenant);
        if tenants.is_empty() {
            return Err(Exit::NotFound.error(format!(
                "there is no tenant '{tenant}' and never was; 'fluxgate tenants list' shows the tenants"
            )));
        }
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
