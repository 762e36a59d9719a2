//! Backups in one folder, named by their times: the newest stay.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fluxgate_core::time::Timestamp;

use super::files::new_folder;
use super::{manifest, staging};

/// The name of a backup that is begun now, such as `20261128T233500Z`, in a folder that is made if
/// it is missing: that of the first second from now on which no other has. Removes what interrupted
/// ones left there.
pub fn dated(folder: &Path, now: Timestamp) -> Result<PathBuf> {
    new_folder(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    remove_leftovers(folder)?;
    let mut at = now;
    loop {
        let name = named(folder, at);
        if !name.exists() && !staging::beside(&name)?.exists() {
            return Ok(name);
        }
        at.0 += 1_000;
    }
}

fn named(folder: &Path, at: Timestamp) -> PathBuf {
    let time = at.rfc3339();
    let digits: String = time
        .split('.')
        .take(1)
        .flat_map(str::chars)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    folder.join(format!("{digits}Z"))
}

fn remove_leftovers(folder: &Path) -> Result<()> {
    for path in entries(folder)? {
        let name = path.file_name().and_then(|name| name.to_str());
        let target = name.and_then(|name| name.strip_suffix(staging::SUFFIX));
        if let Some(target) = target.map(|target| folder.join(target))
            && is_dated(&target)
            && path.is_dir()
        {
            staging::remove_leftover(&target)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Removes all whole backups with such names but the newest, and returns how many.
pub fn remove_older(folder: &Path, newest: usize) -> Result<usize> {
    let mut found = entries(folder)?;
    found.retain(|path| is_dated(path) && manifest::path(path).is_file());
    found.sort_unstable();
    let older = found.len().saturating_sub(newest);
    for backup in &found[..older] {
        // What a crash leaves here is no whole backup any more, and goes with the next one.
        let leaving = staging::beside(backup)?;
        std::fs::rename(backup, &leaving)
            .and_then(|()| std::fs::remove_file(manifest::path(&leaving)))
            .and_then(|()| std::fs::remove_dir_all(&leaving))
            .with_context(|| format!("cannot remove the older backup {}", backup.display()))?;
    }
    Ok(older)
}

fn is_dated(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        let shape = name.bytes().map(|byte| match byte {
            b'0'..=b'9' => '0',
            other => char::from(other),
        });
        shape.collect::<String>() == "00000000T000000Z"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_backups_stay_and_so_does_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        for (name, is_whole) in [
            ("20261126T033000Z", true),
            ("20261127T033000Z", true),
            ("20261128T033000Z", false),
            ("20261129T033000Z", true),
            ("by-hand", true),
        ] {
            let backup = folder.path().join(name);
            new_folder(&backup).unwrap();
            if is_whole {
                std::fs::write(manifest::path(&backup), "{}").unwrap();
            }
        }

        let removed = remove_older(folder.path(), 2).unwrap();

        assert_eq!(removed, 1);
        assert!(!folder.path().join("20261126T033000Z").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
        let name = dated(folder.path(), Timestamp(1_787_618_961_479)).unwrap();
        assert!(is_dated(&name), "{}", name.display());
    }

    #[test]
    fn what_was_interrupted_is_removed_unless_it_is_in_use_and_no_name_is_taken_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (now, partial) = (Timestamp(1_787_618_961_479), "20260824T040000Z.partial");
        let first = dated(folder.path(), now).unwrap();
        let working = staging::Staging::begin(&first).unwrap();
        let left = folder.path().join(partial);
        for lasting in [&left, &folder.path().join("by-hand.partial")] {
            new_folder(lasting).unwrap();
            std::fs::write(lasting.join("partial.lock"), "").unwrap();
        }

        let second = dated(folder.path(), now).unwrap();
        new_folder(&second).unwrap();
        let third = dated(folder.path(), now).unwrap();

        assert!(working.path.exists() && !left.exists());
        assert!(folder.path().join("by-hand.partial").exists());
        assert!(first < second && second < third, "{}", third.display());
    }
}
