//! `fluxgate serve`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use fluxgate_emulator::Emulator;
use fluxgate_outbound::WaveSpeedClient;
use ipnet::IpNet;
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::print::{self, Facts, PrintArgs};
use super::signals::stop_signal;
use super::{logging, provider_check};
use crate::server::{Server, named_provider};
use crate::settings::{DnsServer, Settings};
use crate::values::{count, http_url, listen_address};

#[derive(Args)]
#[command(after_help = "\
Environment:
  FLUXGATE_<NAME>               each flag above
  FLUXGATE_BOUNDS__<NAME>       a limit, as in the table [bounds] of the file
  FLUXGATE_CONNECTIONS__<NAME>  a limit of the listeners, as in [connections]
  WAVESPEED_API_KEY             the provider's key, which is in no flag and no file

Flags override the environment, which overrides the file. The guide to settings lists all names.")]
pub(super) struct ServeArgs {
    /// A TOML file of settings; its keys are these flags with '_' for '-', plus the tables [bounds]
    /// and [connections]
    #[arg(
        long,
        env = "FLUXGATE_CONFIG",
        hide_env_values = true,
        value_name = "FILE"
    )]
    config: Option<PathBuf>,
    #[command(flatten)]
    print: PrintArgs,
    #[command(flatten)]
    flags: Flags,
}

/// The flags given on the command line; everything else comes from the environment, the file and
/// the defaults.
#[derive(Args, Serialize)]
struct Flags {
    /// The data folder: database, keys, buckets [default: fluxgate-data]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<PathBuf>,
    /// Where the API listens [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// Where the S3 server listens [default: the port after --listen's]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_listen: Option<SocketAddr>,
    /// The URL by which tenants reach the API, if not its address
    #[arg(long, value_name = "URL", value_parser = http_url)]
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<Url>,
    /// The URL by which tenants reach the S3 server, if not its address
    #[arg(long, value_name = "URL", value_parser = http_url)]
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_public_url: Option<Url>,
    /// The URL that the provider sends webhooks to; without it Fluxgate polls for completions
    #[arg(long, value_name = "URL", value_parser = http_url)]
    #[serde(skip_serializing_if = "Option::is_none")]
    public_url: Option<Url>,
    /// 'emulator', or the provider's base URL [default: the provider if WAVESPEED_API_KEY is set,
    /// else the emulator]
    #[arg(long, value_name = "emulator|URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    /// Submits per minute that the provider's account allows; more wait in the fair queue, by
    /// tenant weight [default: no limit]
    #[arg(long, value_name = "N", value_parser = count)]
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_rate_per_minute: Option<NonZeroU32>,
    /// Concurrent runs that the provider's account allows; more wait in the fair queue, by tenant
    /// weight [default: no limit]
    #[arg(long, value_name = "N", value_parser = count)]
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_concurrency: Option<NonZeroU32>,
    /// A non-public network that callbacks, pictures and outputs may use; repeatable, or separated
    /// by commas
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_net: Vec<IpNet>,
    /// A DNS server to use instead of those in /etc/resolv.conf; repeatable, or separated by commas
    #[arg(long, value_name = "ADDR[:PORT]", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dns_server: Vec<DnsServer>,
    /// The log filter, such as 'info' or 'fluxgate_core=debug' [default: info]
    #[arg(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,
    /// How long shutdown may take, in milliseconds [default: 10000]
    #[arg(long, value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_max_ms: Option<u64>,
}

pub(super) async fn run(args: ServeArgs) -> Result<()> {
    let settings = Settings::load(args.config.as_deref(), &args.flags)?;
    logging::start(&settings.log)?;
    let data = settings.data.display().to_string();
    let unreachable = settings.listen.ip().is_unspecified()
        && (settings.base_url.is_none() || settings.s3_public_url.is_none());
    let provider = named_provider(&settings)?;
    let server = Server::start(settings).await?;
    let emulator = server.emulator().map(Emulator::base_url);
    args.print.print(&Facts {
        json: json!({
            "base_url": server.base_url(), "s3_url": server.s3_url(), "data": data,
            "emulator_url": emulator,
        }),
        quiet: server.base_url(),
        text: String::new(),
    })?;
    print::note(format_args!(
        "fluxgate serves {} (buckets: {}, data: {data})",
        server.base_url(),
        server.s3_url()
    ));
    if let Some(emulator) = server.emulator() {
        print::note(
            "the provider is the bundled emulator, not the real model; set WAVESPEED_API_KEY to use the real provider",
        );
        let (url, key) = (emulator.base_url(), emulator.api_key());
        print::note(format_args!(
            "to inject faults: PUT {url}/_emulator/faults with 'Authorization: Bearer {key}'"
        ));
    }
    if unreachable {
        print::note(
            "URLs in responses use 127.0.0.1; for clients elsewhere set --base-url and --s3-public-url",
        );
    }
    if let Some((name, provider)) = provider {
        tokio::spawn(async move { tell_of_provider(&name, &provider).await });
    }
    stop_signal().await;
    print::note("stopping: nothing new is accepted; work in progress is finished");
    server.stop().await;
    Ok(())
}

/// The server runs either way: tasks wait until the provider accepts them.
async fn tell_of_provider(name: &str, provider: &WaveSpeedClient) {
    match provider_check::check(name, provider).await {
        Ok(text) => print::note(text),
        Err(error) => {
            print::note(format_args!(
                "WARNING: {error:#}. Until this is fixed, tasks wait and nothing is submitted."
            ));
        }
    }
}
