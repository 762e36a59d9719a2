//! `fluxgate tenants add|list|show|change|suspend|resume|rotate-webhook-secret|delete`.

mod add;
mod answer;
mod fields;
mod retention;
mod trust;

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::id::TenantId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::accounts::AccountAnswer;
use super::admin::AdminArgs;
use super::exit::{in_flags, with_flag};
use super::print::{self, Facts, PrintArgs};
use crate::client::Admin;
use crate::values::duration_ms;
use answer::{TenantAnswer, tenant};
use fields::Fields;

#[derive(Args)]
pub(super) struct TenantsArgs {
    #[command(subcommand)]
    command: TenantsCommand,
}

#[derive(Subcommand)]
enum TenantsCommand {
    /// Create a tenant that works at once, even while 'serve' runs on the same folder
    Add(Box<add::AddArgs>),
    /// List the tenants with their available balance
    List {
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Show one tenant as JSON
    Show(OneTenant),
    /// Change whom a tenant trusts, where its outputs go, or its limits
    Change(Box<ChangeArgs>),
    /// Stop a tenant from starting anything new; running tasks finish, and it may still read
    Suspend(OneTenant),
    /// End a suspension
    Resume(OneTenant),
    /// Give a tenant's '?webhook=' callbacks a new secret and print it; the old one signs beside it
    /// until the overlap is over
    RotateWebhookSecret {
        /// How long both sign, such as 90m, 24h or 7d, at most 30d; 0 revokes the old one at once
        #[arg(long, default_value = "24h", value_name = "TIME", value_parser = duration_ms)]
        overlap: u64,
        #[command(flatten)]
        tenant: OneTenant,
    },
    /// Delete a tenant that has nothing running; its tasks and its ledger are kept
    Delete {
        /// Delete it even if it has money left
        #[arg(long)]
        forget_balance: bool,
        #[command(flatten)]
        tenant: OneTenant,
    },
}

#[derive(Args)]
struct OneTenant {
    /// The tenant
    name: TenantId,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args)]
struct ChangeArgs {
    #[command(flatten)]
    tenant: OneTenant,
    #[command(flatten)]
    fields: Fields,
}

/// The secret of callbacks that the admin API made.
#[derive(Deserialize)]
struct RotatedAnswer {
    webhook_secret: String,
    old_secrets_sign_until: Option<String>,
}

pub(super) async fn run(args: TenantsArgs) -> Result<()> {
    match args.command {
        TenantsCommand::Add(args) => add::run(*args).await,
        TenantsCommand::List { print, admin } => list(print, &admin.admin()?).await,
        TenantsCommand::Show(args) => show(&args).await,
        TenantsCommand::Change(args) => change(*args).await,
        TenantsCommand::Suspend(args) => {
            let told = "cannot start anything new; running tasks finish";
            args.set("suspend", told).await
        }
        TenantsCommand::Resume(args) => args.set("resume", "may submit again").await,
        TenantsCommand::RotateWebhookSecret { tenant, overlap } => {
            rotate_webhook_secret(&tenant, overlap).await
        }
        TenantsCommand::Delete {
            tenant,
            forget_balance,
        } => delete(&tenant, forget_balance).await,
    }
}

impl OneTenant {
    /// Changes its state and tells of it.
    async fn set(&self, route: &str, what: &str) -> Result<()> {
        let admin = self.admin.admin()?;
        let path = format!("/tenants/{}/{route}", self.name);
        let tenant: TenantAnswer = admin.call(Method::POST, &path, &[], None).await?;
        self.told(&admin, &tenant, what).await
    }

    async fn told(&self, admin: &Admin, tenant: &TenantAnswer, what: &str) -> Result<()> {
        self.print.print(&Facts {
            json: tenant.view(admin).await?,
            quiet: tenant.id.to_string(),
            text: format!("tenant {} {what}", tenant.id),
        })
    }
}

