//! `fluxgate edit --batch`: many pictures, with everything done once however often it is
//! interrupted.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fluxgate_core::digest::sha256;
use fluxgate_core::port::{Clock as _, Ids as _, SystemClock, SystemEntropy};
use futures::{StreamExt as _, stream};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::items::{Defaults, Item, is_url, items};
use super::journal::Journal;
use super::{STOPPED, beside, follow, results};
use crate::cli::access::AccessArgs;
use crate::cli::edit::picture;
use crate::cli::outputs::{OutputArgs, extension};
use crate::cli::print::{PrintArgs, word};
use crate::cli::progress;
use crate::cli::signals::{Stopped, stop_signal};
use crate::client::{TenantClient, text};

/// Uploads and downloads at once.
const AT_ONCE: usize = 4;

/// What `edit --batch` is asked for.
pub(in crate::cli) struct Edits<'a> {
    pub(in crate::cli) file: &'a Path,
    pub(in crate::cli) into: Option<&'a Path>,
    pub(in crate::cli) prompt: Option<&'a str>,
    pub(in crate::cli) model: &'a str,
    pub(in crate::cli) seed: Option<i64>,
    pub(in crate::cli) access: &'a AccessArgs,
    pub(in crate::cli) print: PrintArgs,
    pub(in crate::cli) wait: Option<u64>,
}

pub(in crate::cli) async fn run(edits: Edits<'_>) -> Result<()> {
    tokio::select! {
        outcome = edit(&edits) => outcome,
        stop = stop_signal() => Err(Stopped { stop, text: STOPPED.to_owned() }.into()),
    }
}

async fn edit(edits: &Edits<'_>) -> Result<()> {
    let file = edits.file;
    let written =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let defaults = Defaults {
        model: edits.model,
        prompt: edits.prompt,
        seed: edits.seed,
    };
    let items = items(file, &written, &defaults)?;
    if items.is_empty() {
        bail!(
            "{} names no picture; write one on each line",
            file.display()
        );
    }
    let client = edits.access.client().await?;
    let into = edits
        .into
        .map_or_else(|| beside(file, ".edited"), Path::to_owned);
    fs::create_dir_all(&into).with_context(|| format!("cannot create {}", into.display()))?;
    let key = SystemEntropy.id32(SystemClock.now());
    let path = into.join("progress.jsonl");
    let mut journal = Journal::open(&path, &asked(edits, &written), key)?;
    // Only one command at a time works in a folder with a journal.
    results::remove_leftovers(&into, Duration::ZERO);
    let bar = progress::counter(edits.print);
    let batch = match journal.batch.clone() {
        Some(batch) => batch,
        None => send(&client, &items, &defaults, &mut journal, &bar).await?,
    };
    bar.suspend(|| edits.print.note(format_args!("batch {batch}")));
    let ended = follow::until_end(&client, &batch, &bar, edits.print, edits.wait).await?;
    let results = client.batch_results(&batch).await?;
    let bar = progress::counter(edits.print);
    let results = fetch(&client, &items, results, &into, &bar).await?;
    results::save(&into.join("results.jsonl"), &results)?;
    results::tell(edits.print, &ended, &results, &into)?;
    match changed(&items, &journal)?.first() {
        Some(image) => bail!(
            "{image} was changed after it was sent, and its result is of what it was before; to edit it as it is now, name another folder with --into"
        ),
        None => Ok(()),
    }
}

/// The pictures that are not as they were when they were uploaded.
fn changed(items: &[Item], journal: &Journal) -> Result<Vec<String>> {
    let mut changed = Vec::new();
    for item in items.iter().filter(|item| !is_url(&item.image)) {
        let upload = journal.uploads.get(&item.image);
        let stamp = stamp(&item.image)?;
        if upload.is_some_and(|upload| upload.is_of_another(&stamp)) {
            changed.push(item.image.clone());
        }
    }
    Ok(changed)
}

/// The size of a picture and when it was written.
fn stamp(image: &str) -> Result<String> {
    let found = fs::metadata(image).with_context(|| format!("cannot read the picture {image}"))?;
    let (seconds, nanos) = (found.mtime(), found.mtime_nsec());
    Ok(format!("{}-{seconds}.{nanos:09}", found.len()))
}

