//! From `created` to the end: fetch the picture, edit it, store the outputs, send the webhook.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::picture::{self, Unusable};
use super::{Run, RunOutcome, RunOutput, webhook};
use crate::file_store::File;
use crate::filters::random::fingerprint;
use crate::inputs::Media;
use crate::outputs::{Failed, Made, Order};
use crate::provider::Provider;

/// Runs to the end, with the media it starts from (none for text to image).
pub(crate) async fn work(provider: Arc<Provider>, run: Arc<Run>, media: Vec<Media>) {
    run.start();
    let done_at = Instant::now() + provider.config.run_time;
    let outcome = outcome(&provider, &run, media).await;
    sleep_until(done_at).await;
    run.end(outcome);
    provider.settle(&run);
    provider.under_way.end();
    provider.runs.note_ended(&run.id);
    webhook::tell(&provider, &run).await;
}

async fn outcome(provider: &Provider, run: &Arc<Run>, media: Vec<Media>) -> RunOutcome {
    if provider.faults.strike(|faults| &mut faults.fail_task) {
        return failed(provider, 1405, "the task failed (emulated)".to_owned());
    }
    let nsfw = provider.faults.strike(|faults| &mut faults.nsfw) || mentions_nsfw(run);
    if provider.faults.strike(|faults| &mut faults.tiny_output) {
        return RunOutcome::Completed {
            outputs: vec![RunOutput::Named("0.png".to_owned())],
            nsfw,
            stands_in_for: None,
        };
    }
    if let Some(kind) = provider.faults.value(|faults| faults.odd_output) {
        let output = kind.keep(provider, &run.id);
        return RunOutcome::Completed {
            outputs: vec![RunOutput::Named(output)],
            nsfw,
            stands_in_for: None,
        };
    }
    match outputs(provider, run, media).await {
        Ok((mut outputs, stands_in_for)) => {
            if outputs.len() > 1 && provider.faults.strike(|faults| &mut faults.fewer_outputs) {
                outputs.pop();
            }
            if let Some(format) = stands_in_for {
                tracing::warn!(
                    run.id = run.id,
                    format,
                    "the emulator does not read this format; it edited a stand-in"
                );
            }
            RunOutcome::Completed {
                outputs,
                nsfw,
                stands_in_for,
            }
        }
        Err(Unusable(error)) => failed(provider, 1402, error),
    }
}

fn failed(provider: &Provider, code: u16, error: String) -> RunOutcome {
    RunOutcome::Failed {
        code,
        error,
        is_charged: provider.faults.strike(|faults| &mut faults.failure_charged),
    }
}

fn mentions_nsfw(run: &Run) -> bool {
    let prompt = run.text("prompt").unwrap_or_default();
    prompt
        .split(|character: char| !character.is_alphanumeric())
        .any(|word| word.eq_ignore_ascii_case("nsfw"))
}

/// What was produced, and the format that a stand-in replaced.
type Produced<T> = Result<(Vec<T>, Option<&'static str>), Unusable>;

async fn outputs(provider: &Provider, run: &Arc<Run>, media: Vec<Media>) -> Produced<RunOutput> {
    let _picture = provider
        .pictures
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let sources = fetch_all(provider, &media).await?;
    let _core = provider
        .edits
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let making = run.clone();
    let made = tokio::task::spawn_blocking(move || make_all(&making, &sources)).await;
    let (made, stands_in_for) =
        made.unwrap_or_else(|_| Err(Unusable("the output could not be made".to_owned())))?;
    let outputs = made
        .into_iter()
        .enumerate()
        .map(|(index, made)| keep(provider, run, index, made));
    Ok((outputs.collect(), stands_in_for))
}

/// What the media of a run come to.
#[derive(Default)]
struct Sources {
    /// The picture to edit: the first one.
    picture: Option<Bytes>,
    /// Stands for the content of all others.
    fingerprint: u64,
}

/// All media must be available, even though only the first picture is edited.
async fn fetch_all(provider: &Provider, media: &[Media]) -> Result<Sources, Unusable> {
    let mut sources = Sources::default();
    for one in media {
        let bytes = picture::fetch(provider, one).await?;
        if one.is_picture && sources.picture.is_none() {
            sources.picture = Some(bytes);
        } else {
            sources.fingerprint = fingerprint(sources.fingerprint, &bytes);
        }
    }
    Ok(sources)
}

fn keep(provider: &Provider, run: &Run, index: usize, made: Made) -> RunOutput {
    match made {
        Made::Text(text) => RunOutput::Text(text),
        Made::File {
            extension,
            content_type,
            bytes,
        } => {
            let name = format!("{index}.{extension}");
            let file = File {
                bytes,
                content_type: content_type.to_owned(),
            };
            provider
                .files
                .insert(format!("outputs/{}/{name}", run.id), file);
            RunOutput::Named(name)
        }
    }
}

fn make_all(run: &Run, sources: &Sources) -> Produced<Made> {
    let source = sources
        .picture
        .as_deref()
        .map(picture::decode)
        .transpose()?;
    let stands_in_for = source.as_ref().and_then(|source| source.stands_in_for);
    let size = run.text("size").and_then(ratio);
    let words = run.words();
    let number = |name: &str| run.inputs.get(name).and_then(Value::as_f64);
    let order = Order {
        words: &words,
        seed: seed(run).wrapping_add(sources.fingerprint),
        source: source.map(|source| source.picture),
        guidance_scale: number("guidance_scale").unwrap_or(3.5),
        aspect_ratio: run.text("aspect_ratio").or(size.as_deref()),
        as_png: run.text("output_format") == Some("png"),
    };
    let kinds = run.model.makes.kinds(run.copies());
    let made = kinds
        .into_iter()
        .zip(0..)
        .map(|(kind, index)| kind.make(&order, index))
        .collect::<Result<_, _>>();
    let made = made.map_err(|Failed(error)| Unusable(error))?;
    Ok((made, stands_in_for))
}

/// A model that takes no seed always gives the same for the same inputs.
fn seed(run: &Run) -> u64 {
    let given = run.inputs.get("seed").and_then(Value::as_u64);
    given.unwrap_or_else(|| match run.model.properties.contains_key("seed") {
        true => random_seed(),
        false => 0,
    })
}

/// A missing seed and -1 mean any.
fn random_seed() -> u64 {
    u64::try_from(uuid::Uuid::now_v7().as_u128() & 0xFFFF_FFFF).expect("32 bits fit")
}

/// `1024*768` as `4:3`.
fn ratio(size: &str) -> Option<String> {
    let (width, height) = size.split_once('*')?;
    let (width, height): (u32, u32) = (width.trim().parse().ok()?, height.trim().parse().ok()?);
    let divisor = greatest_common_divisor(width, height);
    (divisor > 0).then(|| format!("{}:{}", width / divisor, height / divisor))
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}
