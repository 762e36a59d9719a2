//! `fluxgate edit`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use fluxgate_core::media::{Family, HEAD_BYTES, MediaType, sniff};
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock, SystemEntropy};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::access::AccessArgs;
use super::batch::edits;
use super::exit::{of_task, reworded, usage};
use super::outputs::{OutputArgs, fetch_hint, places, print_places, print_saved};
use super::print::PrintArgs;
use super::progress::{self, End};
use super::signals::{Stopped, stop_signal};
use crate::client::{BrokenOff, TenantClient, text};

/// The default model.
pub(super) const MODEL: &str = "wavespeed-ai/flux-kontext-max";

/// How long one task is waited for.
const WAIT_SECONDS: u64 = 300;

#[derive(Args)]
pub(super) struct EditArgs {
    /// The picture: a file, or an https URL
    #[arg(required_unless_present = "batch")]
    image: Option<String>,
    /// What to do with it
    #[arg(required_unless_present = "batch")]
    prompt: Option<String>,
    /// Edit every picture in FILE instead, with PROMPT: a file or URL on each line, or a JSON
    /// object with 'image' and, if you like, 'prompt', 'seed' and 'reference'. Call it again
    /// to go on after an interruption
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "force"])]
    batch: Option<PathBuf>,
    /// With --batch: the folder of the outputs and of how far it has come [default: FILE.edited]
    #[arg(long, value_name = "DIR", requires = "batch")]
    into: Option<PathBuf>,
    #[command(flatten)]
    access: AccessArgs,
    /// Any model in the catalogue that takes 'image' and 'prompt'
    #[arg(long, default_value = MODEL)]
    model: String,
    /// The same seed, prompt and picture give the same result
    #[arg(long)]
    seed: Option<i64>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    print: PrintArgs,
    /// How long to wait, in seconds; the task or batch continues in any case [default: 300; with
    /// --batch, until it has ended]
    #[arg(long, value_name = "S")]
    wait: Option<u64>,
}

/// How far an edit has got, for the message when it is stopped.
#[derive(Default)]
struct Stage {
    submitting: AtomicBool,
    task: OnceLock<String>,
}

pub(super) async fn run(args: EditArgs) -> Result<()> {
    if let Some(file) = &args.batch {
        return edits::run(edits::Edits {
            file,
            into: args.into.as_deref(),
            // The only text beside the file is what to do.
            prompt: match (&args.image, &args.prompt) {
                (Some(_), Some(_)) => {
                    return Err(usage("with --batch, give the prompt alone"));
                }
                (prompt, _) => prompt.as_deref(),
            },
            model: &args.model,
            seed: args.seed,
            access: &args.access,
            print: args.print,
            wait: args.wait,
        })
        .await;
    }
    let stage = Stage::default();
    let outcome = tokio::select! {
        outcome = edit(&args, &stage) => outcome,
        stop = stop_signal() => Err(Stopped { stop, text: stage.stopped(&args.access) }.into()),
    };
    outcome.map_err(|error| match stage.task.get() {
        Some(task) => of_task(error, task),
        None => error,
    })
}

async fn edit(args: &EditArgs, stage: &Stage) -> Result<()> {
    args.output.check(args.print)?;
    let client = args.access.client().await?;
    let bar = progress::line(args.print);
    bar.set_message("uploading");
    let image = picture(&client, args.image.as_deref().unwrap_or_default()).await?;
    let mut inputs = json!({ "prompt": args.prompt, "image": image });
    if let Some(seed) = args.seed {
        inputs["seed"] = json!(seed);
    }
    bar.set_message("submitting");
    stage.submitting.store(true, Ordering::Relaxed);
    let id = submit(&client, args, &inputs).await?;
    bar.suspend(|| args.print.note(format_args!("task {id}")));
    let id = stage.task.get_or_init(|| id);
    finish(&client, args, id, &bar).await
}