async fn delete(tenant: &OneTenant, forget_balance: bool) -> Result<()> {
    let (name, admin) = (&tenant.name, tenant.admin.admin()?);
    let query = [("forget_balance", "true")];
    let query = if forget_balance { &query[..] } else { &[] };
    let deleted = admin.delete(&format!("/tenants/{name}"), query).await;
    deleted.map_err(in_flags)?;
    tenant.print.print(&Facts {
        json: json!({ "id": name, "deleted": true }),
        quiet: name.to_string(),
        text: format!("tenant {name} is deleted; its tasks and its ledger are kept"),
    })
}

async fn rotate_webhook_secret(tenant: &OneTenant, overlap_ms: u64) -> Result<()> {
    let (name, admin) = (&tenant.name, tenant.admin.admin()?);
    let path = format!("/tenants/{name}/webhook-secret");
    let overlap = json!({ "overlap_s": overlap_ms.div_ceil(1_000) });
    let rotated: RotatedAnswer = admin.post(&path, &overlap).await?;
    let (secret, until) = (rotated.webhook_secret, rotated.old_secrets_sign_until);
    tenant.print.print(&Facts {
        json: json!({ "id": name, "secret": secret, "old_secret_until": until }),
        quiet: secret.clone(),
        text: secret,
    })?;
    match until {
        Some(until) => tenant.print.note(format_args!(
            "the old secret signs beside this one until {until}"
        )),
        None => tenant.print.note("the old secret signs nothing any more"),
    }
    Ok(())
}

async fn list(print: PrintArgs, admin: &Admin) -> Result<()> {
    let tenants: Vec<TenantAnswer> = admin.get("/tenants", &[("accounts", "true")]).await?;
    let (mut json, mut quiet, mut text) = (Vec::new(), String::new(), String::new());
    for tenant in &tenants {
        let Some(account) = &tenant.account else {
            continue;
        };
        json.push(tenant.summary(account));
        quiet += &format!("{}\n", tenant.id);
        text += &line(tenant, account);
    }
    print.print(&Facts {
        json: json.into(),
        quiet,
        text,
    })
}

fn line(tenant: &TenantAnswer, account: &AccountAnswer) -> String {
    format!(
        "{:<24} {:<9} available {:>12}  held {:>10}  captured {:>12}  this month {:>12}  {:>4} in flight  s3://{}{}\n",
        tenant.id.as_str(),
        tenant.state,
        account.available.to_string(),
        account.held.to_string(),
        account.captured.to_string(),
        account.spent_this_month.to_string(),
        account.tasks_in_flight,
        tenant.bucket,
        budget(account)
    )
}

/// What it spent of its month's budget, if it has one.
fn budget(account: &AccountAnswer) -> String {
    account.budget.as_ref().map_or_else(String::new, |budget| {
        let (spent, limit, left) = (budget.spent, budget.limit, budget.left);
        format!("  spent this month {spent}, budget {limit}, {left} left")
    })
}

/// As JSON for people too.
async fn show(args: &OneTenant) -> Result<()> {
    let admin = args.admin.admin()?;
    let tenant = tenant(&admin, &args.name).await?;
    if args.print.quiet {
        return print::line(&tenant.state);
    }
    print::json(&tenant.view(&admin).await?)
}

async fn change(args: ChangeArgs) -> Result<()> {
    let ChangeArgs {
        tenant: one,
        fields,
    } = args;
    let admin = one.admin.admin()?;
    let now = tenant(&admin, &one.name).await?;
    let (query, flags) = (fields.query(), fields.flags());
    let body: Value = fields.change_of(&now)?;
    let path = format!("/tenants/{}", one.name);
    let changed = admin.call(Method::PATCH, &path, query, Some(&body)).await;
    let changed: TenantAnswer = changed.map_err(|error| with_flag(error, &flags))?;
    let issuers = changed.issuers().join(" and ");
    let place = format!("s3://{}/{}", changed.bucket, changed.prefix);
    let told = format!("trusts {issuers}; its outputs go to {place}");
    one.told(&admin, &changed, &told).await
}
