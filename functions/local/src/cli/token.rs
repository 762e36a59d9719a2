//! `fluxgate token`.

use anyhow::Result;
use clap::Args;
use fluxgate_core::id::TenantId;

use serde_json::json;

use super::FolderArgs;
use super::print::{Facts, PrintArgs};
use crate::folder::FolderSecrets;

#[derive(Args)]
pub(super) struct TokenArgs {
    /// The tenant that the token is for
    #[arg(required_unless_present = "admin")]
    tenant: Option<TenantId>,
    /// Print the installation's admin token instead, for /admin/v1; it does not expire
    #[arg(long, conflicts_with_all = ["tenant", "hours"])]
    admin: bool,
    /// How long it is valid, in hours
    #[arg(long, default_value = "24", value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=8760))]
    hours: u64,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) async fn run(args: TokenArgs) -> Result<()> {
    let folder = args.folder.reader()?;
    let token = match &args.tenant {
        Some(tenant) => folder.token(tenant, args.hours * 3_600_000).await?,
        None => FolderSecrets::open(&folder.path)?
            .admin_token
            .expose()
            .to_owned(),
    };
    args.print.print(&Facts {
        json: json!({ "token": token }),
        quiet: token.clone(),
        text: token,
    })
}
