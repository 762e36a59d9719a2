//! `fluxgate endpoints`: where a tenant wants its events. Every command calls the gateway, as any
//! client of the tenant does.

mod fields;
mod show;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::id::EndpointId;
use reqwest::Method;
use serde_json::{Value, json};

use self::fields::{ChangeFields, Fields};
use super::caller::{Caller, CallerArgs};
use super::exit::{usage, with_flag};
use super::print::{self, Facts, PrintArgs};
use crate::client::text;
use crate::values::duration_ms;

const OVERLAP: &str = "24h";
/// The gateway's fields that have another name on the command line.
const FLAGS: [(&str, &str); 7] = [
    ("event_types", "--event"),
    ("filter.models", "--filter-model"),
    ("filter.metadata", "--filter-metadata"),
    ("headers", "--header"),
    ("rate_per_second", "--rate"),
    ("overlap_s", "--overlap"),
    ("url", "the address"),
];

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate endpoints create https://a.example --event task.completed --tenant acme --data ./data
  fluxgate endpoints change ID --header 'X-Api-Key: 1234' --tenant acme --data ./data
  fluxgate endpoints rotate-secret ID --overlap 1h --tenant acme --data ./data
  FLUXGATE_TOKEN=… fluxgate endpoints list --url https://gateway.example")]
pub(super) struct EndpointsArgs {
    #[command(subcommand)]
    command: EndpointsCommand,
}

#[derive(Subcommand)]
enum EndpointsCommand {
    /// List the endpoints, with how they do
    List(ListArgs),
    /// Show one endpoint
    Show(OneEndpoint),
    /// Register an endpoint; its secret is printed once
    Create(Box<CreateArgs>),
    /// Change an endpoint; what is left out stays as it is
    Change(Box<ChangeArgs>),
    /// Let callbacks pass again, and send what was held meanwhile
    Enable(EnableArgs),
    /// Stop callbacks; events are held until it is enabled
    Disable(OneEndpoint),
    /// Delete an endpoint; what is on its way to it is dropped
    Delete(OneEndpoint),
    /// Sign by a new secret, and for a while by those of before too
    RotateSecret(RotateSecretArgs),
    /// Sign by a new Ed25519 key, and for a while by those of before too
    RotateKey(RotateKeyArgs),
    /// Send a sample event now, and say what came back; exits with 1 unless it was taken
    Test(TestArgs),
    /// Send again what was held or has used up its attempts
    Recover(RecoverArgs),
}

#[derive(Args)]
struct Output {
    #[command(flatten)]
    who: CallerArgs,
    #[command(flatten)]
    print: PrintArgs,
}

