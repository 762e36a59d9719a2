//! The command line. Results go to stdout, everything else to stderr.

mod access;
mod accounts;
mod admin;
mod admin_tokens;
mod alerts;
mod audit;
mod backup;
mod batch;
mod bench;
mod budget;
mod caller;
mod capability_keys;
mod corrections;
mod dead_letters;
mod definition;
mod deliveries;
mod demo;
mod destination;
mod doctor;
mod download;
mod edit;
mod emulator;
mod encryption;
mod endpoints;
mod erase;
mod exit;
mod fair_queue;
mod healthcheck;
mod keys;
mod ledger;
mod limits;
mod listen;
mod logging;
mod manual;
mod outputs;
#[cfg(test)]
mod parser_tests;
mod prices;
mod print;
mod progress;
mod provider;
mod provider_check;
mod reads;
mod reconcile;
mod restoration;
mod serve;
mod service;
mod signals;
mod statement;
mod task_ends;
mod tasks;
mod tenants;
mod token;
mod trace;
mod trigger;
mod trust;
mod usage;
mod variables;
mod verify;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, FromArgMatches as _, Parser, Subcommand};

use crate::folder::FolderReader;
use crate::memory::without_huge_pages;
use crate::renamed::renamed;
use definition::definition;
use print::OutputFailed;
use variables::{DATA, variable};

/// What to try, where settings come from, what exit codes say.
static HELP: LazyLock<String> = LazyLock::new(|| format!("{TRY_IT}\n\n{}", exit::HELP));

const TRY_IT: &str = "\
Try it:
  fluxgate demo                       one picture through the whole system, in one process

Run it:
  fluxgate serve --data ./data        (in one terminal)
  fluxgate tenants add acme --data ./data --balance 5
  fluxgate keys create acme --name ci --data ./data   prints a key for the Authorization header
  fluxgate edit photo.jpg 'make it a watercolour' --tenant acme --data ./data

Settings: every flag of 'serve' is also FLUXGATE_<NAME> in the environment and a key of the \
TOML file given with --config;
flags override the environment, which overrides the file. The provider's key is only read from \
WAVESPEED_API_KEY, or from the file that WAVESPEED_API_KEY_FILE names.";

