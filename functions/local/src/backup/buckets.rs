//! The files of the buckets in a backup: those of objects by a second name where that is possible,
//! for they never change; others, which somebody put there, as copies.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fluxgate_embedded::sqlite::object_files;

use super::files::{self, new_file, new_folder, unreadable};
use super::manifest::CopiedBuckets;
use super::{BUCKET_DIGESTS, BUCKET_NAMES, BUCKETS, Progress};

/// Below the folder of the buckets: the files of objects, and uploads that are not done.
const OBJECTS: &str = ".fluxgate/objects";
const INCOMING: &str = ".fluxgate/incoming";

/// The buckets of a data folder on their way into a backup.
pub(super) struct BucketCopy {
    from: PathBuf,
    /// The backup.
    to: PathBuf,
    copied: CopiedBuckets,
}

impl BucketCopy {
    /// Takes every object that is there now: whatever the database has later, and loses while it
    /// is copied, is in the backup then.
    pub(super) fn begin(data: &Path, to: &Path) -> io::Result<Self> {
        let copied = CopiedBuckets {
            files: 0,
            bytes: 0,
            linked: 0,
        };
        let mut copy = Self {
            from: data.join(BUCKETS),
            to: to.to_owned(),
            copied,
        };
        new_folder(&to.join(BUCKETS))?;
        for file in below(&copy.from, &copy.from.join(OBJECTS))? {
            copy.take(&file)?;
        }
        Ok(copy)
    }

    /// Adds the objects that the copied database knows besides, removes those that it does not
    /// know, and copies the files that are no objects. Writes the list of digests.
    pub(super) fn finish(mut self, told: &mut dyn FnMut(Progress)) -> io::Result<CopiedBuckets> {
        let mut known = HashSet::new();
        let backup = self.to.clone();
        object_files(&backup, |file| {
            let file = format!("{OBJECTS}/{file}");
            self.take(&file)?;
            known.insert(file);
            Ok(())
        })?;
        let root = self.to.join(BUCKETS);
        for file in below(&root, &root.join(OBJECTS))? {
            if !known.contains(&file) {
                std::fs::remove_file(root.join(file))?;
            }
        }
        for file in below(&self.from, &self.from)? {
            if !file.starts_with(OBJECTS) && !file.starts_with(INCOMING) {
                self.copy_plain(&file)?;
            }
        }
        self.write_digests(told)?;
        Ok(self.copied)
    }