/// What must be the same for a folder to be gone on with.
fn asked(edits: &Edits<'_>, written: &str) -> String {
    let tenant = edits.access.tenant_digest();
    let asked = json!([tenant, edits.model, edits.prompt, edits.seed, written]);
    hex::encode(sha256(asked.to_string().as_bytes()))
}

/// Uploads what is not uploaded yet or was changed since, and sends the lines. By its key the batch
/// is the same one if it was sent before, because the journal has the URLs that were sent: then
/// nothing is uploaded again.
async fn send(
    client: &TenantClient,
    items: &[Item],
    defaults: &Defaults<'_>,
    journal: &mut Journal,
    bar: &ProgressBar,
) -> Result<String> {
    let mut images: Vec<String> = items.iter().map(|item| item.image.clone()).collect();
    images.sort_unstable();
    images.dedup();
    bar.set_length(images.len() as u64);
    bar.set_message("uploading");
    let changed = match journal.may_be_sent {
        true => Vec::new(),
        false => changed(items, journal)?,
    };
    images.retain(|image| {
        !is_url(image) && (!journal.uploads.contains_key(image) || changed.contains(image))
    });
    bar.set_position(bar.length().unwrap_or(0) - images.len() as u64);
    let uploads = images.into_iter().map(|image| async move {
        let stamp = stamp(&image)?;
        let url = picture(client, &image).await?;
        anyhow::Ok((image, url, stamp))
    });
    let mut uploads = stream::iter(uploads).buffer_unordered(AT_ONCE);
    while let Some(uploaded) = uploads.next().await {
        let (image, url, stamp) = uploaded?;
        journal.uploaded(&image, url, stamp)?;
        bar.inc(1);
    }
    bar.set_message("sending");
    let mut lines = String::new();
    for item in items {
        let upload = journal.uploads.get(&item.image);
        let url = upload.map_or(&item.image, |upload| &upload.url);
        lines.push_str(&item.line(url, defaults).to_string());
        lines.push('\n');
    }
    journal.sending()?;
    let created = client.create_batch(lines.as_bytes(), &journal.key).await?;
    let id = text(&created, "id")?;
    journal.sent(&id)?;
    Ok(id)
}

/// The results with the names of their files; an output that is there already was saved whole.
async fn fetch(
    client: &TenantClient,
    items: &[Item],
    results: Vec<Value>,
    into: &Path,
    bar: &ProgressBar,
) -> Result<Vec<Value>> {
    bar.set_length(results.len() as u64);
    bar.set_message("saving");
    let fetches = items.iter().zip(results);
    let fetches = fetches.map(|(item, mut result)| async move {
        // An output without a link stays in the bucket; the result says where.
        let files = match is_linked(&result) {
            true => outputs(client, item, &result, into).await?,
            false => Vec::new(),
        };
        if !files.is_empty() {
            result["files"] = json!(files);
        }
        bar.inc(1);
        anyhow::Ok(result)
    });
    let fetched: Vec<Result<Value>> = stream::iter(fetches).buffered(AT_ONCE).collect().await;
    bar.finish_and_clear();
    fetched.into_iter().collect()
}

fn is_linked(result: &Value) -> bool {
    let outputs = result["outputs"].as_array().into_iter().flatten();
    let mut urls = outputs.map(|output| word(output, "/url"));
    urls.all(|url| !url.starts_with("s3://"))
}

/// Where the outputs of one line are now.
async fn outputs(
    client: &TenantClient,
    item: &Item,
    result: &Value,
    into: &Path,
) -> Result<Vec<PathBuf>> {
    let outputs = result["outputs"].as_array().cloned().unwrap_or_default();
    let mut saved = Vec::new();
    for (n, output) in outputs.iter().enumerate() {
        let address = match word(output, "/s3_uri") {
            "" => word(output, "/url"),
            address => address,
        };
        let number = if outputs.len() > 1 {
            format!("-{n}")
        } else {
            String::new()
        };
        let (line, stem) = (result["line"].as_u64().unwrap_or(0), item.stem());
        let name = format!("{line:05}-{stem}{number}.{}", extension(address));
        let path = into.join(&name);
        if !path.exists() {
            let one =
                json!({ "id": result["task"], "outputs": [output["url"]], "objects": [output] });
            OutputArgs::replacing(path.clone())
                .save(client, &one)
                .await?;
        }
        saved.push(PathBuf::from(name));
    }
    Ok(saved)
}