/// A gateway and webhook relay for asynchronous image models.
///
/// Tenants call it with their own tokens; it keeps the provider's key, copies outputs into the
/// tenant's bucket, sends signed callbacks and charges each run once.
#[derive(Parser)]
#[command(
    name = "fluxgate",
    version,
    max_term_width = 110,
    after_help = HELP.as_str()
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send one photograph through the whole system and show what happened
    Demo(demo::DemoArgs),
    /// Run the gateway, its workers and the S3 server in this process
    Serve(Box<serve::ServeArgs>),
    /// Run only the emulator of the provider's API
    Emulator(Box<emulator::EmulatorCommand>),
    /// Create, list, show, change, suspend and delete tenants
    Tenants(tenants::TenantsArgs),
    /// Show, set and try out where a tenant's outputs go
    Destination(destination::DestinationArgs),
    /// Show and set what a tenant pays for a run
    Prices(prices::PricesArgs),
    /// Show, top up, correct and check the tenants' money
    Accounts(accounts::AccountsArgs),
    /// Make, list, rotate and revoke a tenant's API keys
    Keys(keys::KeysArgs),
    /// Print a token for a tenant, or the data folder's admin token, and nothing else
    Token(token::TokenArgs),
    /// Explain why a token is accepted or not, and look at a tenant's issuers
    Trust(trust::TrustArgs),
    /// Create, list, rotate and revoke tokens for the admin API
    AdminTokens(admin_tokens::AdminTokensArgs),
    /// Show and rotate the keys that stored secrets are sealed with
    Encryption(encryption::EncryptionArgs),
    /// Show, rotate and retire the keys that webhook paths and links to outputs are signed with
    CapabilityKeys(capability_keys::CapabilityKeysArgs),
    /// Erase what a tenant's tasks, or one task, were about; their ledger lines stay
    Erase(erase::EraseArgs),
    /// Edit one picture as a tenant: upload, submit, wait, download
    Edit(Box<edit::EditArgs>),
    /// Send a file of tasks as one batch, and save the results
    Batch(Box<batch::BatchArgs>),
    /// Fetch the outputs of a finished task
    Download(Box<download::DownloadArgs>),
    /// Cancel a task that was not sent to the model yet
    Cancel(Box<task_ends::TaskEndArgs>),
    /// Run a task again that failed, timed out or was cancelled
    Retry(Box<task_ends::TaskEndArgs>),
    /// List all tenants' tasks, show one, and act on one that is stuck
    Tasks(Box<tasks::TasksArgs>),
    /// List jobs that failed too often, send them again, or delete them
    DeadLetters(dead_letters::DeadLettersArgs),
    /// Show who waits for the provider's account, and for how long
    FairQueue(fair_queue::FairQueueArgs),
    /// Show the provider's account: whether it accepts the key, its limits and its last errors
    Provider(provider::ProviderArgs),
    /// Find the task, the trace and the fault of a request by its x-request-id, in a log
    Trace(trace::TraceArgs),
    /// Show who changed what, with old and new values
    Audit(audit::AuditArgs),
    /// Show what a tenant's next runs may cost
    Balance(reads::ReadArgs),
    /// List the models that a tenant may use, with its prices
    Models(reads::ReadArgs),
    /// List a tenant's batches
    Batches(reads::BatchesArgs),
    /// Create, list, show, change, test and delete a tenant's endpoints
    Endpoints(endpoints::EndpointsArgs),
    /// List, show, replay and cancel a tenant's callbacks
    Deliveries(deliveries::DeliveriesArgs),
    /// Bring a tenant's events to a program on this machine, without a public URL
    Listen(listen::ListenArgs),
    /// Send a sample event to an endpoint, and say what came back
    Trigger(trigger::TriggerArgs),
    /// Check a callback's signature, and say which part is wrong
    Verify(verify::VerifyArgs),
    /// Show each movement on a tenant's account with the balance after it
    Ledger(ledger::LedgerArgs),
    /// Sum up what a tenant used and was charged, by day and model; export charges
    Usage(usage::UsageArgs),
    /// Print a month's statement: what an account had, what moved, and what it has
    Statement(statement::StatementArgs),
    /// Compare what tenants were charged with the provider's bills; exits with 1 if anything
    /// differs
    Reconcile(reconcile::ReconcileArgs),
    /// Check this machine and a data folder
    Doctor(doctor::DoctorArgs),
    /// Ask the server of a data folder whether it is ready; for containers and load balancers
    Healthcheck(healthcheck::HealthcheckArgs),
    /// Back up a data folder, also while it is served
    Backup(backup::BackupArgs),
    /// Make a new data folder from a backup
    Restore(backup::RestoreArgs),
    /// See to the tasks of a table that was restored from a backup on AWS, before submits go on; or
    /// end a drill
    Restoration(restoration::RestorationArgs),
    /// Print a script that completes the command line in a shell
    Completions(manual::CompletionsArgs),
    /// Write a man page for each command
    Man(manual::ManArgs),
    /// Measure this build against a bare reverse proxy, side by side
    Bench(bench::BenchArgs),
    /// The bare reverse proxy that the benchmark is compared with
    #[command(hide = true)]
    BenchProxy(bench::ProxyArgs),
    /// The provider of the benchmark that costs almost nothing
    #[command(hide = true)]
    BenchProvider(bench::BareProviderArgs),
    /// The load of the benchmark: an order on the input, answers on the output
    #[command(hide = true)]
    BenchLoad,
    /// The receiver of the benchmark's callbacks
    #[command(hide = true)]
    BenchReceiver(bench::ReceiverArgs),
}

/// Threads for file operations, and for resolving the names that the operator configured.
const BLOCKING_THREADS_MAX: usize = 16;

/// Of an installation whose data folder nobody named.
const DEFAULT_FOLDER: &str = "fluxgate-data";

/// Where an installation keeps its data.
#[derive(Args, Clone)]
struct FolderArgs {
    /// The data folder of the installation [env: FLUXGATE_DATA] [default: fluxgate-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl FolderArgs {
    /// The folder for a command that changes nothing.
    fn reader(&self) -> Result<FolderReader> {
        FolderReader::open(&self.path())
    }

    fn path(&self) -> PathBuf {
        let named = self.data.clone().or_else(|| Some(variable(DATA)?.into()));
        named.unwrap_or_else(|| DEFAULT_FOLDER.into())
    }

    fn is_named(&self) -> bool {
        self.data.is_some() || variable(DATA).is_some()
    }
}

/// The whole program: exit code 0 when it did what was asked, else one clear line on stderr and a
/// code that says of what kind the error is.
pub fn run() -> ExitCode {
    without_huge_pages();
    // The definition of all commands takes memory that the one which runs does not need.
    let parsed = parsed(&mut definition());
    match parsed {
        Ok((cli, is_json)) => cli.run(is_json),
        Err(error) => shown(&error),
    }
}

/// The command, and whether its errors are to be JSON as its results.
fn parsed(command: &mut clap::Command) -> Result<(Cli, bool), clap::Error> {
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let mut leaf = &matches;
    while let Some((_, within)) = leaf.subcommand() {
        leaf = within;
    }
    print::keep_quiet_if_asked(leaf);
    let is_json = matches!(leaf.try_get_one::<bool>("json"), Ok(Some(true)));
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(command))?;
    Ok((cli, is_json))
}