/// The id of the new task.
async fn submit(client: &TenantClient, args: &EditArgs, inputs: &Value) -> Result<String> {
    let key = SystemEntropy.id32(SystemClock.now());
    let submitted = client.submit(&args.model, inputs, &key).await;
    let submitted = submitted.map_err(|error| match error.is::<BrokenOff>() {
        true => {
            let list = args.access.list_command();
            let text = format!("{error:#}; if the task was accepted, '{list}' lists it");
            reworded(&error, text)
        }
        false => error,
    })?;
    text(&submitted, "id")
}

/// From here on the run is paid for: whatever fails, its outputs can still be fetched.
async fn finish(client: &TenantClient, args: &EditArgs, id: &str, bar: &ProgressBar) -> Result<()> {
    let later = |error: anyhow::Error| {
        let command = args.access.download_command(id);
        let text = format!("{error:#}; '{command}' fetches the outputs");
        reworded(&error, text)
    };
    let end = progress::until_end(
        client,
        id,
        Duration::from_secs(args.wait.unwrap_or(WAIT_SECONDS)),
        bar,
    )
    .await
    .map_err(later)?;
    bar.finish_and_clear();
    let prediction = match end {
        end @ End::Running(_) => end.completed().map_err(later)?,
        end => end.completed()?,
    };
    let places = places(&prediction);
    if let Some(place) = places.first() {
        report(args.print, &prediction);
        args.print
            .note(format_args!("nothing is saved here; {}", fetch_hint(place)));
        return print_places(args.print, prediction, &places);
    }
    let saved = args.output.save(client, &prediction).await.map_err(later)?;
    report(args.print, &prediction);
    print_saved(args.print, prediction, &saved)
}

impl Stage {
    fn stopped(&self, access: &AccessArgs) -> String {
        match self.task.get() {
            Some(id) => format!(
                "stopped; task {id} continues: '{}' fetches its outputs",
                access.download_command(id)
            ),
            None if self.submitting.load(Ordering::Relaxed) => {
                format!(
                    "stopped while submitting; if the task was accepted, '{}' lists it",
                    access.list_command()
                )
            }
            None => "stopped; nothing was submitted".to_owned(),
        }
    }
}

/// A URL is passed on as it is; a file is uploaded first, unless it certainly is no picture.
pub(super) async fn picture(client: &TenantClient, image: &str) -> Result<String> {
    if image.starts_with("https://") || image.starts_with("http://") {
        return Ok(image.to_owned());
    }
    let bytes = std::fs::read(image).with_context(|| format!("cannot read the picture {image}"))?;
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if let Some(found) = other_than_picture(sniff(head)) {
        let text = format!("{image} is no picture, but {found}; nothing was submitted");
        return Err(usage(text));
    }
    let name = Path::new(image)
        .file_name()
        .map_or("picture".into(), |name| name.to_string_lossy().into_owned());
    client.upload(name, bytes).await
}

/// What is unknown is left to the gateway and the model; so are videos, because a picture in an ISO
/// container of an unknown brand looks like one.
fn other_than_picture(found: MediaType) -> Option<&'static str> {
    match found.family {
        Family::Text => Some("text"),
        Family::Json => Some("JSON"),
        Family::Markup => Some("HTML or XML"),
        Family::Sound | Family::Other => Some(found.content_type),
        Family::Picture | Family::Drawing | Family::Video | Family::Unknown => None,
    }
}

fn report(print: PrintArgs, prediction: &Value) {
    let text = |pointer: &str| {
        prediction
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let charged = prediction
        .get("charged_usd")
        .and_then(Value::as_f64)
        .unwrap_or_default();
    if prediction.get("archived") == Some(&Value::Bool(false)) {
        let (why, until) = (text("/unarchived/message"), text("/unarchived/expires_at"));
        print.note(format_args!(
            "not in your bucket, the provider keeps it until {until}: {why}  charged ${charged}"
        ));
        return;
    }
    print.note(format_args!(
        "object {}  sha256 {}  charged ${charged}",
        text("/objects/0/s3_uri"),
        text("/objects/0/sha256")
    ));
}
