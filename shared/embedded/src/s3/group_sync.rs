//! One file-system sync shared by all puts that wait for one; a put on its own would need half a
//! dozen.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

/// The kernel's error number, which can be copied to every caller.
type Outcome = Result<(), i32>;

/// A thread that syncs the file system of one folder on request.
pub(super) struct GroupSync(Sender<oneshot::Sender<Outcome>>);

impl GroupSync {
    /// Fails if the folder cannot be opened.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let folder = File::open(folder)?;
        let (waiting, asked) = channel();
        std::thread::Builder::new()
            .name("s3-sync".to_owned())
            .spawn(move || serve(&folder, &asked))?;
        Ok(Self(waiting))
    }

    /// Waits until everything written before the call is on disk.
    pub(super) async fn sync(&self) -> io::Result<()> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).map_err(|_| stopped())?;
        answered
            .await
            .map_err(|_| stopped())?
            .map_err(io::Error::from_raw_os_error)
    }
}

fn serve(folder: &File, asked: &Receiver<oneshot::Sender<Outcome>>) {
    while let Ok(first) = asked.recv() {
        let group: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
        let outcome = sync_file_system(folder).map_err(|error| error.raw_os_error().unwrap_or(EIO));
        for waiting in group {
            // The caller may have stopped waiting.
            let _ = waiting.send(outcome);
        }
    }
}

/// Used for an error without a number.
const EIO: i32 = 5;

#[cfg(target_os = "linux")]
fn sync_file_system(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

/// Other systems cannot sync a single file system, so all of them are synced.
#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

fn stopped() -> io::Error {
    io::Error::other("the sync thread has stopped")
}
