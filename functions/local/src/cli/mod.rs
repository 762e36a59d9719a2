//! The command line. Results go to stdout, everything else to stderr.

mod access;
mod accounts;
mod batch;
mod bench;
mod budget;
mod deliveries;
mod demo;
mod doctor;
mod download;
mod edit;
mod emulator;
mod encryption;
mod endpoints;
mod exit;
mod limits;
mod listen;
mod logging;
mod manual;
mod outputs;
mod prices;
mod print;
mod progress;
mod provider_check;
mod reconcile;
mod serve;
mod signals;
mod task_ends;
mod tasks;
mod tenants;
mod token;
mod trigger;
mod usage;
mod verify;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::LazyLock;

use anyhow::Result;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use fluxgate_core::app::Operator;

use crate::folder::{DataFolder, FolderReader};
use crate::renamed::renamed;
use print::OutputFailed;

/// What to try, where settings come from, what exit codes say.
static HELP: LazyLock<String> = LazyLock::new(|| format!("{TRY_IT}\n\n{}", exit::HELP));

const TRY_IT: &str = "\
Try it:
  fluxgate demo                       one picture through the whole system, in one process

Run it:
  fluxgate serve --data ./data        (in one terminal)
  fluxgate tenants add acme --data ./data --balance 5
  fluxgate token acme --data ./data   prints a token for the Authorization header
  fluxgate edit photo.jpg 'make it a watercolour' --tenant acme --data ./data

Settings: every flag of 'serve' is also FLUXGATE_<NAME> in the environment and a key of the \
TOML file given with --config;
flags override the environment, which overrides the file. The provider's key is only read from WAVESPEED_API_KEY.";

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
    /// Show and set what a tenant pays for a run
    Prices(prices::PricesArgs),
    /// Show, top up and check the tenants' money
    Accounts(accounts::AccountsArgs),
    /// Print a token for a tenant, or the admin token, and nothing else
    Token(token::TokenArgs),
    /// Show and rotate the keys that stored secrets are sealed with
    Encryption(encryption::EncryptionArgs),
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
    /// List a tenant's tasks, or show one task's timeline
    Tasks(tasks::TasksArgs),
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
    /// Sum up what a tenant used and was charged, by day and model; export charges
    Usage(usage::UsageArgs),
    /// Compare what tenants were charged with the provider's bills; exits with 1 if anything
    /// differs
    Reconcile(reconcile::ReconcileArgs),
    /// Check this machine and a data folder
    Doctor(doctor::DoctorArgs),
    /// Print a script that completes the command line in a shell
    Completions(manual::CompletionsArgs),
    /// Write a man page for each command
    Man(manual::ManArgs),
    /// Measure this build against a bare reverse proxy, side by side
    Bench(bench::BenchArgs),
    /// The bare reverse proxy that the benchmark is compared with
    #[command(hide = true)]
    BenchProxy(bench::ProxyArgs),
    /// The receiver of the benchmark's callbacks
    #[command(hide = true)]
    BenchReceiver(bench::ReceiverArgs),
}

/// Threads for file operations, and for resolving the names that the operator configured.
const BLOCKING_THREADS_MAX: usize = 16;

/// Where an installation keeps its data.
#[derive(Args, Clone)]
struct FolderArgs {
    /// The data folder of the installation
    #[arg(
        long,
        env = "FLUXGATE_DATA",
        hide_env_values = true,
        default_value = "fluxgate-data",
        value_name = "DIR"
    )]
    data: PathBuf,
}

impl FolderArgs {
    /// The operator's use cases on the folder.
    fn operator(&self) -> Result<Operator> {
        Ok(DataFolder::open_existing(&self.data)?.operator(None))
    }

    /// The folder for a command that changes nothing.
    fn reader(&self) -> Result<FolderReader> {
        FolderReader::open(&self.data)
    }
}

