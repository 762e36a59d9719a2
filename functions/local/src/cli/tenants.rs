//! `fluxgate tenants add|list|show|change|suspend|resume|rotate-webhook-secret|delete`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use fluxgate_core::app::{Deletion, NewDestination, Operator, Rotation, TenantChange};
use fluxgate_core::id::TenantId;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::money::{Account, MicroUsd};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::tenant::{Actor, Tenant, TenantState, Trust, UnarchivedOutputs};
use fluxgate_core::webhook::CallbackUrl;
use serde_json::{Value, json};

use super::limits::LimitsArgs;
use super::{FolderArgs, print};
use crate::folder::{DataFolder, LOCAL_AUDIENCE, LOCAL_ISSUER};
use crate::values::duration_ms;

#[derive(Args)]
pub(super) struct TenantsArgs {
    #[command(subcommand)]
    command: TenantsCommand,
}

#[derive(Subcommand)]
enum TenantsCommand {
    /// Create a tenant that works at once, even while 'serve' runs on the same folder
    Add {
        /// 1 to 48 of a-z, 0-9 and '-'
        name: TenantId,
        /// Its starting balance, in USD
        #[arg(long, default_value = "10", value_name = "USD", allow_hyphen_values = true, value_parser = MicroUsd::parse_usd)]
        balance: MicroUsd,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// List the tenants with their available balance
    List {
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// Show one tenant as JSON
    Show(OneTenant),
    /// Change whom a tenant trusts, where its outputs go, or its limits
    Change(ChangeArgs),
    /// Stop a tenant from starting anything new; running tasks finish, and it may still read
    Suspend(OneTenant),
    /// End a suspension
    Resume(OneTenant),
    /// Give a tenant's '?webhook=' callbacks a new secret and print it; the old one signs beside it
    /// until the overlap is over
    RotateWebhookSecret {
        #[command(flatten)]
        tenant: OneTenant,
        /// How long both sign, such as 90m, 24h or 7d, at most 30d; 0 revokes the old one at once
        #[arg(long, default_value = "24h", value_name = "TIME", value_parser = duration_ms)]
        overlap: u64,
    },
    /// Delete a tenant that has nothing running; its tasks and its ledger are kept
    Delete {
        #[command(flatten)]
        tenant: OneTenant,
        /// Delete it even if it has money left
        #[arg(long)]
        forget_balance: bool,
    },
}

#[derive(Args)]
struct OneTenant {
    name: TenantId,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Args)]
struct ChangeArgs {
    #[command(flatten)]
    tenant: OneTenant,
    /// A JSON file with the issuers to trust, which replaces the current ones: [{issuer, audience,
    /// keys, claim?, scopes?}]
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The bucket for future outputs
    #[arg(long)]
    bucket: Option<String>,
    /// Prefix of the keys of future outputs; '' for none
    #[arg(long)]
    prefix: Option<String>,
    /// For a finished run whose outputs its own bucket or role refuses for a day: 'charge' it and
    /// return the provider's links, or 'release' the hold and fail the task
    #[arg(long, value_name = "WHAT", value_parser = UnarchivedOutputs::parse)]
    unarchived: Option<UnarchivedOutputs>,
    #[command(flatten)]
    limits: LimitsArgs,
}

pub(super) async fn run(args: TenantsArgs) -> Result<()> {
    match args.command {
        TenantsCommand::Add {
            name,
            balance,
            folder,
        } => add(&name, balance, &folder).await,
        TenantsCommand::List { folder } => list(&folder).await,
        TenantsCommand::Show(OneTenant { name, folder }) => show(&name, &folder).await,
        TenantsCommand::Change(args) => change(args).await,
        TenantsCommand::Suspend(OneTenant { name, folder }) => {
            folder.operator()?.suspend(&name, &Actor::cli()).await?;
            print::line(format_args!(
                "tenant {name} cannot start anything new; running tasks finish"
            ))
        }
        TenantsCommand::Resume(OneTenant { name, folder }) => {
            folder.operator()?.resume(&name, &Actor::cli()).await?;
            print::line(format_args!("tenant {name} may submit again"))
        }
        TenantsCommand::RotateWebhookSecret { tenant, overlap } => {
            rotate_webhook_secret(&tenant, overlap).await
        }
        TenantsCommand::Delete {
            tenant: OneTenant { name, folder },
            forget_balance,
        } => {
            let deletion = Deletion { forget_balance };
            folder
                .operator()?
                .delete(&name, deletion, &Actor::cli())
                .await?;
            print::line(format_args!(
                "tenant {name} is deleted; its tasks and its ledger are kept"
            ))
        }
    }
}

async fn add(name: &TenantId, balance: MicroUsd, folder: &FolderArgs) -> Result<()> {
    let folder = DataFolder::open(&folder.data)?;
    let tenant = folder.add_tenant(name, balance).await?;
    let bucket = &tenant.destination.bucket;
    print::line(format_args!(
        "tenant {name} may spend {balance}; its outputs go to s3://{bucket}"
    ))?;
    print::note(format_args!(
        "next: fluxgate token {name} --data {}",
        folder.path.display()
    ));
    Ok(())
}

async fn rotate_webhook_secret(tenant: &OneTenant, overlap_ms: u64) -> Result<()> {
    let rotation = Rotation {
        secret: None,
        overlap_ms,
    };
    let operator = tenant.folder.operator()?;
    let (secret, until) = operator
        .rotate_webhook_secret(&tenant.name, rotation, &Actor::cli())
        .await?;
    print::line(secret.expose())?;
    match until {
        Some(until) => print::note(format_args!(
            "the old secret signs beside this one until {}",
            until.rfc3339()
        )),
        None => print::note("the old secret signs nothing any more"),
    }
    Ok(())
}

async fn list(folder: &FolderArgs) -> Result<()> {
    let operator = folder.reader()?.operator(None);
    for tenant in operator.tenants().await? {
        let account = operator.account(&tenant.id).await?;
        print::line(format_args!(
            "{:<24} available {:>12}  held {:>10}  captured {:>12}  s3://{}{}",
            tenant.id.as_str(),
            account.available.to_string(),
            account.held.to_string(),
            account.captured.to_string(),
            tenant.destination.bucket,
            remarks(&tenant, &account)
        ))?;
    }
    Ok(())
}

/// What keeps it from spending, besides its balance.
fn remarks(tenant: &Tenant, account: &Account) -> String {
    let state = if tenant.state == TenantState::Suspended {
        "  suspended"
    } else {
        ""
    };
    let month = account.budget_at(SystemClock.now());
    let budget = month
        .as_ref()
        .and_then(|month| Some((month.budget.as_ref()?.limit_micro_usd, month.left())));
    let budget = budget.map_or_else(String::new, |(limit, left)| {
        format!("  budget {limit}, {left} left")
    });
    format!("{state}{budget}")
}

async fn show(name: &TenantId, folder: &FolderArgs) -> Result<()> {
    let operator = folder.reader()?.operator(None);
    print::json(&view(&operator, &operator.tenant(name).await?).await?)
}

async fn change(args: ChangeArgs) -> Result<()> {
    let OneTenant { name, folder } = args.tenant;
    let operator = folder.operator()?;
    let now = operator.tenant(&name).await?;
    let limits = args.limits.of(now.limits);
    let now = now.destination;
    let trust = args.trust.as_deref().map(trust).transpose()?;
    let destination = (args.bucket.is_some() || args.prefix.is_some()).then(|| NewDestination {
        bucket: args.bucket.unwrap_or(now.bucket),
        prefix: args.prefix.unwrap_or(now.prefix),
        bucket_owner: now.bucket_owner,
        role_arn: now.role.map(|role| role.arn),
    });
    let change = TenantChange {
        trust,
        destination,
        limits,
        unarchived: args.unarchived,
    };
    let tenant = operator.change(&name, change, &Actor::cli()).await?;
    let issuers: Vec<&str> = tenant
        .trust
        .iter()
        .map(|trust| trust.issuer.as_str())
        .collect();
    let place = format!(
        "s3://{}/{}",
        tenant.destination.bucket, tenant.destination.prefix
    );
    print::line(format_args!(
        "tenant {name} trusts {}; its outputs go to {place}",
        issuers.join(" and ")
    ))
}

fn trust(path: &Path) -> Result<Vec<Trust>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    json::read(text.as_bytes(), JsonBounds::DOCUMENT)
        .with_context(|| format!("{} is not a JSON list of trusts", path.display()))
}

/// Everything but the secrets.
async fn view(operator: &Operator, tenant: &Tenant) -> Result<Value> {
    let account = operator.account(&tenant.id).await?;
    let endpoints = operator.endpoints(&tenant.id).await?;
    let trust: Vec<Value> = tenant
        .trust
        .iter()
        .map(|trust| json!({ "issuer": trust.issuer, "audience": trust.audience, "claim": trust.claim }))
        .collect();
    Ok(json!({
        "id": tenant.id, "version": tenant.version, "state": tenant.state, "created_at": tenant.created_at.rfc3339(),
        "account": {
            "available_usd": account.available.usd(), "held_usd": account.held.usd(), "captured_usd": account.captured.usd(),
        },
        "destination": tenant.destination, "trust": trust, "limits": tenant.limits,
        "unarchived": tenant.unarchived,
        "local_issuer": { "iss": LOCAL_ISSUER, "aud": LOCAL_AUDIENCE },
        "endpoints": endpoints.iter().map(|endpoint| json!({
            "id": endpoint.id, "url": endpoint.url().map(CallbackUrl::without_path), "enabled": endpoint.enabled,
        })).collect::<Vec<_>>(),
    }))
}
