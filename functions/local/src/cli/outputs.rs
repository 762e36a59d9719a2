//! A task's outputs as local files. Everything that can be checked is checked before any money is
//! spent; a file is written completely or not at all.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use fluxgate_core::id::TaskId;
use serde_json::Value;

use super::access::quoted;
use super::exit::usage;
use super::print::{self, Facts, PrintArgs};
use crate::client::{TenantClient, text};

/// Size of the probe file, to test whether a picture could be written.
const PROBE_BYTES: usize = 1024 * 1024;
/// Longest file extension.
const EXTENSION_BYTES_MAX: usize = 12;

/// Where outputs go.
#[derive(Args)]
pub(super) struct OutputArgs {
    /// Where to put the output, '-' for standard output; several outputs get a number before the
    /// extension [default: named after the task, in this folder]
    #[arg(long, value_name = "FILE", value_parser = out)]
    out: Option<PathBuf>,
    /// Overwrite a file that exists already
    #[arg(long)]
    force: bool,
}

impl OutputArgs {
    /// This file, whether or not it exists.
    pub(super) fn replacing(out: PathBuf) -> Self {
        Self {
            out: Some(out),
            force: true,
        }
    }

    /// Fails if an output could not be written there now.
    pub(super) fn check(&self, print: PrintArgs) -> Result<()> {
        if print.json && self.out.as_deref() == Some(Path::new(STDOUT)) {
            return Err(usage(
                "--json and --out - both use standard output; name a file with --out",
            ));
        }
        let Some(out) = &self.out else {
            return check_folder(Path::new("."));
        };
        let unfit = |why: &str| Err(anyhow!("{} {why}", out.display()));
        if out.as_os_str().as_encoded_bytes().ends_with(b"/") || out.is_dir() {
            return unfit("is a folder; name a file in it with --out");
        }
        if is_device(out) {
            return Ok(());
        }
        let folder = folder_of(out);
        if !folder.is_dir() {
            bail!(
                "the folder {} does not exist; create it first, or name another file with --out",
                folder.display()
            );
        }
        match out.symlink_metadata() {
            Ok(_) if !self.force => return unfit(TAKEN),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return unfit(&format!(
                    "cannot be written: {error}; name another file with --out"
                ));
            }
            _ => {}
        }
        check_folder(folder)
    }

    /// Downloads all outputs of a completed task and returns their paths.
    pub(super) async fn save(
        &self,
        client: &TenantClient,
        prediction: &Value,
    ) -> Result<Vec<PathBuf>> {
        let files = self.files(prediction)?;
        for file in &files {
            let taken =
                !self.force && !is_device(&file.path) && file.path.symlink_metadata().is_ok();
            ensure!(!taken, "{} {TAKEN}", file.path.display());
        }
        for file in &files {
            self.fetch(client, file).await?;
            if let Some(note) = file.misnamed() {
                print::note(note);
            }
        }
        Ok(files.into_iter().map(|file| file.path).collect())
    }

    fn files(&self, prediction: &Value) -> Result<Vec<OutputFile>> {
        let task = TaskId::parse(&text(prediction, "id")?)?;
        let list = |name: &str| {
            prediction
                .get(name)
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default()
        };
        let (urls, objects) = (list("outputs"), list("objects"));
        ensure!(!urls.is_empty(), "the task has no output");
        if let Some(place) = places(prediction).first() {
            bail!(
                "the output is at {place}, which has no link here; {}",
                fetch_hint(place)
            );
        }
        let file = |(n, url): (usize, &Value)| {
            let url = url.as_str().context("an output is not a URL")?.to_owned();
            // Outputs and objects correspond only when every output has an object.
            let object = objects.get(n).filter(|_| objects.len() == urls.len());
            let told = |name: &str| {
                object
                    .and_then(|object| object.get(name))
                    .and_then(Value::as_str)
            };
            let extension = extension(told("s3_uri").unwrap_or(&url));
            let path = self.path(&task, extension, (urls.len() > 1).then_some(n));
            Ok(OutputFile {
                path,
                extension: extension.to_owned(),
                sha256: told("sha256").map(str::to_owned),
                url,
            })
        };
        urls.iter().enumerate().map(file).collect()
    }

    fn path(&self, task: &TaskId, extension: &str, number: Option<usize>) -> PathBuf {
        let Some(out) = &self.out else {
            let number = number.map_or_else(String::new, |number| format!("-{number}"));
            return PathBuf::from(format!("{task}{number}.{extension}"));
        };
        let Some(number) = number else {
            return out.clone();
        };
        let mut name = out.file_stem().unwrap_or_default().to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = out.extension() {
            name.push(".");
            name.push(extension);
        }
        out.with_file_name(name)
    }

    async fn fetch(&self, client: &TenantClient, file: &OutputFile) -> Result<()> {
        let unwritable =
            |error: io::Error| anyhow!("cannot write {}: {error}", file.path.display());
        if is_device(&file.path) {
            let mut device = OpenOptions::new()
                .write(true)
                .open(&file.path)
                .map_err(unwritable)?;
            client.download_into(&file.url, &mut device).await?;
            return Ok(());
        }
        // If the path is a link, its target is replaced and the link stays.
        let path = file
            .path
            .canonicalize()
            .unwrap_or_else(|_| file.path.clone());
        // Like any other new file, it gets the permissions that the umask allows.
        let permissions = Permissions::from_mode(0o666);
        let beside = tempfile::Builder::new()
            .prefix(".fluxgate-")
            .permissions(permissions)
            .tempfile_in(folder_of(&path));
        let beside = beside.map_err(unwritable)?;
        let digest = client
            .download_into(&file.url, &mut beside.as_file())
            .await?;
        if let Some(told) = &file.sha256 {
            ensure!(
                hex::encode(digest) == *told,
                "the output does not match the SHA-256 in the prediction; nothing was saved"
            );
        }
        beside.as_file().sync_all().map_err(unwritable)?;
        let placed = if self.force {
            beside.persist(&path)
        } else {
            beside.persist_noclobber(&path)
        };
        match placed {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                bail!("{} {TAKEN}", path.display())
            }
            Err(error) => Err(unwritable(error.error)),
        }
    }
}

