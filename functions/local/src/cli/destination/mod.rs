//! `fluxgate destination show|set|probe`.

mod changes;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use fluxgate_core::counted;
use fluxgate_core::id::TenantId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::admin::AdminArgs;
use super::exit::{Exit, with_flag};
use super::print::{Facts, PrintArgs, word};

/// Fields of the admin API and their flags.
const FLAGS: [(&str, &str); 15] = [
    ("bucket", "--bucket"),
    ("prefix", "--prefix"),
    ("bucket_owner", "--bucket-owner"),
    ("role_arn", "--role-arn"),
    ("endpoint", "--endpoint"),
    ("region", "--region"),
    ("access_key_id", "--access-key-id"),
    ("secret_access_key", "--secret-access-key-file"),
    ("checksums", "--checksums"),
    ("conditional_put", "--conditional-put"),
    ("key_template", "--key-template"),
    ("storage_class", "--storage-class"),
    ("kms_key", "--kms-key"),
    ("cdn_url", "--cdn-url"),
    ("path_style", "--path-style"),
];

/// clap takes the bare name in braces for the end of a line; the terminal does not see what is
/// between.
const KEY_TEMPLATE: &str = "Such as {tenant}/{date}/{task}/{\u{1b}[0mn}.{ext}";

/// What is shown beside the place, and its label.
const DETAILS: [(&str, &str); 14] = [
    ("region", "region"),
    ("access_key_id", "access key id"),
    ("path_style", "path style"),
    ("checksums", "checksums"),
    ("conditional_put", "conditional put"),
    ("role_arn", "role"),
    ("external_id", "external id"),
    ("bucket_owner", "bucket owner"),
    ("key_template", "key template"),
    ("storage_class", "storage class"),
    ("kms_key", "KMS key"),
    ("outputs", "outputs"),
    ("cdn_url", "CDN"),
    ("archive", "archive"),
];

#[derive(Args)]
pub(super) struct DestinationArgs {
    #[command(subcommand)]
    command: DestinationCommand,
}