#[derive(Args)]
struct ListArgs {
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct OneEndpoint {
    /// The endpoint, by the id that 'endpoints list' prints
    id: EndpointId,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct CreateArgs {
    /// Where events are POSTed to; https
    address: String,
    #[command(flatten)]
    fields: Fields,
    /// A secret of your own, whsec_ and the base64 of 24 to 64 bytes [default: one is made]
    #[arg(long)]
    secret: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct ChangeArgs {
    #[command(flatten)]
    endpoint: OneEndpoint,
    /// Another address to POST to
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    more: ChangeFields,
}

#[derive(Args)]
struct EnableArgs {
    #[command(flatten)]
    endpoint: OneEndpoint,
    /// What to send of what was held: 'all', 'none', or events since a time like
    /// 2026-01-31T12:00:00Z
    #[arg(long, default_value = "all", value_name = "WHICH")]
    release: String,
}

#[derive(Args)]
struct RotateSecretArgs {
    #[command(flatten)]
    endpoint: OneEndpoint,
    /// How long those of before go on signing, such as 90m, 24h or 7d; 0 revokes them at once
    #[arg(long, default_value = OVERLAP, value_name = "TIME", value_parser = overlap_s)]
    overlap: u64,
    /// A secret of your own, whsec_ and the base64 of 24 to 64 bytes [default: one is made]
    #[arg(long)]
    secret: Option<String>,
}

#[derive(Args)]
struct RotateKeyArgs {
    #[command(flatten)]
    endpoint: OneEndpoint,
    /// How long those of before go on signing, such as 90m, 24h or 7d; 0 revokes them at once
    #[arg(long, default_value = OVERLAP, value_name = "TIME", value_parser = overlap_s)]
    overlap: u64,
}

#[derive(Args)]
struct TestArgs {
    #[command(flatten)]
    endpoint: OneEndpoint,
    /// The type of the sample
    #[arg(long, default_value = "task.completed", value_name = "TYPE")]
    event: String,
}

#[derive(Args)]
struct RecoverArgs {
    #[command(flatten)]
    endpoint: OneEndpoint,
    /// Of events since a time like 2026-01-31T12:00:00Z [default: all that are kept]
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

pub(super) async fn run(args: EndpointsArgs) -> Result<()> {
    match args.command {
        EndpointsCommand::List(args) => list(&args.output).await,
        EndpointsCommand::Show(args) => {
            let shown = args.call(Method::GET, "", None).await?;
            args.output.print.print(&Facts {
                quiet: show::state(&shown.0),
                ..shown.facts()
            })
        }
        EndpointsCommand::Create(args) => create(&args).await,
        EndpointsCommand::Change(args) => change(&args).await,
        EndpointsCommand::Enable(args) => {
            let body = json!({ "enabled": true, "release": args.release });
            let one = &args.endpoint;
            one.call(Method::PATCH, "", Some(&body))
                .await?
                .shown(&one.output)
        }
        EndpointsCommand::Disable(args) => {
            let body = json!({ "enabled": false });
            args.call(Method::PATCH, "", Some(&body))
                .await?
                .shown(&args.output)
        }
        EndpointsCommand::Delete(args) => {
            args.call(Method::DELETE, "", None).await?;
            args.output.print.print(&Facts {
                json: json!({ "id": args.id, "deleted": true }),
                quiet: args.id.to_string(),
                text: format!("endpoint {} is deleted", args.id),
            })
        }
        EndpointsCommand::RotateSecret(args) => rotate_secret(&args).await,
        EndpointsCommand::RotateKey(args) => {
            let body = json!({ "overlap_s": args.overlap });
            let one = &args.endpoint;
            one.call(Method::POST, "/signing-key", Some(&body))
                .await?
                .shown(&one.output)
        }
        EndpointsCommand::Test(args) => {
            let Output { who, print } = &args.endpoint.output;
            let client = who.caller().await?;
            send_sample(&client, args.endpoint.id.as_str(), &args.event, *print).await
        }
        EndpointsCommand::Recover(args) => {
            let body = json!({ "since": args.since });
            let one = &args.endpoint;
            one.call(Method::POST, "/recover", Some(&body))
                .await?
                .shown(&one.output)
        }
    }
}

/// An endpoint as the gateway answered it.
struct Answered(Value);

impl Answered {
    fn shown(self, output: &Output) -> Result<()> {
        output.print.print(&self.facts())
    }

    fn facts(self) -> Facts {
        Facts {
            quiet: print::word(&self.0, "/id").to_owned(),
            text: show::one(&self.0),
            json: self.0,
        }
    }
}

impl OneEndpoint {
    async fn call(&self, method: Method, action: &str, body: Option<&Value>) -> Result<Answered> {
        let client = self.output.who.caller().await?;
        let path = format!("/endpoints/{}{action}", self.id);
        let answer = client.call(method, &path, body).await;
        answer
            .map(Answered)
            .map_err(|error| with_flag(error, &FLAGS))
    }
}

async fn list(output: &Output) -> Result<()> {
    let client = output.who.caller().await?;
    let endpoints = client.call(Method::GET, "/endpoints", None).await?;
    output.print.print(&Facts {
        quiet: print::ids(endpoints.as_array().into_iter().flatten()),
        text: show::table(&endpoints),
        json: endpoints,
    })
}

async fn create(args: &CreateArgs) -> Result<()> {
    let client = args.output.who.caller().await?;
    let mut body = args.fields.body()?;
    body["url"] = args.address.as_str().into();
    if let Some(secret) = &args.secret {
        body["secret"] = secret.as_str().into();
    }
    let created = client
        .call(Method::POST, "/endpoints", Some(&body))
        .await
        .map_err(|error| with_flag(error, &FLAGS))
        .context("the endpoint was not created")?;
    let facts = with_secret(created)?;
    args.output.print.print(&Facts {
        quiet: format!("{}\n{}", print::word(&facts.json, "/id"), facts.quiet),
        ..facts
    })?;
    tell_to_keep_secret(&args.output);
    Ok(())
}

async fn change(args: &ChangeArgs) -> Result<()> {
    let mut body = args.fields.body()?;
    args.more.add_to(&mut body);
    if let Some(address) = &args.address {
        body["url"] = address.as_str().into();
    }
    if body == json!({}) {
        return Err(usage(
            "nothing is to be changed; 'fluxgate endpoints change --help' lists what can be",
        ));
    }
    let one = &args.endpoint;
    one.call(Method::PATCH, "", Some(&body))
        .await
        .context("nothing was changed")?
        .shown(&one.output)
}

async fn rotate_secret(args: &RotateSecretArgs) -> Result<()> {
    let mut body = json!({ "overlap_s": args.overlap });
    if let Some(secret) = &args.secret {
        body["secret"] = secret.as_str().into();
    }
    let one = &args.endpoint;
    let rotated = one.call(Method::POST, "/secret", Some(&body)).await?;
    one.output.print.print(&with_secret(rotated.0)?)?;
    tell_to_keep_secret(&one.output);
    Ok(())
}

/// The secret goes to standard output alone: it is shown nowhere again.
fn with_secret(endpoint: Value) -> Result<Facts> {
    let secret = text(&endpoint, "secret")?;
    Ok(Facts {
        text: format!("{}secret      {secret}\n", show::one(&endpoint)),
        quiet: secret,
        json: endpoint,
    })
}

fn tell_to_keep_secret(output: &Output) {
    let hint = "keep the secret now: it is not shown again";
    output.print.note(hint);
}

/// Sends a sample and says what came back.
pub(super) async fn send_sample(
    client: &Caller,
    endpoint: &str,
    event: &str,
    print: PrintArgs,
) -> Result<()> {
    let path = format!("/endpoints/{endpoint}/test");
    let body = json!({ "event_type": event });
    let outcome = client.call(Method::POST, &path, Some(&body)).await?;
    let facts = Facts {
        quiet: print::word(&outcome, "/event_id").to_owned(),
        text: show::outcome(&outcome),
        json: outcome.clone(),
    };
    print.print(&facts)?;
    let is_sent = outcome.get("attempt").is_some();
    if is_sent && outcome.get("delivered") != Some(&Value::Bool(true)) {
        bail!("the receiver did not take the event");
    }
    Ok(())
}

/// A bare number is in seconds.
fn overlap_s(text: &str) -> Result<u64> {
    match text.parse() {
        Ok(seconds) => Ok(seconds),
        Err(_) => Ok(duration_ms(text)? / 1_000),
    }
}
