//! `fluxgate trigger`.

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::id::EndpointId;
use reqwest::Method;

use super::access::AccessArgs;
use super::caller::Caller;
use super::endpoints;
use super::exit::{Exit, usage};
use super::print::{self, PrintArgs};
use crate::client::text;

#[derive(Args)]
#[command(after_help = "\
Example:
  fluxgate trigger task.completed --endpoint ID --tenant acme --data ./data

The sample is signed as any other event, tried once, and bears \"test\": true.")]
pub(super) struct TriggerArgs {
    /// Its type: task.started, task.completed, task.failed, task.cancelled, endpoint.disabled,
    /// delivery.exhausted, balance.low or budget.threshold
    event: String,
    /// Where to send it [default: the tenant's endpoint, if it has one alone]
    #[arg(long, value_name = "ID")]
    endpoint: Option<EndpointId>,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    print: PrintArgs,
}

pub(super) async fn run(args: TriggerArgs) -> Result<()> {
    let client = Caller::Tenant(args.access.client().await?);
    let endpoint = match &args.endpoint {
        Some(endpoint) => endpoint.to_string(),
        None => only_endpoint(&client).await?,
    };
    endpoints::send_sample(&client, &endpoint, &args.event, args.print).await
}

async fn only_endpoint(client: &Caller) -> Result<String> {
    let listed = client.call(Method::GET, "/endpoints", None).await?;
    let endpoints = listed.as_array().context("the answer is no list")?;
    match endpoints.as_slice() {
        [] => {
            Err(Exit::NotFound
                .error("there is no endpoint; 'fluxgate endpoints create' registers one"))
        }
        [endpoint] => text(endpoint, "id"),
        several => {
            for endpoint in several {
                let (id, url) = (print::word(endpoint, "/id"), print::word(endpoint, "/url"));
                print::note(format_args!("{id}  {}", print::shown(url)));
            }
            Err(usage(
                "there are several endpoints; name one with --endpoint",
            ))
        }
    }
}