    /// Does nothing for a file that was taken, and for one that has gone: it belonged to an object
    /// that came and went while the backup was made.
    fn take(&mut self, file: &str) -> io::Result<()> {
        let (from, to) = (self.from.join(file), self.to.join(BUCKETS).join(file));
        if to.exists() {
            return Ok(());
        }
        to.parent().map_or(Ok(()), new_folder)?;
        let taken = match std::fs::hard_link(&from, &to) {
            Ok(()) => {
                self.copied.linked += 1;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            // Another file system, or one without links.
            Err(_) => files::copy(&from, &to).map(drop),
        };
        match taken {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            taken => taken,
        }
    }

    fn copy_plain(&self, file: &str) -> io::Result<()> {
        let to = self.to.join(BUCKETS).join(file);
        to.parent().map_or(Ok(()), new_folder)?;
        match files::copy(&self.from.join(file), &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            copied => copied.map(drop),
        }
    }

    fn write_digests(&mut self, told: &mut dyn FnMut(Progress)) -> io::Result<()> {
        let root = self.to.join(BUCKETS);
        let mut list = BufWriter::new(new_file(&self.to.join(BUCKET_DIGESTS))?);
        for file in below(&root, &root)? {
            let digested = files::digest(&root.join(&file))?;
            writeln!(list, "{}", line(&digested.sha256, &file))?;
            self.copied.files += 1;
            self.copied.bytes += digested.bytes;
            told(Progress::Buckets {
                files: self.copied.files,
            });
        }
        list.flush()
    }
}

/// Writes down which buckets there are: a bucket is a folder, and empty unless somebody put files
/// there by hand.
pub(super) fn write_names(data: &Path, to: &Path) -> io::Result<()> {
    let mut list = BufWriter::new(new_file(&to.join(BUCKET_NAMES))?);
    let folders = match std::fs::read_dir(data.join(BUCKETS)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return list.flush(),
        folders => folders?,
    };
    for folder in folders {
        let folder = folder?;
        if let Some(name) = folder.file_name().to_str()
            && is_bucket(name)
            && folder.file_type()?.is_dir()
        {
            writeln!(list, "{name}")?;
        }
    }
    list.flush()
}

/// Makes the buckets that there were, without what was in them.
pub(super) fn create(backup: &Path, data: &Path) -> io::Result<()> {
    for name in BufReader::new(File::open(backup.join(BUCKET_NAMES))?).lines() {
        let name = name?;
        if is_bucket(&name) {
            new_folder(&data.join(BUCKETS).join(name))?;
        }
    }
    Ok(())
}

/// Names of folders that are none begin with a dot.
fn is_bucket(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\n'])
}

/// Copies the buckets of a backup into a data folder, and fails for a file that is not as its
/// digest says.
pub(super) fn restore(backup: &Path, data: &Path, told: &mut dyn FnMut(Progress)) -> Result<u64> {
    let list = BufReader::new(File::open(backup.join(BUCKET_DIGESTS))?);
    let mut files = 0;
    new_folder(&data.join(BUCKETS))?;
    for read in list.lines() {
        let read = read?;
        let (sha256, file) = parsed(&read)
            .with_context(|| format!("{BUCKET_DIGESTS} is damaged; use another backup"))?;
        let from = backup.join(BUCKETS).join(&file);
        let to = data.join(BUCKETS).join(&file);
        to.parent().map_or(Ok(()), new_folder)?;
        let copied = files::copy(&from, &to)
            .map_err(|error| unreadable(backup, &format!("{BUCKETS}/{file}"), error))?;
        if copied.sha256 != sha256 {
            bail!("{} is damaged; use another backup", from.display());
        }
        files += 1;
        told(Progress::Buckets { files });
    }
    Ok(files)
}

/// The files below a folder, by their paths from the root. Those whose names are not text are left
/// out: no key is like that.
fn below(root: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            if kind.is_dir() {
                folders.push(path);
            } else if let Ok(file) = path.strip_prefix(root)
                && let Some(file) = file.to_str()
                && kind.is_file()
            {
                found.push(file.to_owned());
            }
        }
    }
    Ok(found)
}

/// As `sha256sum` writes it: a name with a line end or a backslash is escaped, and the line says so
/// by its first character.
fn line(sha256: &str, file: &str) -> String {
    let escaped = file
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    let mark = if escaped == file { "" } else { "\\" };
    format!("{mark}{sha256}  {BUCKETS}/{escaped}")
}

/// The digest, and the path below the folder of the buckets; `None` for a line that is none, or
/// that leads out of there.
fn parsed(line: &str) -> Option<(String, String)> {
    let (is_escaped, line) = match line.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (sha256, path) = line.split_once("  ")?;
    let file = path.strip_prefix(BUCKETS)?.strip_prefix('/')?;
    let file = if is_escaped {
        unescaped(file)?
    } else {
        file.to_owned()
    };
    let is_inside = file.split('/').all(|part| !["", ".", ".."].contains(&part));
    is_inside.then(|| (sha256.to_owned(), file))
}

fn unescaped(text: &str) -> Option<String> {
    let (mut plain, mut rest) = (String::new(), text.chars());
    while let Some(c) = rest.next() {
        plain.push(match c {
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                other => other,
            },
            c => c,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_was_written_and_none_leads_out_of_the_buckets() {
        for name in ["a/b.png", "a/b  c", "a\\n/b\nc\r", "\\"] {
            let line = line("00ff", name);

            assert!(!line.contains('\n'), "{line}");
            assert_eq!(parsed(&line), Some(("00ff".to_owned(), name.to_owned())));
        }
        for odd in [
            "",
            "00ff",
            "00ff  s3/../secrets.json",
            "00ff  s3//etc/passwd",
            "00ff  x/a",
        ] {
            assert_eq!(parsed(odd), None, "{odd}");
        }
    }
}
