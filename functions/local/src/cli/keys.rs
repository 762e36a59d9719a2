//! `fluxgate keys create|list|show|rotate|revoke|rotate-signing`.

use std::fmt::Write as _;

use anyhow::Result;
use clap::{Args, Subcommand};
use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::{counted, json};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::AdminArgs;
use super::exit::with_flag;
use super::print::{Facts, PrintArgs, word};
use crate::values::duration_ms;

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Make an API key and print it; it is shown only now
    Create(Box<CreateArgs>),
    /// List a tenant's API keys
    List(TenantArgs),
    /// Show one API key, and what it has used in this month if it has a limit
    Show(KeyArgs),
    /// Make a key like another, which ends when the overlap is over, and print it
    Rotate {
        /// How long both are valid, such as 90m, 24h or 7d, at most 30d; 0 revokes the old one at
        /// once
        #[arg(long, default_value = "24h", value_name = "TIME", value_parser = duration_ms)]
        overlap: u64,
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Revoke API keys and the keys that they made: all are refused everywhere within 10 seconds
    Revoke(RevokeArgs),
    /// Sign new API keys with a new signing key; those that there are stay valid
    RotateSigning {
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

#[derive(Args)]
struct TenantArgs {
    /// The tenant
    tenant: TenantId,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Args)]
struct KeyArgs {
    /// The tenant
    tenant: TenantId,
    /// The id of its key
    key: KeyId,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

/// One or several of a tenant's keys.
#[derive(Args)]
struct RevokeArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    /// The ids of its keys
    #[arg(required = true)]
    keys: Vec<KeyId>,
}

#[derive(Args)]
struct CreateArgs {
    #[command(flatten)]
    tenant: TenantArgs,
    #[command(flatten)]
    fields: KeyFields,
}

#[derive(Args)]
#[command(next_help_heading = "What it is to be")]
struct KeyFields {
    /// What you call it
    #[arg(long)]
    name: String,
    /// What it may be used for: submit, read, endpoints, billing, keys
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "submit,read",
        value_name = "SCOPES",
        alias = "scopes"
    )]
    scope: Vec<String>,
    /// When it ends: in days, such as 90d; at the end of a day in UTC, such as 2027-03-01; or never
    #[arg(long, default_value = "90d", value_name = "WHEN")]
    expires: String,
    /// The models that it may run, by id, or by the beginning of one and '*' [default: all]
    #[arg(long, value_delimiter = ',', value_name = "MODELS")]
    models: Vec<String>,
    /// What its runs may cost in a month, in USD [default: no limit of its own]
    #[arg(long, value_name = "USD")]
    monthly_usd: Option<String>,
}

/// The flag of each field that the API may name in an error.
const FLAGS: [(&str, &str); 5] = [
    ("name", "--name"),
    ("scopes", "--scope"),
    ("expires", "--expires"),
    ("models", "--models"),
    ("monthly_usd", "--monthly-usd"),
];

#[derive(Deserialize)]
struct KeyAnswer {
    id: KeyId,
    key: Option<String>,
    name: String,
    scopes: Vec<String>,
    state: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    models: Vec<String>,
    monthly_usd: Option<f64>,
    makers: Vec<KeyId>,
}

pub(super) async fn run(args: KeysArgs) -> Result<()> {
    match args.command {
        KeysCommand::Create(args) => create(&args).await,
        KeysCommand::List(args) => list(&args).await,
        KeysCommand::Show(args) => show(&args).await,
        KeysCommand::Rotate { key, overlap } => rotate(&key, overlap).await,
        KeysCommand::Revoke(args) => revoke(&args).await,
        KeysCommand::RotateSigning { print, admin } => rotate_signing(print, &admin).await,
    }
}

async fn create(args: &CreateArgs) -> Result<()> {
    let TenantArgs {
        tenant,
        print,
        admin,
    } = &args.tenant;
    let fields = &args.fields;
    let mut body = json!({
        "name": fields.name, "scopes": fields.scope, "expires": fields.expires,
        "models": fields.models,
    });
    if let Some(usd) = &fields.monthly_usd {
        body["monthly_usd"] = usd.as_str().into();
    }
    let path = format!("/tenants/{tenant}/keys");
    let made = admin.admin()?.post(&path, &body).await;
    let made: Value = made.map_err(|error| with_flag(error, &FLAGS))?;
    tell_token(*print, made)?;
    if !fields.scope.iter().any(|scope| scope == "endpoints") {
        let scopes = fields.scope.join(",");
        print.note(format_args!(
            "it may not register endpoints; a key with --scope {scopes},endpoints may"
        ));
    }
    Ok(())
}

/// The token alone is on standard output, so that a shell can take it from there.
fn tell_token(print: PrintArgs, made: Value) -> Result<()> {
    let answer: KeyAnswer = json::of(made.clone())?;
    let token = answer.key.clone().unwrap_or_default();
    print.print(&Facts {
        json: made,
        quiet: token.clone(),
        text: token,
    })?;
    let KeyAnswer { id, name, .. } = &answer;
    print.note(format_args!(
        "key {id} '{name}' {}; it is not shown again",
        answer.end()
    ));
    Ok(())
}

impl KeyAnswer {
    fn end(&self) -> String {
        match &self.expires_at {
            Some(at) => format!("is valid until {at}"),
            None => "does not expire".to_owned(),
        }
    }

