//! Whether a database file was cut short. SQLite notices that by itself only without a log: with
//! one, pages that the file lacks may be in there, as after a crash.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use fluxgate_core::Result;
use rusqlite::Connection;

use super::error::database;

/// The layout of the log, from the description of SQLite's file format.
const LOG_HEAD_BYTES: u64 = 32;
const FRAME_HEAD_BYTES: u64 = 24;
/// The page at this place is never written: locks are taken on it.
const LOCKS_AT: u64 = 1 << 30;

/// True if pages of the database are neither in its file nor in its log. Such a page may be a free
/// one that was never written, so that this proves nothing yet.
pub(super) fn lacks_pages(connection: &Connection, path: &Path) -> Result<bool> {
    let number = |sql: &str| {
        let number = connection.query_row(sql, [], |row| row.get::<_, u32>(0));
        number.map(u64::from).map_err(database("open the database"))
    };
    let (pages, page_bytes) = (number("PRAGMA page_count")?, number("PRAGMA page_size")?);
    let file_bytes = path.metadata().map_or(0, |metadata| metadata.len());
    let in_file = file_bytes / page_bytes;
    if in_file >= pages {
        return Ok(false);
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let logged = logged_pages(Path::new(&log), page_bytes).unwrap_or_default();
    let of_locks = LOCKS_AT / page_bytes + 1;
    let is_lost = |page: &u64| *page != of_locks && !logged.contains(page);
    Ok((in_file + 1..=pages).any(|page| is_lost(&page)))
}

/// The pages that the log has since it was last begun anew.
fn logged_pages(log: &Path, page_bytes: u64) -> io::Result<HashSet<u64>> {
    let log = File::open(log)?;
    let mut head = [0; LOG_HEAD_BYTES as usize];
    log.read_exact_at(&mut head, 0)?;
    let salts = &head[16..24];
    let (mut pages, mut at) = (HashSet::new(), LOG_HEAD_BYTES);
    let mut frame = [0; FRAME_HEAD_BYTES as usize];
    while log.read_exact_at(&mut frame, at).is_ok() && frame[8..16] == *salts {
        let page = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
        pages.insert(u64::from(page));
        at += FRAME_HEAD_BYTES + page_bytes;
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::super::connection::open_for_writing;
    use super::*;

    const GROW: &str = "CREATE TABLE filling (body); WITH RECURSIVE many (n) AS
         (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 200)
         INSERT INTO filling SELECT zeroblob(4000) FROM many;";

    #[test]
    fn pages_that_are_in_the_log_alone_are_not_missed_and_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fluxgate.db");
        let connection = open_for_writing(&path).unwrap();
        connection.execute_batch(GROW).unwrap();

        let in_the_log = lacks_pages(&connection, &path).unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        connection
            .execute_batch("DELETE FROM filling WHERE rowid = 1")
            .unwrap();
        let whole = lacks_pages(&connection, &path).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_len(path.metadata().unwrap().len() / 2).unwrap();
        let cut = lacks_pages(&connection, &path).unwrap();

        assert_eq!((in_the_log, whole, cut), (false, false, true));
        let error = open_for_writing(&path).unwrap_err();
        assert_eq!(error.code, "database_corrupt");
        assert!(error.message.contains("fluxgate restore"), "{error:?}");
    }
}
