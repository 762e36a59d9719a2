//! From `created` to the end: fetch the picture, edit it, store the outputs, send the webhook.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::picture::{self, Unusable};
use super::{Run, RunOutcome, webhook};
use crate::file_store::File;
use crate::filters::{self, EditRequest};
use crate::provider::Provider;

/// Runs to the end, with the source pictures (empty for text to image).
pub(crate) async fn work(provider: Arc<Provider>, run: Arc<Run>, pictures: Vec<String>) {
    run.start();
    let done_at = Instant::now() + provider.config.run_time;
    let outcome = outcome(&provider, &run, pictures).await;
    sleep_until(done_at).await;
    run.end(outcome);
    provider.under_way.end();
    provider.runs.note_ended(&run.id);
    webhook::tell(&provider, &run).await;
}

async fn outcome(provider: &Provider, run: &Arc<Run>, pictures: Vec<String>) -> RunOutcome {
    if provider.faults.strike(|faults| &mut faults.fail_task) {
        return RunOutcome::Failed {
            code: 1405,
            error: "the task failed (emulated)".to_owned(),
        };
    }
    let nsfw = provider.faults.strike(|faults| &mut faults.nsfw) || mentions_nsfw(run);
    if provider.faults.strike(|faults| &mut faults.tiny_output) {
        return RunOutcome::Completed {
            outputs: vec!["0.png".to_owned()],
            nsfw,
            stands_in_for: None,
        };
    }
    if let Some(kind) = provider.faults.value(|faults| faults.odd_output) {
        let output = kind.keep(provider, &run.id);
        return RunOutcome::Completed {
            outputs: vec![output],
            nsfw,
            stands_in_for: None,
        };
    }
    match outputs(provider, run, pictures).await {
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
        Err(Unusable(error)) => RunOutcome::Failed { code: 1402, error },
    }
}

fn mentions_nsfw(run: &Run) -> bool {
    let prompt = run.text("prompt").unwrap_or_default();
    prompt
        .split(|character: char| !character.is_alphanumeric())
        .any(|word| word.eq_ignore_ascii_case("nsfw"))
}

/// What was produced, and the format that a stand-in replaced.
type Made<T> = Result<(Vec<T>, Option<&'static str>), Unusable>;

async fn outputs(provider: &Provider, run: &Arc<Run>, pictures: Vec<String>) -> Made<String> {
    let _picture = provider
        .pictures
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let mut source = None;
    // All pictures must be available, even though only the first is edited.
    for url in pictures.iter().rev() {
        source = Some(picture::fetch(provider, url).await?);
    }
    let _core = provider
        .edits
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let edited = run.clone();
    let made = tokio::task::spawn_blocking(move || edit_all(&edited, source.as_deref())).await;
    let (made, stands_in_for) =
        made.unwrap_or_else(|_| Err(Unusable("the picture could not be edited".to_owned())))?;
    let named = made
        .into_iter()
        .enumerate()
        .map(|(index, bytes)| keep(provider, run, index, bytes));
    Ok((named.collect(), stands_in_for))
}

fn keep(provider: &Provider, run: &Run, index: usize, bytes: Bytes) -> String {
    let name = format!("{index}.jpg");
    provider.files.insert(
        format!("outputs/{}/{name}", run.id),
        File {
            bytes,
            content_type: "image/jpeg".to_owned(),
        },
    );
    name
}

fn edit_all(run: &Run, source: Option<&[u8]>) -> Made<Bytes> {
    let (source, stands_in_for) = match source.map(picture::decode).transpose()? {
        Some(source) => (Some(source.picture), source.stands_in_for),
        None => (None, None),
    };
    let seed = run
        .inputs
        .get("seed")
        .and_then(Value::as_u64)
        .unwrap_or_else(random_seed);
    let count = run.model.pictures(&run.inputs);
    let size = run.text("size").and_then(ratio);
    let edit = |index| {
        let request = EditRequest {
            prompt: run.text("prompt").unwrap_or_default(),
            seed: seed.wrapping_add(index),
            guidance_scale: run
                .inputs
                .get("guidance_scale")
                .and_then(Value::as_f64)
                .unwrap_or(3.5),
            aspect_ratio: run.text("aspect_ratio").or(size.as_deref()),
        };
        picture::encode(&match source.clone() {
            Some(source) => filters::edit(source, &request),
            None => filters::from_text(&request),
        })
    };
    Ok((
        (0..count).map(edit).collect::<Result<_, _>>()?,
        stands_in_for,
    ))
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