/// The whole program: exit code 0 when it did what was asked, else one clear line on stderr and a
/// code that says of what kind the error is.
pub fn run() -> ExitCode {
    let mut command = definition();
    match parsed(&mut command) {
        Ok((cli, is_json)) => cli.run(is_json),
        Err(error) => shown(&error),
    }
}

/// The whole command line, as it is parsed and as help, completions and man pages tell it.
fn definition() -> clap::Command {
    with_negative_numbers(naming_variables(Cli::command()))
}

/// The command, and whether its errors are to be JSON as its results.
fn parsed(command: &mut clap::Command) -> Result<(Cli, bool), clap::Error> {
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    let mut leaf = &matches;
    while let Some((_, within)) = leaf.subcommand() {
        leaf = within;
    }
    if access::says_who_twice(leaf) {
        let text = "the argument '--tenant' cannot be used with '--token': name one of them";
        return Err(command.error(ErrorKind::ArgumentConflict, text));
    }
    let is_json = matches!(leaf.try_get_one::<bool>("json"), Ok(Some(true)));
    let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(command))?;
    Ok((cli, is_json))
}

/// Adds to each flag of `serve` the variable that the settings take it from: they, not the parser,
/// read the environment.
fn naming_variables(command: clap::Command) -> clap::Command {
    let named = |arg: clap::Arg| {
        let is_setting = arg.get_env().is_none() && arg.get_action().takes_values();
        let Some(name) = arg.get_long().filter(|_| is_setting) else {
            return arg;
        };
        let variable = name.to_uppercase().replace('-', "_");
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help} [env: FLUXGATE_{variable}]"))
    };
    command.mut_subcommand("serve", |serve| serve.mut_args(named))
}

/// Takes a negative number as a value, so that its parser can say what is wrong with it.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let options = |arg: clap::Arg| {
        let takes_one = arg.get_long().is_some() && arg.get_action().takes_values();
        if takes_one {
            arg.allow_negative_numbers(true)
        } else {
            arg
        }
    };
    command
        .mut_args(options)
        .mut_subcommands(with_negative_numbers)
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
            Self::Prices(args) => prices::run(args).await,
            Self::Accounts(args) => accounts::run(args).await,
            Self::Token(args) => token::run(args).await,
            Self::Encryption(args) => encryption::run(args).await,
            Self::Edit(args) => edit::run(*args).await,
            Self::Batch(args) => batch::run(*args).await,
            Self::Download(args) => download::run(*args).await,
            Self::Cancel(args) => task_ends::cancel(*args).await,
            Self::Retry(args) => task_ends::retry(*args).await,
            Self::Tasks(args) => tasks::run(args).await,
            Self::Endpoints(args) => endpoints::run(args).await,
            Self::Deliveries(args) => deliveries::run(args).await,
            Self::Listen(args) => Box::pin(listen::run(args)).await,
            Self::Trigger(args) => trigger::run(args).await,
            Self::Verify(args) => verify::run(&args),
            Self::Usage(args) => usage::run(args).await,
            Self::Reconcile(args) => reconcile::run(args).await,
            Self::Doctor(args) => doctor::run(args).await,
            Self::Completions(args) => manual::completions(&args, definition()),
            Self::Man(args) => manual::pages(&args, definition()),
            Self::Bench(args) => Box::pin(bench::run(args)).await,
            Self::BenchProxy(args) => bench::proxy(args).await,
            Self::BenchReceiver(args) => bench::receiver(args).await,
        }
    }
}

/// The causes in one line, outermost first, or one JSON object, on stderr. Prints nothing if the
/// reader of stdout has gone.
fn failed(error: &anyhow::Error, is_json: bool) -> ExitCode {
    if !exit::is_unread(error) && is_json {
        print::json_note(&exit::to_json(error));
    } else if !exit::is_unread(error) {
        print::note(format_args!("fluxgate: {error:#}"));
    }
    ExitCode::from(exit::code_of(error))
}
