//! `fluxgate serve`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use fluxgate_emulator::Emulator;
use fluxgate_outbound::WaveSpeedClient;
use ipnet::IpNet;
use serde::Serialize;
use serde_json::json;
use url::Url;

use super::exit::usage;
use super::print::{self, Facts, PrintArgs};
use super::provider_check::{self, mend_of};
use super::signals::stop_signal;
use super::variables::{CONFIG, variable};
use super::{logging, service};
use crate::otlp;
use crate::server::{Server, named_provider};
use crate::settings::{DnsServer, LogStyle, Overridden, Settings};
use crate::values::{count, http_url, listen_address};

#[derive(Args)]
#[command(after_help = "\
Environment:
  FLUXGATE_<NAME>               each flag above
  FLUXGATE_BOUNDS__<NAME>       a limit, as in the table [bounds] of the file
  FLUXGATE_CONNECTIONS__<NAME>  a limit of the listeners, as in [connections]
  OTEL_EXPORTER_OTLP_ENDPOINT   a collector for spans and metrics; the guide lists more
  WAVESPEED_API_KEY             the provider's key, which is in no flag
  WAVESPEED_API_KEY_FILE        a file with that key instead

Flags override the environment, which overrides the file. The guide to settings lists all names.")]
pub(super) struct ServeArgs {
    /// A TOML file of settings; its keys are these flags with '_' for '-', plus the tables [bounds]
    /// and [connections]
    #[arg(long, value_name = "FILE")]
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
    /// The certificate chain of both listeners, in PEM; it is read again when the file changes
    /// [default: plain HTTP]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate, in PEM
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_key: Option<PathBuf>,
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
    /// How log lines look [default: text on a terminal, json elsewhere]
    #[arg(long, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_format: Option<LogStyle>,
    /// How long shutdown may take, in milliseconds [default: 10000]
    #[arg(long, value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_max_ms: Option<u64>,
    /// Also serve /metrics here, without a token and with nothing else; use an address that only
    /// Prometheus reaches [default: off]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen_address)]
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_listen: Option<SocketAddr>,
    /// Leave /metrics open to whoever reaches the API; without it a scrape needs an admin token of
    /// the scope 'metrics'
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    open_metrics: bool,
}

pub(super) async fn run(args: ServeArgs) -> Result<()> {
    let config = args.config.or_else(|| Some(variable(CONFIG)?.into()));
    if args.flags.log_format == Some(LogStyle::Json) {
        print::tell_as_log_lines();
    }
    let settings = Settings::load(config.as_deref(), &args.flags)?;
    let collector = otlp::start(&otlp::Variables::of_process());
    collector.map_err(|error| usage(format!("{error:#}")))?;
    if logging::style(settings.log_format) == LogStyle::Json {
        print::tell_as_log_lines();
    }
    let _lines = logging::start(&settings.log, settings.log_format)?;
    tell_overridden(config.as_deref(), &settings);
    let data = settings.data.display().to_string();
    let unreachable = settings.listen.ip().is_unspecified()
        && (settings.base_url.is_none() || settings.s3_public_url.is_none());
    let (provider, mend) = (named_provider(&settings)?, mend_of(&settings));
    let server = Server::start(settings).await?;
    let emulator = server.emulator().map(Emulator::base_url);
    if args.print.json || args.print.quiet {
        args.print.print(&Facts {
            json: json!({
                "base_url": server.base_url(), "s3_url": server.s3_url(), "data": data,
                "emulator_url": emulator, "metrics_url": server.metrics_url(),
            }),
            quiet: server.base_url(),
            text: String::new(),
        })?;
    }
    print::note(format_args!(
        "fluxgate serves {} (buckets: {}, data: {data})",
        server.base_url(),
        server.s3_url()
    ));
    let is_drill = server.folder().store.is_drill();
    if is_drill {
        tell_of_drill(&data);
    }
    if let Some(url) = server.metrics_url() {
        print::note(format_args!("metrics without a token: {url}"));
    }
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
    if let Some((name, provider)) = provider.filter(|_| !is_drill) {
        tokio::spawn(async move { tell_of_provider(&name, &provider, mend).await });
    }
    service::ready();
    stop_signal().await;
    service::stopping();
    print::note("stopping: nothing new is accepted; work in progress is finished");
    server.stop().await;
    otlp::end().await;
    Ok(())
}

fn tell_of_drill(data: &str) {
    tracing::warn!("this is a drill of a restored backup: no tasks are taken and nothing is sent");
    print::note(format_args!(
        "DRILL: this folder was restored by 'restore --drill'. Everything can be read; no tasks are taken, and nothing is sent to the provider, to buckets or to tenants, until 'fluxgate restoration start --data {data}'"
    ));
}

/// A variable that was exported long ago is easily forgotten.
fn tell_overridden(file: Option<&Path>, settings: &Settings) {
    for Overridden { setting, variable } in &settings.overridden {
        tracing::info!(
            setting,
            variable,
            file = file.map(|file| file.display().to_string()),
            "the variable wins over the settings file, which says something else; unset it to have the file's value"
        );
    }
}

/// The server runs either way: tasks wait until the provider accepts them.
async fn tell_of_provider(name: &str, provider: &WaveSpeedClient, mend: &str) {
    match provider_check::check(name, provider, mend).await {
        Ok(text) => print::note(text),
        Err(error) => {
            print::warning(format_args!(
                "{error:#}. Until this is fixed, tasks wait and nothing is submitted."
            ));
        }
    }
}
