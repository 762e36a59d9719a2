//! `fluxgate bench`: this build beside a bare reverse proxy to the same provider, in one run.
//!
//! With `--callbacks`, callbacks beside bare POSTs to the same receiver. With `--growth`, the same
//! requests on folders with more and more tasks. With `--peers`, other gateways beside this one.
//!
//! The provider, the proxy, the gateway and the load each run in their own process.

mod bare_provider;
mod callbacks;
mod children;
mod generator;
mod goals;
mod growth;
mod load;
mod machine;
mod page;
mod peers;
mod process;
mod proxy;
mod resident;
mod speed;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};

use super::print::{Facts, PrintArgs};
pub(super) use bare_provider::{BareProviderArgs, run as bare_provider};
pub(crate) use callbacks::{ReceiverArgs, receive as receiver};
pub(super) use generator::run as load;
pub(super) use proxy::{ProxyArgs, run as proxy};

const MODEL: &str = "wavespeed-ai/flux-kontext-max/text-to-image";

#[derive(Args)]
pub(super) struct BenchArgs {
    /// Duration of each measurement, in seconds, all its rounds together
    #[arg(long, default_value = "10", value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// In how many rounds, which alternate with those of the other measurements
    #[arg(long, default_value = "5", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=20))]
    rounds: u32,
    /// Where the gateways keep their data; choose the disk you want to measure [default: the
    /// temporary folder]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Measure callbacks: how many a second, how long after their events, and what dead endpoints
    /// cost the others
    #[arg(long)]
    callbacks: bool,
    /// Fill folders with N, N/10 and N/100 tasks, and measure the same requests on each; judged
    /// from 10000 on
    #[arg(long, value_name = "N", conflicts_with = "callbacks", value_parser = clap::value_parser!(u64).range(100..=10_000_000))]
    growth: Option<u64>,
    /// Measure Portkey and LiteLLM beside this, as far as they are installed ('tests/peers' does
    /// that)
    #[arg(long, conflicts_with_all = ["callbacks", "growth", "quick"])]
    peers: bool,
    /// Where they are installed [default: peers in the cache folder of the tests]
    #[arg(long, value_name = "DIR", requires = "peers")]
    peers_dir: Option<PathBuf>,
    /// Measure nothing: write the tables of the figures page from the JSON of earlier runs
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["callbacks", "growth", "peers", "quick", "data"])]
    figures: Vec<PathBuf>,
    /// That page
    #[arg(
        long,
        value_name = "FILE",
        requires = "figures",
        default_value = "shared/docs/reference/figures.md"
    )]
    page: PathBuf,
    /// A few requests only, to see that it works; the figures say little
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    print: PrintArgs,
}

pub(super) async fn run(args: BenchArgs) -> Result<()> {
    if !args.figures.is_empty() {
        return args.rewrite_page();
    }
    let folder = match &args.data {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .context("cannot create the data folder")?;
    let why = args.not_judged();
    if let Some(why) = &why {
        args.print.note(format_args!("goals are not judged: {why}"));
    }
    if !args.quick {
        let minutes = args.minutes();
        args.print.note(format_args!(
            "this takes {minutes} minutes or more, the longer the less the machine is at rest"
        ));
    }
    let mut figures = Box::pin(args.measure(folder.path())).await?;
    if let Some(why) = why {
        goals::leave_unjudged(&mut figures, &why);
    }
    args.print.print(&facts(figures))
}

/// With fewer tasks, the smallest folder has less than one page of a list.
const GROWTH_MIN: u64 = 10_000;

impl BenchArgs {
    /// Why its figures say nothing about the goals; none: they do.
    fn not_judged(&self) -> Option<String> {
        let few = self.growth.is_some_and(|tasks| tasks < GROWTH_MIN);
        let reasons = [
            (self.quick, "--quick makes a few requests only"),
            (cfg!(debug_assertions), "this is a debug build"),
            (few, "--growth says something from 10000 tasks on"),
        ];
        let reasons = reasons.into_iter().filter(|(holds, _)| *holds);
        let reasons: Vec<&str> = reasons.map(|(_, why)| why).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    /// What its measurements need in any case, without filling folders and waiting.
    fn minutes(&self) -> u64 {
        let measurements = match (self.callbacks, self.growth, self.peers) {
            (true, _, _) => 4,
            (_, Some(_), _) => growth::MEASUREMENTS,
            (_, _, true) => 2,
            _ => speed::measurements(),
        };
        (self.seconds * measurements).div_ceil(60)
    }

    async fn measure(&self, folder: &Path) -> Result<Value> {
        let (seconds, rounds, quick) = (self.seconds, self.rounds, self.quick);
        if self.callbacks {
            return callbacks::run(folder, seconds, quick, self.print).await;
        }
        if self.peers {
            let named = self.peers_dir.clone();
            let found = peers::Installed::find(&named.unwrap_or_else(peers::default_folder))?;
            let extent = peers::Extent::of(seconds, rounds);
            return peers::run(folder, &found, extent, self.print).await;
        }
        if let Some(tasks) = self.growth {
            let extent = growth::Extent::of(tasks, seconds, rounds, quick);
            return growth::run(folder, extent, self.print).await;
        }
        let extent = speed::Extent::of(seconds, rounds, quick);
        speed::run(folder, extent, self.print).await
    }

    fn rewrite_page(&self) -> Result<()> {
        let names = page::rewrite(&self.page, &self.figures)?;
        let page = self.page.display();
        self.print.print(&Facts {
            json: json!({ "page": self.page, "tables": names }),
            quiet: String::new(),
            text: format!("wrote {} of {page}", names.join(", ")),
        })
    }
}

/// The figures as JSON, as rates, and as tables.
fn facts(figures: Value) -> Facts {
    let (quiet, text) = match figures["bench"].as_str() {
        Some("peers") => (peers::quiet(&figures), peers::table(&figures)),
        Some("growth") => (growth::quiet(&figures), growth::table(&figures)),
        Some("callbacks") => (callbacks::quiet(&figures), callbacks::table(&figures)),
        _ => (speed::quiet(&figures), speed::table(&figures)),
    };
    let text = match figures["not_judged"].as_str() {
        Some(why) => format!("Goals are not judged: {why}.\n\n{text}"),
        None => text,
    };
    Facts {
        json: figures,
        quiet,
        text,
    }
}

fn inputs() -> Value {
    json!({ "prompt": "dunes at dusk, oil on canvas", "aspect_ratio": "16:9", "seed": 7 })
}

/// Microseconds of Unix time, which all processes of a machine share.
fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_micros() as u64)
}

/// 0 where there are none.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