/// Outputs that are named by their place in the bucket, for whose reader there is no link.
pub(super) fn places(prediction: &Value) -> Vec<String> {
    let outputs = prediction["outputs"].as_array().into_iter().flatten();
    let places = outputs.filter_map(Value::as_str);
    let places = places.filter(|output| output.starts_with("s3://"));
    places.map(str::to_owned).collect()
}

/// How such an output is fetched.
pub(super) fn fetch_hint(place: &str) -> String {
    let place = quoted(place);
    format!("with the bucket's keys 'aws s3 cp {place} .' fetches it")
}

/// What `-` means.
const STDOUT: &str = "/dev/stdout";

#[expect(clippy::unnecessary_wraps, reason = "clap's value parsers may fail")]
fn out(text: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(if text == "-" { STDOUT } else { text }))
}

/// The paths of the saved files, on standard output unless the outputs went there; as JSON, the
/// gateway's answer with the paths.
pub(super) fn print_saved(
    print: PrintArgs,
    mut prediction: Value,
    saved: &[PathBuf],
) -> Result<()> {
    let files = saved.iter().filter(|path| *path != Path::new(STDOUT));
    let files: Vec<String> = files.map(|path| path.display().to_string()).collect();
    let lines: String = files.iter().map(|path| format!("{path}\n")).collect();
    prediction["files"] = files.into();
    print.print(&Facts {
        json: prediction,
        quiet: lines.clone(),
        text: lines,
    })
}

/// Where the outputs are that are not saved here; as JSON, the gateway's answer without files.
pub(super) fn print_places(
    print: PrintArgs,
    mut prediction: Value,
    places: &[String],
) -> Result<()> {
    let lines: String = places.iter().map(|place| format!("{place}\n")).collect();
    prediction["files"] = Value::Array(Vec::new());
    print.print(&Facts {
        json: prediction,
        quiet: lines.clone(),
        text: lines,
    })
}

const TAKEN: &str = "exists already; name another file with --out, or overwrite it with --force";

/// One output and its destination.
struct OutputFile {
    path: PathBuf,
    /// Its type, from the object's own name.
    extension: String,
    url: String,
    sha256: Option<String>,
}

impl OutputFile {
    /// A note if the file was named as another type. Files are never converted.
    fn misnamed(&self) -> Option<String> {
        let named = self.path.extension()?.to_str()?;
        let kind = |extension: &str| match extension.to_ascii_lowercase().as_str() {
            "jpeg" | "jpe" => "jpg".to_owned(),
            "tif" => "tiff".to_owned(),
            other => other.to_owned(),
        };
        let is_other = self.extension != "bin" && kind(named) != kind(&self.extension);
        let (path, is) = (self.path.display(), &self.extension);
        is_other
            .then(|| format!("{path} contains the model's output, which is .{is}, not .{named}"))
    }
}

/// Also true for a pipe: anything but a regular file is written in place, never replaced.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn check_folder(folder: &Path) -> Result<()> {
    let probed =
        tempfile::tempfile_in(folder).and_then(|mut file| file.write_all(&vec![0; PROBE_BYTES]));
    probed.map_err(|error| {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        anyhow!(
            "cannot write a picture into {}: {error}; name a file elsewhere with --out",
            folder.display()
        )
    })
}

/// The extension in an object's address or a URL, or nothing if it could lead to another path.
pub(super) fn extension(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let fits = (1..=EXTENSION_BYTES_MAX).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { extension } else { "bin" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(out: Option<&str>, objects: &Value) -> Vec<String> {
        let args = OutputArgs {
            out: out.map(PathBuf::from),
            force: false,
        };
        let outputs = json!(["https://b.example/0.png?sig=a.b", "https://b.example/1"]);
        let prediction = json!({ "id": "0".repeat(32), "outputs": outputs, "objects": objects });
        let files = args.files(&prediction).unwrap();
        files
            .iter()
            .map(|file| file.path.display().to_string())
            .collect()
    }

    #[test]
    fn several_outputs_are_numbered() {
        let id = "0".repeat(32);
        let objects = json!([{ "s3_uri": "s3://b/k/0.webp" }, { "s3_uri": "s3://b/k/1.svg" }]);

        assert_eq!(
            paths(None, &objects),
            [format!("{id}-0.webp"), format!("{id}-1.svg")]
        );
        assert_eq!(
            paths(Some("a/after.jpg"), &objects),
            ["a/after-0.jpg", "a/after-1.jpg"]
        );
        // Only one of the two has an object, and nothing says which.
        assert_eq!(
            paths(None, &json!([objects[0]])),
            [format!("{id}-0.png"), format!("{id}-1.bin")]
        );
    }

    #[test]
    fn an_extension_leads_nowhere() {
        assert_eq!(extension("s3://bucket/2026/0.jpg"), "jpg");
        for odd in [
            "s3://bucket/no",
            "https://h/a.b/../../etc",
            "https://h/a.",
            "https://h/a.p%2fx",
            "",
        ] {
            assert_eq!(extension(odd), "bin", "{odd:?}");
        }
    }
}
