//! `fluxgate tenants add`.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use reqwest::Method;
use serde_json::{Value, json};

use super::answer::TenantAnswer;
use super::fields::Fields;
use crate::cli::access::quoted;
use crate::cli::admin::AdminArgs;
use crate::cli::exit::{reworded, usage, with_flag};
use crate::cli::print::{Facts, PrintArgs};
use crate::client::{Admin, AdminQuery, Refused};
use crate::folder::FolderSecrets;
use crate::onboarding::{FIRST_TOP_UP, local_trust};

/// Of a tenant in a data folder, unless another is named.
const LOCAL_BALANCE: MicroUsd = MicroUsd(10_000_000);

#[derive(Args)]
pub(super) struct AddArgs {
    /// 1 to 48 of a-z, 0-9 and '-'
    name: TenantId,
    /// Its starting balance, in USD [default: 10 in a data folder; none with --url, where it needs
    /// the scope 'money']
    #[arg(long, value_name = "USD", allow_hyphen_values = true, value_parser = MicroUsd::parse_usd)]
    balance: Option<MicroUsd>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

pub(super) async fn run(args: AddArgs) -> Result<()> {
    let AddArgs {
        name,
        balance,
        fields,
        print,
        admin: which,
    } = args;
    let folder = which.folder_to_fill(print)?;
    let admin = which.admin()?;
    let of_folder = || folder.as_ref().map_or(MicroUsd::ZERO, |_| LOCAL_BALANCE);
    let balance = balance.unwrap_or_else(of_folder);
    let (query, flags) = (fields.query(), fields.flags());
    let mut new = fields.of_new()?;
    let names_issuer = new.get("trust").is_some();
    new["id"] = name.as_str().into();
    if let Some(folder) = &folder {
        fill_in(&mut new, folder, &name)?;
    } else {
        if new["destination"].get("bucket").is_none() {
            return Err(usage("name the bucket for its outputs with --bucket"));
        }
        check_top_up(&admin, &name, balance).await?;
    }
    let tenant = create(&admin, query, &new, balance)
        .await
        .map_err(|error| with_flag(error, &flags))?;
    let bucket = &tenant.bucket;
    print.print(&Facts {
        json: tenant.view(&admin).await?,
        quiet: name.to_string(),
        text: format!("tenant {name} may spend {balance}; its outputs go to s3://{bucket}"),
    })?;
    if names_issuer {
        print.note(format_args!(
            "next: fluxgate trust probe {name}, and fluxgate trust check TOKEN"
        ));
    } else if let Some(folder) = folder {
        print.note(format_args!(
            "next: fluxgate keys create {name} --name NAME --scope submit,read,endpoints --data {}",
            quoted(&folder.to_string_lossy())
        ));
    }
    Ok(())
}

async fn create(
    admin: &Admin,
    query: &AdminQuery<'_>,
    new: &Value,
    balance: MicroUsd,
) -> Result<TenantAnswer> {
    let created = admin.call(Method::POST, "/tenants", query, Some(new));
    let tenant: TenantAnswer = created.await?;
    if balance > MicroUsd::ZERO {
        let money = json!({ "amount_usd": balance.decimal(), "reference": FIRST_TOP_UP });
        let path = format!("/tenants/{}/top-ups", tenant.id);
        let topped_up = admin.post::<Value>(&path, &money).await;
        topped_up.map_err(|error| {
            let text = format!(
                "tenant {0} is made, but has no balance: {error:#}; 'fluxgate accounts top-up {0} {1} --reference {FIRST_TOP_UP}' tops it up",
                tenant.id,
                balance.decimal()
            );
            reworded(&error, text)
        })?;
    }
    Ok(tenant)
}

/// Fails before a tenant is made whom the caller may not top up. The question has no amount, and so
/// no effect; whoever lacks the scope is refused before it is read.
async fn check_top_up(admin: &Admin, name: &TenantId, balance: MicroUsd) -> Result<()> {
    if balance == MicroUsd::ZERO {
        return Ok(());
    }
    let path = format!("/tenants/{name}/top-ups");
    let Err(error) = admin.post::<Value>(&path, &json!({})).await else {
        return Ok(());
    };
    let refused = error.downcast_ref::<Refused>();
    match refused.is_some_and(|refused| refused.code.as_deref() == Some("scope_missing")) {
        true => {
            let text = format!(
                "{error:#}; nothing is made: leave --balance out, and have the tenant topped up by whoever may"
            );
            Err(reworded(&error, text))
        }
        false => Ok(()),
    }
}

/// On this machine a tenant works at once: with tokens of the folder's own issuer, and a bucket.
fn fill_in(new: &mut Value, folder: &Path, name: &TenantId) -> Result<()> {
    if new.get("trust").is_none() {
        let secrets = FolderSecrets::open(folder)?;
        new["trust"] = json!([local_trust(&secrets, name)]);
    }
    if new["destination"].get("bucket").is_none() {
        new["destination"]["bucket"] = format!("fluxgate-{name}").into();
    }
    Ok(())
}
