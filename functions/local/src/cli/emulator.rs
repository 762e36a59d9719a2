//! `fluxgate emulator`: the provider's double on its own.

use anyhow::Result;
use clap::Args;
use fluxgate_emulator::EmulatorArgs;
use fluxgate_outbound::{Guard, GuardPolicy};
use ipnet::IpNet;

use super::{logging, signals};
use crate::pictures;
use crate::settings::{DnsServer, name_settings};

#[derive(Args)]
pub(super) struct EmulatorCommand {
    #[command(flatten)]
    emulator: EmulatorArgs,
    /// A network that pictures may lie in although it is not public, such as 127.0.0.0/8;
    /// repeatable, or with commas between
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    allow_net: Vec<IpNet>,
    /// A DNS server to look names up with instead of those of /etc/resolv.conf; repeatable, or with
    /// commas between
    #[arg(long, value_name = "ADDR[:PORT]", value_delimiter = ',')]
    dns_server: Vec<DnsServer>,
}

pub(super) async fn run(args: EmulatorCommand) -> Result<()> {
    logging::start("info")?;
    let guard = Guard::new(
        GuardPolicy::allowing(args.allow_net),
        name_settings(&args.dns_server),
    )?;
    let stopped = async {
        signals::stop_signal().await;
    };
    Ok(fluxgate_emulator::run(args.emulator, pictures::through(&guard), stopped).await?)
}
