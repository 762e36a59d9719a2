//! The emulator as a command of its own.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::config::EmulatorConfig;
use crate::emulator::Emulator;
use crate::faults::Faults;

#[derive(Debug, Clone, Args)]
pub struct EmulatorArgs {
    /// Where to listen; by default only this machine reaches it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8790")]
    pub listen: SocketAddr,

    /// The base of the URLs it returns, when others reach it by another name
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,

    /// The API key that clients must send
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,

    /// The secret that signs webhooks: whsec_…
    #[arg(long, value_name = "SECRET")]
    pub webhook_secret: Option<String>,

    /// How long a run takes at least, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pub run_time_ms: u64,

    /// What goes wrong: NAME for always, NAME=3 for the next three times, NAME=VALUE for a value; repeatable
    #[arg(long = "fault", value_name = "NAME[=VALUE]")]
    pub faults: Vec<String>,

    /// A folder to keep pictures in; without it they stay in memory
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// What the account starts with, in whole dollars
    #[arg(long, value_name = "USD", default_value_t = 1_000)]
    pub balance_usd: u32,

    /// Submits a second above which the answer is 429
    #[arg(long, value_name = "N")]
    pub rate_per_second_max: Option<u32>,
}

/// Serves until `shutdown` ends. Fails when the address cannot be listened on, or a fault is not known.
pub async fn run(args: EmulatorArgs, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let emulator = Emulator::start(EmulatorConfig::try_from(args)?).await?;
    announce(&emulator)?;
    shutdown.await;
    emulator.stop().await;
    Ok(())
}

impl TryFrom<EmulatorArgs> for EmulatorConfig {
    type Error = io::Error;

    fn try_from(args: EmulatorArgs) -> io::Result<Self> {
        let faults = Faults::parse(&args.faults);
        let defaults = Self::default();
        Ok(Self {
            listen: args.listen,
            public_url: args.public_url,
            api_key: args.api_key.unwrap_or(defaults.api_key),
            webhook_secret: args.webhook_secret.unwrap_or(defaults.webhook_secret),
            run_time: Duration::from_millis(args.run_time_ms),
            faults: faults.map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, format!("--fault: {why}")))?,
            data_dir: args.data_dir,
            balance_micro_usd: i64::from(args.balance_usd) * 1_000_000,
            rate_per_second_max: args.rate_per_second_max,
            webhook_retry: defaults.webhook_retry,
        })
    }
}

fn announce(emulator: &Emulator) -> io::Result<()> {
    let url = emulator.base_url();
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "This is Fluxgate's emulator of the vendor's API. It edits pixels by rule; it is not the model.")?;
    writeln!(stderr, "  base URL        {url}")?;
    writeln!(stderr, "  API key         {}", emulator.api_key())?;
    writeln!(stderr, "  webhook secret  {}", emulator.webhook_secret())?;
    writeln!(stderr, "  faults, now     curl {url}/_emulator/faults")?;
    writeln!(stderr, "  faults, new     curl -X PUT {url}/_emulator/faults -d '{{\"webhook_lost\":1}}'")?;
    writeln!(stderr, "  paid runs       curl {url}/_emulator/runs")
}
