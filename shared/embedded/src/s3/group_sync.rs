//! One sync of the file system for all who wait for one: a put alone would cost half a dozen.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

/// An error as the kernel numbers it, so that everybody can have a copy.
type Outcome = Result<(), i32>;

/// A thread that syncs the file system of one folder for as long as it is asked.
pub(super) struct GroupSync(Sender<oneshot::Sender<Outcome>>);

impl GroupSync {
    /// Fails when the folder cannot be opened.
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
            // Whoever stopped waiting needs no answer.
            let _ = waiting.send(outcome);
        }
    }
}

/// What an error without a number stands for.
const EIO: i32 = 5;

#[cfg(target_os = "linux")]
fn sync_file_system(folder: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

/// Elsewhere there is no sync of one file system, so all of them are.
#[cfg(not(target_os = "linux"))]
fn sync_file_system(_: &File) -> io::Result<()> {
    rustix::fs::sync();
    Ok(())
}

fn stopped() -> io::Error {
    io::Error::other("the sync thread has stopped")
}