#[derive(Subcommand)]
enum DestinationCommand {
    /// Show where a tenant's outputs go, without the store's secret
    Show(OneTenant),
    /// Change where a tenant's outputs go; what is not named stays as it is
    Set(Box<SetArgs>),
    /// Write, read by a link and delete a test object, and say what is missing; exits with 1 if
    /// anything is
    Probe(OneTenant),
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
struct SetArgs {
    /// The bucket for its outputs
    #[arg(long)]
    bucket: Option<String>,
    /// Prefix of the keys; '' for none
    #[arg(long)]
    prefix: Option<String>,
    /// The AWS account that the bucket must belong to
    #[arg(long, value_name = "ACCOUNT")]
    bucket_owner: Option<String>,
    /// The role to write with, on AWS
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Another store than the installation's own, such as https://s3.example.com
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The region on AWS, or the one that the store's requests are signed for
    #[arg(long)]
    region: Option<String>,
    /// Whether the bucket is in the path of a URL, and not in its host
    #[arg(long, value_name = "BOOL")]
    path_style: Option<bool>,
    /// The id of the access key to write with, for a store that is not the installation's own
    #[arg(long, value_name = "ID")]
    access_key_id: Option<String>,
    /// A file with the secret access key; '-' for standard input
    #[arg(long, value_name = "FILE")]
    secret_access_key_file: Option<PathBuf>,
    /// 'none' for a store that refuses checksums
    #[arg(long, value_enum)]
    checksums: Option<ChecksumsArg>,
    /// 'false' for a store that overwrites in spite of If-None-Match
    #[arg(long, value_name = "BOOL")]
    conditional_put: Option<bool>,
    #[arg(long, value_name = "TEMPLATE", help = KEY_TEMPLATE)]
    key_template: Option<String>,
    /// The storage class of its outputs, such as STANDARD_IA
    #[arg(long, value_name = "CLASS")]
    storage_class: Option<String>,
    /// The KMS key that encrypts its outputs
    #[arg(long, value_name = "ARN")]
    kms_key: Option<String>,
    /// What outputs[] of results and callbacks are
    #[arg(long, value_enum)]
    outputs: Option<OutputsArg>,
    /// What keys are appended to, with --outputs cdn
    #[arg(long, value_name = "URL")]
    cdn_url: Option<String>,
    /// 'off' leaves outputs at the provider
    #[arg(long, value_enum)]
    archive: Option<ArchiveArg>,
    /// Fields to leave out from now on, such as role_arn; 'store' for all that names another store
    /// than the installation's own
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_parser = changes::field)]
    unset: Vec<String>,
    #[command(flatten)]
    tenant: OneTenant,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChecksumsArg {
    Sha256,
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputsArg {
    Presigned,
    S3,
    Cdn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ArchiveArg {
    On,
    Off,
}

#[derive(Deserialize)]
struct TenantAnswer {
    destination: Value,
    external_id: Option<String>,
}

#[derive(Deserialize)]
struct ProbeAnswer {
    passed: bool,
    checks: Vec<Value>,
}

pub(super) async fn run(args: DestinationArgs) -> Result<()> {
    match args.command {
        DestinationCommand::Show(args) => args.show().await,
        DestinationCommand::Set(args) => set(*args).await,
        DestinationCommand::Probe(args) => args.probe().await,
    }
}

impl OneTenant {
    fn path(&self) -> String {
        format!("/tenants/{}", self.name)
    }

    async fn show(&self) -> Result<()> {
        let admin = self.admin.admin()?;
        let tenant: TenantAnswer = admin.get(&self.path(), &[]).await?;
        self.told(tenant)
    }

    fn told(&self, tenant: TenantAnswer) -> Result<()> {
        let mut destination = tenant.destination;
        let name = |field: &str| word(&destination, field).to_owned();
        let place = format!("s3://{}/{}", name("/bucket"), name("/prefix"));
        let mut store = [name("/endpoint"), name("/region")].into_iter();
        let store = store.find(|store| !store.is_empty());
        let store = store.map_or_else(String::new, |store| format!(" at {store}"));
        if let Some(external_id) = tenant.external_id {
            destination["external_id"] = external_id.into();
        }
        let text = format!("outputs of tenant {} go to {place}{store}\n", self.name);
        self.print.print(&Facts {
            text: text + &details(&destination),
            quiet: place,
            json: destination,
        })
    }

    async fn probe(&self) -> Result<()> {
        let admin = self.admin.admin_of_server()?;
        let path = format!("{}/destination/probe", self.path());
        self.print
            .note("waiting for the store, up to 120 s where it does not answer");
        let probe: ProbeAnswer = admin.post(&path, &json!({})).await?;
        let (mut text, mut failed) = (String::new(), Vec::new());
        for check in &probe.checks {
            let (name, told) = (word(check, "/name"), word(check, "/text"));
            let is_passed = check["passed"] == true;
            let mark = if is_passed { "ok  " } else { "BAD " };
            text += &format!("{mark} {name:<24} {told}\n");
            if !is_passed {
                failed.push(format!("{name}\n"));
            }
        }
        self.print.print(&Facts {
            json: json!({ "passed": probe.passed, "checks": probe.checks }),
            quiet: failed.concat(),
            text,
        })?;
        if probe.passed {
            return Ok(());
        }
        let checks = counted(probe.checks.len(), "check");
        Err(Exit::Failed.error(format!("{} of {checks} failed", failed.len())))
    }
}

async fn set(args: SetArgs) -> Result<()> {
    let admin = args.tenant.admin.admin_of_server()?;
    let now: TenantAnswer = admin.get(&args.tenant.path(), &[]).await?;
    let body = json!({ "destination": args.applied_to(now.destination)? });
    let changed = admin.patch(&args.tenant.path(), &body).await;
    let changed: TenantAnswer = changed.map_err(|error| with_flag(error, &FLAGS))?;
    args.tenant.told(changed)
}

/// What there is beside the place, a line each.
fn details(destination: &Value) -> String {
    let told = DETAILS.into_iter().filter_map(|(field, label)| {
        let value = match &destination[field] {
            Value::Null => return None,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Some(format!("  {label:<16} {value}\n"))
    });
    told.collect()
}
