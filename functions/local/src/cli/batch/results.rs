//! The file with a batch's results. What another file has is not lost for it, and whether it can be
//! written is known before anything is sent.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fluxgate_core::json::{self, JsonBounds};
use serde_json::Value;

use super::super::exit::usage;
use super::super::print::{Facts, PrintArgs, word};
use super::follow::count;

/// Of files that are not there under their own name yet.
const PREFIX: &str = ".fluxgate-";
/// In each line of a results file: what it is the result of.
const OF: &str = "batch_key";

/// Fails if the results cannot be written to this file, or must not be: it is the input, or exists
/// and is not of an earlier call of the same command.
pub(super) fn check(out: &Path, input: &Path, of: &str, force: bool) -> Result<()> {
    let shown = out.display();
    if out.is_dir() {
        return Err(usage(format!(
            "{shown} is a folder; name a file in it with --out"
        )));
    }
    if let (Ok(out), Ok(input)) = (out.canonicalize(), input.canonicalize())
        && out == input
    {
        let text = format!("{shown} is the batch itself; name another file with --out");
        return Err(usage(text));
    }
    if let Ok(found) = fs::metadata(out)
        && !found.is_file()
    {
        bail!("{shown} is not a regular file; name another with --out");
    }
    if out.symlink_metadata().is_ok() && !force && !is_of(out, of) {
        bail!("{shown} exists already; name another file with --out, or overwrite it with --force");
    }
    let folder = folder_of(out);
    tempfile::tempfile_in(folder).with_context(|| {
        let folder = folder.display();
        format!("cannot write into {folder}; name a file elsewhere with --out")
    })?;
    Ok(())
}

/// Whether an earlier call of the same command wrote it.
fn is_of(out: &Path, of: &str) -> bool {
    let Ok(text) = fs::read_to_string(out) else {
        return false;
    };
    let is_result = |line: &str| {
        let line = json::value(line.as_bytes(), JsonBounds::DOCUMENT);
        line.is_ok_and(|line| line[OF] == of)
    };
    !text.is_empty() && text.lines().all(is_result)
}

/// Says in each result what it is of.
pub(super) fn marked(mut results: Vec<Value>, of: &str) -> Vec<Value> {
    for result in &mut results {
        result[OF] = of.into();
    }
    results
}

/// Removes what commands that were killed left in the folder and nobody has written to for so long.
pub(super) fn remove_leftovers(folder: &Path, older_than: Duration) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    for file in files {
        let is_ours = file.file_name().to_string_lossy().starts_with(PREFIX);
        let written = file.metadata().and_then(|found| found.modified());
        let age = written.ok().and_then(|written| written.elapsed().ok());
        if is_ours && age.is_some_and(|age| age >= older_than) {
            // Whatever stays is in nobody's way.
            drop(fs::remove_file(file.path()));
        }
    }
}

/// Replaces the file by these lines, whole or not at all.
pub(super) fn save(path: &Path, results: &[Value]) -> Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let mut file = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(path))
        .with_context(unwritable)?;
    for result in results {
        writeln!(file, "{result}").with_context(unwritable)?;
    }
    file.as_file().sync_all().with_context(unwritable)?;
    file.persist(path).with_context(unwritable)?;
    Ok(())
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Tells how the batch ended, what it cost and where its results are. Fails unless every line
/// completed.
pub(super) fn tell(print: PrintArgs, batch: &Value, results: &[Value], path: &Path) -> Result<()> {
    let path = path.display().to_string();
    let charged = charged_usd(results);
    let [completed, failed, refused] =
        ["completed", "failed", "refused"].map(|name| count(batch, name));
    print.note(format_args!(
        "{completed} completed, {failed} failed, {refused} refused, charged ${charged}"
    ));
    let mut facts = batch.clone();
    facts["results"] = path.clone().into();
    facts["charged_usd"] = charged.into();
    print.print(&Facts {
        json: facts,
        quiet: path.clone(),
        text: path.clone(),
    })?;
    verdict(batch, &path)
}

fn charged_usd(results: &[Value]) -> f64 {
    let charged = results.iter().filter_map(|it| it["charged_usd"].as_f64());
    // Of an amount in millionths. The sum of nothing is -0.
    (charged.sum::<f64>() * 1e6).round() / 1e6 + 0.0
}

fn verdict(batch: &Value, path: &str) -> Result<()> {
    let (lines, completed) = (count(batch, "lines"), count(batch, "completed"));
    if completed == lines {
        return Ok(());
    }
    let missing = lines.saturating_sub(completed);
    let why = match word(batch, "/state") {
        "cancelled" => "the batch was cancelled: ",
        _ => "",
    };
    bail!("{why}{missing} of {lines} lines did not complete; see {path}")
}
