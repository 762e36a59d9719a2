//! The archiver's temporary storage. Nobody else uses it, but an earlier process of the same
//! environment may have been ended in the middle of a copy: its files would stay for hours.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fluxgate_core::bounds::Bounds;

use crate::init::InitError;

/// Not used for outputs: what the file system and the platform need of it.
pub const SPOOL_RESERVED_MB: u32 = 256;

const MIB: u64 = 1024 * 1024;

/// These bounds, with as many bytes of outputs in files as fit into storage of this size.
pub(super) fn fitted(mut bounds: Bounds, storage_mb: u32) -> Result<Bounds, InitError> {
    let file_bytes_max = u64::from(storage_mb.saturating_sub(SPOOL_RESERVED_MB)) * MIB;
    if file_bytes_max < bounds.output_bytes_max {
        let needed = bounds.output_bytes_max.div_ceil(MIB) + u64::from(SPOOL_RESERVED_MB);
        return Err(InitError::new(format!(
            "FLUXGATE_ARCHIVER_STORAGE_MB is {storage_mb}, and one output may need {needed}; raise the parameter ArchiverStorageMb"
        )));
    }
    bounds.copies.file_bytes_max = file_bytes_max;
    Ok(bounds)
}

/// The folder for outputs in this place, empty.
pub(super) fn emptied(temporary: &Path) -> Result<PathBuf, InitError> {
    let folder = temporary.join("fluxgate-outputs");
    renewed(&folder).map_err(|error| {
        let folder = folder.display();
        InitError::new(format!(
            "cannot empty the temporary folder {folder}: {error}"
        ))
    })?;
    Ok(folder)
}

fn renewed(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_holds_outputs_but_for_a_reserve_and_at_least_one_of_the_largest() {
        let fitting = |mb| fitted(Bounds::default(), mb).map(|fit| fit.copies.file_bytes_max / MIB);

        assert_eq!(fitting(512).unwrap(), 256);
        assert_eq!(fitting(3_072).unwrap(), 2_816);
        let error = format!("{:?}", fitting(511).unwrap_err());
        assert!(
            error.contains("is 511") && error.contains("may need 512"),
            "{error}"
        );
    }
}