/// Help and version go to stdout; errors in the command line go to stderr.
fn shown(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    if let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg)
        && let Some(now) = renamed(flag).filter(|_| error.kind() == ErrorKind::UnknownArgument)
    {
        print::note(format_args!("'{flag}' is called '{now}' now"));
    }
    match (error.kind(), printed) {
        (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, Err(error)) => {
            failed(&OutputFailed::from(error).into(), false)
        }
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

impl Cli {
    fn run(self, is_json: bool) -> ExitCode {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        // Each thread has its own stack and heap; what runs there is short.
        let builder = builder
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS_MAX);
        let runtime = match builder.build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let error = anyhow::Error::new(error).context("the runtime cannot start");
                return failed(&error, is_json);
            }
        };
        let outcome = runtime.block_on(self.command.run());
        // A blocking read from a terminal or a stuck DNS look-up must not keep the process alive.
        runtime.shutdown_timeout(std::time::Duration::from_secs(1));
        print::tell_migrated();
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error, is_json),
        }
    }
}

impl Command {
    async fn run(self) -> Result<()> {
        match self {
            Self::Demo(args) => Box::pin(demo::run(args)).await,
            Self::Serve(args) => serve::run(*args).await,
            Self::Emulator(args) => emulator::run(*args).await,
            Self::Tenants(args) => tenants::run(args).await,
            Self::Destination(args) => Box::pin(destination::run(args)).await,
            Self::Prices(args) => prices::run(args).await,
            Self::Accounts(args) => accounts::run(args).await,
            Self::Keys(args) => keys::run(args).await,
            Self::Token(args) => token::run(args).await,
            Self::Trust(args) => trust::run(args).await,
            Self::AdminTokens(args) => admin_tokens::run(args).await,
            Self::Encryption(args) => encryption::run(args).await,
            Self::CapabilityKeys(args) => capability_keys::run(args).await,
            Self::Erase(args) => erase::run(args).await,
            Self::Edit(args) => edit::run(*args).await,
            Self::Batch(args) => batch::run(*args).await,
            Self::Download(args) => download::run(*args).await,
            Self::Cancel(args) => task_ends::cancel(*args).await,
            Self::Retry(args) => task_ends::retry(*args).await,
            Self::Tasks(args) => tasks::run(*args).await,
            Self::DeadLetters(args) => dead_letters::run(args).await,
            Self::FairQueue(args) => fair_queue::run(args).await,
            Self::Provider(args) => provider::run(args).await,
            Self::Trace(args) => trace::run(&args),
            Self::Audit(args) => audit::run(args).await,
            Self::Balance(args) => reads::balance(args).await,
            Self::Models(args) => reads::models(args).await,
            Self::Batches(args) => reads::batches(args).await,
            Self::Endpoints(args) => endpoints::run(args).await,
            Self::Deliveries(args) => deliveries::run(args).await,
            Self::Listen(args) => Box::pin(listen::run(args)).await,
            Self::Trigger(args) => trigger::run(args).await,
            Self::Verify(args) => verify::run(&args),
            Self::Ledger(args) => ledger::run(args).await,
            Self::Usage(args) => usage::run(args).await,
            Self::Statement(args) => statement::run(args).await,
            Self::Reconcile(args) => reconcile::run(args).await,
            Self::Doctor(args) => doctor::run(args).await,
            Self::Healthcheck(args) => healthcheck::run(args).await,
            Self::Backup(args) => backup::back_up(args).await,
            Self::Restore(args) => Box::pin(backup::restored(args)).await,
            Self::Restoration(args) => restoration::run(args).await,
            Self::Completions(args) => manual::completions(&args, definition()),
            Self::Man(args) => manual::pages(&args, definition()),
            Self::Bench(args) => Box::pin(bench::run(args)).await,
            Self::BenchProxy(args) => bench::proxy(args).await,
            Self::BenchProvider(args) => bench::bare_provider(args).await,
            Self::BenchLoad => bench::load().await,
            Self::BenchReceiver(args) => bench::receiver(args).await,
        }
    }
}

/// The causes in one line, or one JSON object, on stderr; nothing if stdout's reader has gone.
fn failed(error: &anyhow::Error, is_json: bool) -> ExitCode {
    if !exit::is_unread(error) && is_json {
        print::json_note(&exit::to_json(error));
    } else if !exit::is_unread(error) {
        print::failed(format_args!("{error:#}"));
    }
    ExitCode::from(exit::code_of(error))
}
