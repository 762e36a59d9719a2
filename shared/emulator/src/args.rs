//! The emulator as a separate command.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::config::EmulatorConfig;
use crate::emulator::Emulator;
use crate::faults::{Faults, described};
use crate::pictures::PictureFetcher;

#[derive(Debug, Clone, Args)]
pub struct EmulatorArgs {
    /// Where to listen; only this machine reaches it by default
    #[arg(long, value_name = "ADDR:PORT", value_parser = fluxgate_listen::listen_address, default_value = "127.0.0.1:8790")]
    pub listen: SocketAddr,

    /// The URL by which others reach it, if not its listen address
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,

    /// The API key that clients must send [default: generated at each start]
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,

    /// The secret that signs webhooks, whsec_… [default: generated at each start]
    #[arg(long, value_name = "SECRET")]
    pub webhook_secret: Option<String>,

    /// Minimum duration of a run, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 300)]
    pub run_time_ms: u64,

    /// Submits per second above which the answer is 429
    #[arg(long, value_name = "N")]
    pub rate_per_second_max: Option<u32>,

    /// A fault to inject: NAME for always, NAME=3 for the next three times, NAME=VALUE for a value;
    /// repeatable; --help lists them
    #[arg(long = "fault", value_name = "NAME[=VALUE]", long_help = described())]
    pub faults: Vec<String>,
}

/// Serves until `shutdown` completes, and fetches remote pictures with `pictures`. Fails if it
/// cannot listen on the address or a fault is unknown.
pub async fn run(
    args: EmulatorArgs,
    pictures: Arc<dyn PictureFetcher>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    fluxgate_listen::raise_file_limit();
    let emulator = Emulator::start(EmulatorConfig {
        pictures: Some(pictures),
        ..args.config()?
    })
    .await?;
    // A failure to write to stderr is ignored.
    drop(announce(&emulator));
    shutdown.await;
    emulator.stop().await;
    Ok(())
}

impl EmulatorArgs {
    fn config(self) -> io::Result<EmulatorConfig> {
        let mut faults = Faults::default();
        for setting in &self.faults {
            faults
                .set(setting)
                .map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
        }
        let defaults = EmulatorConfig::default();
        Ok(EmulatorConfig {
            listen: self.listen,
            public_url: self.public_url,
            api_key: self.key.unwrap_or(defaults.api_key),
            webhook_secret: self.webhook_secret.unwrap_or(defaults.webhook_secret),
            run_time: Duration::from_millis(self.run_time_ms),
            faults,
            rate_per_second_max: self.rate_per_second_max,
            forgotten_runs_fail: true,
            ..defaults
        })
    }
}

fn announce(emulator: &Emulator) -> io::Result<()> {
    let url = emulator.base_url();
    let mut stderr = io::stderr().lock();
    writeln!(
        stderr,
        "An emulator of the provider's API. It edits pixels by fixed rules; it is not the model."
    )?;
    writeln!(stderr, "  base URL        {url}")?;
    writeln!(stderr, "  API key         {}", emulator.api_key())?;
    writeln!(stderr, "  webhook secret  {}", emulator.webhook_secret())?;
    writeln!(
        stderr,
        "  faults          GET or PUT {url}/_emulator/faults, with the API key as bearer"
    )?;
    writeln!(
        stderr,
        "  runs            GET {url}/_emulator/runs, likewise"
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::faults::Fault;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: EmulatorArgs,
    }

    fn config(arguments: &[&str]) -> io::Result<EmulatorConfig> {
        Command::parse_from([&["emulator"], arguments].concat())
            .args
            .config()
    }

    #[test]
    fn without_arguments_it_listens_on_this_machine_only_and_nothing_is_broken() {
        let config = config(&[]).unwrap();

        assert!(config.listen.ip().is_loopback());
        assert_eq!(config.faults, Faults::default());
    }

    #[test]
    fn it_listens_where_a_name_says_and_a_port_alone_is_refused_with_what_to_write() {
        let by_name = config(&["--listen", "localhost:8791"]).unwrap();
        let bare = Command::try_parse_from(["emulator", "--listen", "8791"])
            .err()
            .unwrap()
            .to_string();

        assert_eq!(by_name.listen, SocketAddr::from(([127, 0, 0, 1], 8791)));
        assert!(
            bare.contains("write ADDRESS:PORT, such as 127.0.0.1:8080"),
            "{bare}"
        );
    }

    #[test]
    fn the_help_lists_the_faults() {
        let help = Command::try_parse_from(["emulator", "--help"])
            .err()
            .unwrap()
            .to_string();

        for fault in ["webhook_lost", "failure_charged", "tiny_output"] {
            assert!(help.contains(fault), "{help}");
        }
    }

    #[test]
    fn faults_are_given_one_by_one_and_an_unknown_one_is_refused() {
        let faults = config(&["--fault", "fail_task=2", "--fault", "webhook_late_ms=5"])
            .unwrap()
            .faults;
        let unknown = config(&["--fault", "fail_tsak"]).unwrap_err();

        assert_eq!(
            (faults.fail_task, faults.webhook_late_ms),
            (Fault::Times(2), 5)
        );
        assert_eq!(unknown.kind(), io::ErrorKind::InvalidInput);
    }
}
