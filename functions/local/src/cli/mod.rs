//! The command line. Results go to stdout, everything else to stderr.

mod accounts;
mod bench;
mod budget;
mod demo;
mod doctor;
mod edit;
mod limits;
mod logging;
mod prices;
mod progress;
mod reconcile;
mod serve;
mod tasks;
mod tenants;
mod token;
mod usage;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use fluxgate_emulator::EmulatorArgs;

/// A gateway and webhook relay for asynchronous image models.
///
/// Tenants call it with their own tokens; it keeps the vendor's key, copies outputs into the tenant's bucket, sends signed
/// callbacks and charges each run once.
#[derive(Parser)]
#[command(
    name = "fluxgate",
    version,
    max_term_width = 110,
    after_help = "\
Try it:
  fluxgate demo                       one picture through everything, in one process

Run it:
  fluxgate serve --data ./data        (in one terminal)
  fluxgate tenants add acme --data ./data --balance 5
  fluxgate token acme --data ./data   prints a token for the Authorization header
  fluxgate edit photo.jpg 'make it a watercolour' --tenant acme --data ./data

Settings: every flag of 'serve' is also FLUXGATE_<NAME> in the environment and a key of the TOML file given with --config;
flags win over environment over file. The vendor's key is read from WAVESPEED_API_KEY alone."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send one photograph through everything and show what happened
    Demo(demo::DemoArgs),
    /// Run the gateway, its workers and the S3 server in this process
    Serve(Box<serve::ServeArgs>),
    /// Run the emulator of the vendor's API alone
    Emulator(EmulatorArgs),
    /// Make, list, show, change, suspend and delete tenants
    Tenants(tenants::TenantsArgs),
    /// Show and set what a tenant pays for a run
    Prices(prices::PricesArgs),
    /// Show, top up and check the tenants' money
    Accounts(accounts::AccountsArgs),
    /// Print a token for a tenant, or the admin token, and nothing else
    Token(token::TokenArgs),
    /// Edit one picture as a tenant: upload, submit, wait, download
    Edit(Box<edit::EditArgs>),
    /// List a tenant's tasks, or show one task's timeline
    Tasks(tasks::TasksArgs),
    /// Sum up what a tenant used and was charged, by day and model; export what was charged
    Usage(usage::UsageArgs),
    /// Compare what tenants were charged with the vendor's bills; exit code 1 when something differs
    Reconcile(reconcile::ReconcileArgs),
    /// Check this machine and a data folder
    Doctor(doctor::DoctorArgs),
    /// Measure this build against a bare reverse proxy, side by side
    Bench(bench::BenchArgs),
    /// The bare reverse proxy that the benchmark compares with
    #[command(hide = true)]
    BenchProxy(bench::ProxyArgs),
}

/// Threads for file operations and name lookups.
const BLOCKING_THREADS_MAX: usize = 16;

/// Where an installation keeps everything.
#[derive(Args, Clone)]
struct FolderArgs {
    /// The data folder of the installation
    #[arg(long, env = "FLUXGATE_DATA", default_value = "fluxgate-data", value_name = "DIR")]
    data: PathBuf,
}

impl Cli {
    /// Runs the command: exit code 0 when it did what was asked, 1 with one clear line on stderr when not.
    pub fn run(self) -> ExitCode {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // Each brings a stack and heaps of its own; what runs there is short.
        let builder = builder.enable_all().max_blocking_threads(BLOCKING_THREADS_MAX);
        let runtime = match builder.build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(&anyhow::Error::new(error).context("the runtime cannot start")),
        };
        let outcome = runtime.block_on(self.command.run());
        // A blocking read of a terminal or a stuck lookup must not keep the process.
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        }
    }
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Demo(args) => Box::pin(demo::run(args)).await,
            Self::Serve(args) => serve::run(*args).await,
            Self::Emulator(args) => {
                logging::start("info")?;
                Ok(fluxgate_emulator::run(args, serve::stop_signal()).await?)
            }
            Self::Tenants(args) => tenants::run(args).await,
            Self::Prices(args) => prices::run(args).await,
            Self::Accounts(args) => accounts::run(args).await,
            Self::Token(args) => token::run(args).await,
            Self::Edit(args) => edit::run(*args).await,
            Self::Tasks(args) => tasks::run(args).await,
            Self::Usage(args) => usage::run(args).await,
            Self::Reconcile(args) => reconcile::run(args).await,
            Self::Doctor(args) => doctor::run(args).await,
            Self::Bench(args) => Box::pin(bench::run(args)).await,
            Self::BenchProxy(args) => bench::proxy(args).await,
        }
    }
}

/// The causes in one line, outermost first.
fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("fluxgate: {error:#}");
    ExitCode::FAILURE
}
