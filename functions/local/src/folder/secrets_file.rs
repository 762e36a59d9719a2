//! When the secrets of a folder may be made: at its beginning, and where somebody says so.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fluxgate_embedded::SqliteStore;

/// Written into the file by whoever goes on without the old ones.
const NEW: &str = "new";
/// What is longer was not written by hand.
const NEW_BYTES_MAX: u64 = 16;

/// Fails for a folder in use, whose links, tokens and bucket keys other secrets would end.
pub(super) fn check_unneeded(folder: &Path, path: &Path) -> Result<()> {
    let has_tenants = SqliteStore::has_tenants(folder)
        .with_context(|| format!("cannot open the data folder {}", folder.display()))?;
    if has_tenants {
        let path = path.display();
        bail!(
            "{path} is missing, and the data folder has tenants; restore it from a backup. \
             Without it every link to an output that was handed out ends for good, and so do the \
             keys of the local buckets and the tokens of 'fluxgate token'. To go on with new \
             secrets nonetheless, write the word '{NEW}' into that file and try again"
        );
    }
    Ok(())
}

/// Replaces a file in which somebody asked for new secrets. Of two processes the second finds those
/// of the first.
pub(super) fn renew_if_told(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<()> {
    let cannot = || format!("cannot make {} anew", path.display());
    if !is_told(path).with_context(cannot)? {
        return Ok(());
    }
    let asked = File::open(path).with_context(cannot)?;
    asked.lock().with_context(cannot)?;
    if !is_told(path).with_context(cannot)? {
        return Ok(());
    }
    replace(path, &make()?).with_context(cannot)?;
    let path = path.display();
    tracing::warn!(%path, "made new secrets, as the file asked for; links and tokens of before have ended");
    Ok(())
}

fn is_told(path: &Path) -> std::io::Result<bool> {
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Ok(metadata) if metadata.len() > NEW_BYTES_MAX => Ok(false),
        Ok(_) => Ok(std::fs::read(path)?.trim_ascii() == NEW.as_bytes()),
        Err(error) => Err(error),
    }
}

pub(crate) fn replace(path: &Path, text: &str) -> Result<()> {
    let path = &path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    Ok(File::open(folder)?.sync_all()?)
}
