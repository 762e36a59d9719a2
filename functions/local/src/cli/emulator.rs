//! `fluxgate emulator`: the emulator of the provider on its own.

use std::io::ErrorKind;

use anyhow::Result;
use clap::Args;
use fluxgate_emulator::EmulatorArgs;
use fluxgate_outbound::{Guard, GuardPolicy};
use ipnet::IpNet;

use super::exit::usage;
use super::{logging, signals};
use crate::pictures;
use crate::settings::{DnsServer, name_settings};

#[derive(Args)]
pub(super) struct EmulatorCommand {
    #[command(flatten)]
    emulator: EmulatorArgs,
    /// A non-public network that pictures may be fetched from, such as 127.0.0.0/8; repeatable, or
    /// separated by commas
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    allow_net: Vec<IpNet>,
    /// A DNS server to use instead of those in /etc/resolv.conf; repeatable, or separated by commas
    #[arg(long, value_name = "ADDR[:PORT]", value_delimiter = ',')]
    dns_server: Vec<DnsServer>,
}

pub(super) async fn run(args: EmulatorCommand) -> Result<()> {
    let _lines = logging::start("info", None)?;
    let guard = Guard::new(
        GuardPolicy::allowing(args.allow_net),
        name_settings(&args.dns_server),
    )?;
    let stopped = async {
        signals::stop_signal().await;
    };
    let outcome = fluxgate_emulator::run(args.emulator, pictures::through(&guard), stopped).await;
    outcome.map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => usage(error.to_string()),
        _ => error.into(),
    })
}
