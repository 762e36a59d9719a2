//! `fluxgate trust check|probe`: why a token is accepted or not, and what issuers publish.

use std::io::Read as _;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use fluxgate_core::json;
use serde::Deserialize;
use serde_json::Value;

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};

/// More than any token that is accepted.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

#[derive(Args)]
pub(super) struct TrustArgs {
    #[command(subcommand)]
    command: TrustCommand,
}

#[derive(Subcommand)]
enum TrustCommand {
    /// Say, claim by claim, why a token is accepted or not; exits with 1 if it is not. Prints what
    /// the trusts compare, and neither the token nor its signature
    Check(CheckArgs),
    /// Fetch a tenant's issuers' keys now, and say which verify tokens and which do not; exits with
    /// 1 if one ought to and does not
    Probe {
        /// The tenant whose trusts are looked at
        tenant: TenantId,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

#[derive(Args)]
struct CheckArgs {
    /// The token, '-' for standard input: what is written here stays in the shell's history
    #[arg(default_value = "-")]
    token: String,
    /// Compare with this tenant's trusts alone
    #[arg(long)]
    tenant: Option<TenantId>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    admin: AdminArgs,
}

#[derive(Deserialize)]
struct Explanation {
    accepted: bool,
    tenant: Option<String>,
    scopes: Vec<String>,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    passed: bool,
    text: String,
}

#[derive(Deserialize)]
struct Probes {
    passed: bool,
    trusts: Vec<Probe>,
}

#[derive(Deserialize)]
struct Probe {
    issuer: String,
    passed: bool,
    text: String,
    dropped: Vec<Dropped>,
}

#[derive(Deserialize)]
struct Dropped {
    kid: Option<String>,
    why: String,
}

pub(super) async fn run(args: TrustArgs) -> Result<()> {
    match args.command {
        TrustCommand::Check(args) => check(args).await,
        TrustCommand::Probe {
            tenant,
            print,
            admin,
        } => probe(&tenant, print, &admin).await,
    }
}

async fn check(args: CheckArgs) -> Result<()> {
    let token = token(args.token)?;
    // With the settings of this machine: they say which networks issuers may be in.
    let admin = args.admin.admin_asking_provider()?;
    let path = match &args.tenant {
        Some(tenant) => format!("/tenants/{tenant}/trust/check"),
        None => "/trust/check".to_owned(),
    };
    let answer: Value = admin
        .post(&path, &serde_json::json!({ "token": token }))
        .await?;
    let told: Explanation = json::of(answer.clone())?;
    let mut text: String = told.checks.iter().map(Check::line).collect();
    let scopes = told.scopes.join(", ");
    let tenant = told.tenant.unwrap_or_default();
    text += &match (told.accepted, scopes.as_str()) {
        (false, _) => "not accepted\n".to_owned(),
        (true, "") => format!("accepted for tenant {tenant}, but it may do nothing\n"),
        (true, scopes) => format!("accepted for tenant {tenant}; it may {scopes}\n"),
    };
    let quiet = format!("{tenant}\n");
    let facts = Facts {
        json: answer,
        quiet: if told.accepted { quiet } else { String::new() },
        text,
    };
    args.print.print(&facts)?;
    if !told.accepted {
        bail!("the token is not accepted");
    }
    Ok(())
}

async fn probe(tenant: &TenantId, print: PrintArgs, admin: &AdminArgs) -> Result<()> {
    let admin = admin.admin_asking_provider()?;
    let path = format!("/tenants/{tenant}/trust/probe");
    let answer: Value = admin.post(&path, &serde_json::json!({})).await?;
    let told: Probes = json::of(answer.clone())?;
    let bad: Vec<&Probe> = told.trusts.iter().filter(|probe| !probe.passed).collect();
    print.print(&Facts {
        json: answer,
        quiet: bad
            .iter()
            .map(|probe| format!("{}\n", probe.issuer))
            .collect(),
        text: told.trusts.iter().map(Probe::lines).collect(),
    })?;
    if !told.passed {
        bail!("{} to look at", counted(bad.len(), "issuer"));
    }
    Ok(())
}

impl Check {
    fn line(&self) -> String {
        format!("{} {:<10} {}\n", mark(self.passed), self.name, self.text)
    }
}

impl Probe {
    fn lines(&self) -> String {
        let mut text = format!("{} {}: {}\n", mark(self.passed), self.issuer, self.text);
        for Dropped { kid, why } in &self.dropped {
            let kid = kid.as_deref().unwrap_or("without a kid");
            text += &format!("     not used: key {kid} {why}\n");
        }
        text
    }
}

fn mark(passed: bool) -> &'static str {
    if passed { "ok  " } else { "BAD " }
}

fn token(given: String) -> Result<String> {
    if given != "-" {
        return Ok(given);
    }
    let mut token = String::new();
    let mut stdin = std::io::stdin().lock().take(TOKEN_BYTES_MAX);
    stdin
        .read_to_string(&mut token)
        .context("cannot read a token from standard input")?;
    Ok(token)
}