    fn state(&self) -> String {
        match self.state.as_str() {
            "active" => self.end(),
            other => other.to_owned(),
        }
    }

    fn models(&self) -> String {
        match self.models.is_empty() {
            true => "all models".to_owned(),
            false => self.models.join(","),
        }
    }

    fn limit(&self) -> String {
        match self.monthly_usd {
            Some(usd) => format!("{usd} USD a month"),
            None => "no monthly limit".to_owned(),
        }
    }

    fn used(&self) -> String {
        match &self.last_used_at {
            Some(at) => format!("used {at}"),
            None => "never used".to_owned(),
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.scopes.join(","),
            self.models(),
            self.limit(),
            self.used(),
            self.state(),
        ]
    }
}

/// One line for each key, its cells below those of the line before.
fn table(keys: &[KeyAnswer]) -> String {
    let rows: Vec<Vec<String>> = keys.iter().map(KeyAnswer::cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let line = |row: &Vec<String>| {
        let padded = row.iter().enumerate();
        let padded = padded.map(|(column, cell)| format!("{cell:<0$}", width(column)));
        let padded: Vec<String> = padded.collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

async fn list(args: &TenantArgs) -> Result<()> {
    let path = format!("/tenants/{}/keys", args.tenant);
    let listed: Value = args.admin.admin()?.get(&path, &[]).await?;
    let keys: Vec<KeyAnswer> = json::of(listed.clone())?;
    args.print.print(&Facts {
        json: listed,
        quiet: keys.iter().map(|key| format!("{}\n", key.id)).collect(),
        text: table(&keys),
    })
}

async fn show(args: &KeyArgs) -> Result<()> {
    let shown: Value = args.admin.admin()?.get(&args.path(), &[]).await?;
    let key: KeyAnswer = json::of(shown.clone())?;
    let limit = match shown["month_used_usd"].as_f64() {
        Some(used) => format!("{}, {used} USD used in this one", key.limit()),
        None => key.limit(),
    };
    let mut text = String::new();
    for (name, value) in [
        ("key", key.id.to_string()),
        ("name", key.name.clone()),
        ("scopes", key.scopes.join(", ")),
        ("models", key.models()),
        ("limit", limit),
        ("state", format!("{}, {}", key.state(), key.used())),
        ("made by", word(&shown, "/made_by").to_owned()),
    ] {
        let _ = writeln!(text, "{name:<8} {value}");
    }
    args.print.print(&Facts {
        quiet: key.state.clone(),
        text,
        json: shown,
    })
}

async fn rotate(args: &KeyArgs, overlap_ms: u64) -> Result<()> {
    let path = format!("{}/rotate", args.path());
    let overlap = json!({ "overlap_s": overlap_ms.div_ceil(1_000) });
    let rotated: Value = args.admin.admin()?.post(&path, &overlap).await?;
    tell_token(args.print, rotated)
}

/// A key that another one made is revoked with it, and then is not there to be revoked by itself.
async fn revoke(args: &RevokeArgs) -> Result<()> {
    let TenantArgs {
        tenant,
        print,
        admin,
    } = &args.tenant;
    let (admin, path) = (admin.admin()?, format!("/tenants/{tenant}/keys"));
    let listed: Vec<KeyAnswer> = json::of(admin.get(&path, &[]).await?)?;
    let mut revoked: Vec<KeyId> = Vec::new();
    for id in &args.keys {
        if revoked.contains(id) {
            continue;
        }
        admin.delete(&format!("{path}/{id}"), &[]).await?;
        let gone = |key: &&KeyAnswer| key.id == *id || key.makers.contains(id);
        let gone = listed.iter().filter(gone).map(|key| key.id.clone());
        revoked.extend(
            gone.filter(|key| !revoked.contains(key))
                .collect::<Vec<_>>(),
        );
    }
    let line = |id: &KeyId| match args.keys.contains(id) {
        true => format!("key {id} is revoked\n"),
        false => format!("key {id} is revoked: a revoked key made it\n"),
    };
    print.print(&Facts {
        json: json!({ "revoked": revoked }),
        quiet: revoked.iter().map(|id| format!("{id}\n")).collect(),
        text: revoked.iter().map(line).collect(),
    })?;
    print.note("every process refuses them within 10 seconds");
    Ok(())
}

async fn rotate_signing(print: PrintArgs, admin: &AdminArgs) -> Result<()> {
    let path = "/signing-keys/rotate";
    let rotated: Value = admin.admin()?.call(Method::POST, path, &[], None).await?;
    let keys = rotated["keys"].as_array().cloned().unwrap_or_default();
    let kid = |key: &Value| key["kid"].as_str().unwrap_or_default().to_owned();
    let line = |key: &Value| {
        let state = match key["retired_at"].as_str() {
            Some(at) => format!("retired {at}"),
            None => "signs new keys".to_owned(),
        };
        let signed = usize::try_from(key["api_keys"].as_u64().unwrap_or_default());
        let signed = counted(signed.unwrap_or_default(), "API key");
        format!("{}  {signed}  {state}\n", kid(key))
    };
    print.print(&Facts {
        quiet: keys.first().map(kid).unwrap_or_default(),
        text: keys.iter().map(line).collect(),
        json: rotated,
    })
}

impl KeyArgs {
    fn path(&self) -> String {
        format!("/tenants/{}/keys/{}", self.tenant, self.key)
    }
}
