//! `fluxgate tenants add|list|show`.

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountStore as _, EndpointStore, TenantStore};
use fluxgate_core::tenant::Tenant;
use serde_json::{Value, json};

use super::FolderArgs;
use crate::folder::{DataFolder, LOCAL_AUDIENCE, LOCAL_ISSUER};

#[derive(Args)]
pub(super) struct TenantsArgs {
    #[command(subcommand)]
    command: TenantsCommand,
}

#[derive(Subcommand)]
enum TenantsCommand {
    /// Make a tenant that works at once, also while 'serve' runs on the same folder
    Add {
        /// 1 to 48 of a-z, 0-9 and '-'
        name: TenantId,
        /// What it may spend, in USD
        #[arg(long, default_value = "10", value_name = "USD", allow_hyphen_values = true, value_parser = MicroUsd::parse_usd)]
        balance: MicroUsd,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// List the tenants with what they may still spend
    List {
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Show one tenant as JSON
    Show {
        name: TenantId,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

pub(super) async fn run(args: TenantsArgs) -> Result<()> {
    match args.command {
        TenantsCommand::Add { name, balance, folder } => add(&name, balance, &folder).await,
        TenantsCommand::List { folder } => list(&folder).await,
        TenantsCommand::Show { name, folder } => show(&name, &folder).await,
    }
}

async fn add(name: &TenantId, balance: MicroUsd, folder: &FolderArgs) -> Result<()> {
    let folder = DataFolder::open(&folder.data)?;
    let tenant = folder.add_tenant(name, balance).await?;
    print(&format!("tenant {name} may spend {balance}; its outputs go to s3://{}", tenant.destination.bucket));
    eprintln!("next: fluxgate token {name} --data {}", folder.path.display());
    Ok(())
}

async fn list(folder: &FolderArgs) -> Result<()> {
    let folder = DataFolder::open_existing(&folder.data)?;
    for tenant in TenantStore::list(&folder.store).await? {
        let account = folder.store.account(&tenant.id).await?;
        print(&format!(
            "{:<24} available {:>12}  held {:>10}  captured {:>12}  s3://{}",
            tenant.id.as_str(),
            account.available.to_string(),
            account.held.to_string(),
            account.captured.to_string(),
            tenant.destination.bucket
        ));
    }
    Ok(())
}

async fn show(name: &TenantId, folder: &FolderArgs) -> Result<()> {
    let folder = DataFolder::open_existing(&folder.data)?;
    let tenant = TenantStore::get(&folder.store, name).await?;
    let shown = view(&folder, &tenant).await?;
    print(&serde_json::to_string_pretty(&shown)?);
    Ok(())
}

/// Everything but the secrets.
async fn view(folder: &DataFolder, tenant: &Tenant) -> Result<Value> {
    let account = folder.store.account(&tenant.id).await?;
    let endpoints = EndpointStore::list(&folder.store, &tenant.id).await?;
    let trust: Vec<Value> = tenant
        .trust
        .iter()
        .map(|trust| json!({ "issuer": trust.issuer, "audience": trust.audience, "claim": trust.claim }))
        .collect();
    Ok(json!({
        "id": tenant.id, "state": tenant.state, "created_at": tenant.created_at.rfc3339(),
        "account": {
            "available_usd": account.available.usd(), "held_usd": account.held.usd(), "captured_usd": account.captured.usd(),
        },
        "destination": tenant.destination, "trust": trust,
        "local_issuer": { "iss": LOCAL_ISSUER, "aud": LOCAL_AUDIENCE },
        "endpoints": endpoints.iter().map(|endpoint| json!({
            "id": endpoint.id, "url": endpoint.url.url().as_str(), "enabled": endpoint.enabled,
        })).collect::<Vec<_>>(),
    }))
}

#[expect(clippy::print_stdout, reason = "the result of the command")]
fn print(line: &str) {
    println!("{line}");
}
