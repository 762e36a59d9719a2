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
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::CallbackUrl;
use serde_json::{Value, json};

use super::FolderArgs;
use super::budget;
use super::exit::in_flags;
use super::limits::LimitsArgs;
use super::print::{self, Facts, PrintArgs};
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
        print: PrintArgs,
        #[command(flatten)]
        folder: FolderArgs,
    },
    /// List the tenants with their available balance
    List {
        #[command(flatten)]
        print: PrintArgs,
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
    print: PrintArgs,
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
            print,
            folder,
        } => add(&name, balance, print, &folder).await,
        TenantsCommand::List { print, folder } => list(print, &folder).await,
        TenantsCommand::Show(args) => show(&args).await,
        TenantsCommand::Change(args) => change(args).await,
        TenantsCommand::Suspend(args) => {
            let operator = args.folder.operator()?;
            operator.suspend(&args.name, &Actor::cli()).await?;
            let told = "cannot start anything new; running tasks finish";
            args.told(&operator, told).await
        }
        TenantsCommand::Resume(args) => {
            let operator = args.folder.operator()?;
            operator.resume(&args.name, &Actor::cli()).await?;
            args.told(&operator, "may submit again").await
        }
        TenantsCommand::RotateWebhookSecret { tenant, overlap } => {
            rotate_webhook_secret(&tenant, overlap).await
        }
        TenantsCommand::Delete {
            tenant,
            forget_balance,
        } => delete(&tenant, Deletion { forget_balance }).await,
    }
}

impl OneTenant {
    /// Tells of the tenant as it is now.
    async fn told(&self, operator: &Operator, what: &str) -> Result<()> {
        let tenant = operator.tenant(&self.name).await?;
        self.print.print(&Facts {
            json: view(operator, &tenant).await?,
            quiet: tenant.id.to_string(),
            text: format!("tenant {} {what}", tenant.id),
        })
    }
}

async fn add(
    name: &TenantId,
    balance: MicroUsd,
    print: PrintArgs,
    folder: &FolderArgs,
) -> Result<()> {
    let folder = DataFolder::open(&folder.data)?;
    let tenant = folder.add_tenant(name, balance).await?;
    let bucket = &tenant.destination.bucket;
    print.print(&Facts {
        json: view(&folder.operator(None), &tenant).await?,
        quiet: name.to_string(),
        text: format!("tenant {name} may spend {balance}; its outputs go to s3://{bucket}"),
    })?;
    print.note(format_args!(
        "next: fluxgate token {name} --data {}",
        folder.path.display()
    ));
    Ok(())
}

async fn delete(tenant: &OneTenant, deletion: Deletion) -> Result<()> {
    let (name, operator) = (&tenant.name, tenant.folder.operator()?);
    let deleted = operator.delete(name, deletion, &Actor::cli()).await;
    deleted.map_err(in_flags)?;
    tenant.print.print(&Facts {
        json: json!({ "id": name, "deleted": true }),
        quiet: name.to_string(),
        text: format!("tenant {name} is deleted; its tasks and its ledger are kept"),
    })
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
    let (secret, until) = (secret.expose(), until.map(Timestamp::rfc3339));
    tenant.print.print(&Facts {
        json: json!({ "id": tenant.name, "secret": secret, "old_secret_until": until }),
        quiet: secret.to_owned(),
        text: secret.to_owned(),
    })?;
    match until {
        Some(until) => tenant.print.note(format_args!(
            "the old secret signs beside this one until {until}"
        )),
        None => tenant.print.note("the old secret signs nothing any more"),
    }
    Ok(())
}

async fn list(print: PrintArgs, folder: &FolderArgs) -> Result<()> {
    let operator = folder.reader()?.operator(None);
    let (mut json, mut quiet, mut text) = (Vec::new(), String::new(), String::new());
    for tenant in operator.tenants().await? {
        let account = operator.account(&tenant.id).await?;
        json.push(summary(&tenant, &account));
        quiet += &format!("{}\n", tenant.id);
        text += &line(&tenant, &account);
    }
    print.print(&Facts {
        json: json.into(),
        quiet,
        text,
    })
}

fn line(tenant: &Tenant, account: &Account) -> String {
    format!(
        "{:<24} available {:>12}  held {:>10}  captured {:>12}  s3://{}{}\n",
        tenant.id.as_str(),
        account.available.to_string(),
        account.held.to_string(),
        account.captured.to_string(),
        tenant.destination.bucket,
        remarks(tenant, account)
    )
}

fn summary(tenant: &Tenant, account: &Account) -> Value {
    let month = account.budget_at(SystemClock.now());
    json!({
        "id": tenant.id, "state": tenant.state, "bucket": tenant.destination.bucket,
        "available_usd": account.available.usd(), "held_usd": account.held.usd(),
        "captured_usd": account.captured.usd(),
        "budget": month.as_ref().and_then(budget::view),
    })
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

/// As JSON for people too.
async fn show(args: &OneTenant) -> Result<()> {
    let operator = args.folder.reader()?.operator(None);
    let tenant = operator.tenant(&args.name).await?;
    if args.print.quiet {
        return print::line(state(&tenant));
    }
    print::json(&view(&operator, &tenant).await?)
}

fn state(tenant: &Tenant) -> &'static str {
    match tenant.state {
        TenantState::Suspended => "suspended",
        _ => "active",
    }
}

async fn change(args: ChangeArgs) -> Result<()> {
    let name = &args.tenant.name;
    let operator = args.tenant.folder.operator()?;
    let now = operator.tenant(name).await?;
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
    let tenant = operator.change(name, change, &Actor::cli()).await?;
    let issuers: Vec<&str> = tenant
        .trust
        .iter()
        .map(|trust| trust.issuer.as_str())
        .collect();
    let place = format!(
        "s3://{}/{}",
        tenant.destination.bucket, tenant.destination.prefix
    );
    let issuers = issuers.join(" and ");
    let told = format!("trusts {issuers}; its outputs go to {place}");
    args.tenant.told(&operator, &told).await
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
