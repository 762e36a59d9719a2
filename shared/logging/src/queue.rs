//! Lines on their way out: written by a thread of their own, so that nobody waits for whoever reads
//! the log, and lines of a busy moment go out in one write.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Above this, lines are dropped and counted.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Memory that is kept between two writes.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// How long the first line of a write waits for others: a busy process wakes the thread as seldom.
const GATHER: Duration = Duration::from_millis(5);
/// How long the end of the process waits for the last lines.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Takes lines and writes them in their order. Dropped, it waits a moment until they are written.
pub struct LineQueue {
    shared: Arc<Shared>,
}

/// Where lines are put.
#[derive(Clone)]
pub struct LineSender {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Lines for which there was no room.
    dropped: u64,
    /// The thread waits for the first line.
    is_idle: bool,
}

impl LineQueue {
    /// Fails if no thread can be started.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || of_thread.write_all(out))?;
        Ok(Self { shared })
    }

    pub fn sender(&self) -> LineSender {
        LineSender {
            shared: self.shared.clone(),
        }
    }

    /// Returns when all lines are written, or after a second.
    pub fn flush(&self) {
        let until = Instant::now() + FLUSH_MAX;
        let mut waiting = self.shared.lock();
        while !waiting.bytes.is_empty() || !waiting.is_idle {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.shared.written.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for LineQueue {
    fn drop(&mut self) {
        self.flush();
    }
}

impl LineSender {
    /// Never waits for the log's reader.
    pub fn send(&self, line: &[u8]) {
        let mut waiting = self.shared.lock();
        if waiting.bytes.len() + line.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes.extend_from_slice(line);
        let wakes = mem::take(&mut waiting.is_idle);
        drop(waiting);
        if wakes {
            self.shared.arrived.notify_one();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.lock();
            while waiting.bytes.is_empty() {
                waiting.is_idle = true;
                self.written.notify_all();
                let woken = self.arrived.wait(waiting);
                waiting = woken.unwrap_or_else(PoisonError::into_inner);
            }
            waiting.is_idle = false;
            drop(waiting);
            thread::sleep(GATHER);
            let mut waiting = self.lock();
            mem::swap(&mut lines, &mut waiting.bytes);
            let dropped = mem::take(&mut waiting.dropped);
            drop(waiting);
            // A log that nobody can write is no reason to stop serving.
            drop(out.write_all(&lines).and_then(|()| out.flush()));
            lines.clear();
            lines.shrink_to(KEPT_BYTES_MAX);
            if dropped > 0 {
                tracing::warn!(
                    log.dropped = dropped,
                    "log lines were dropped: they come faster than the log can be written; write it \
                     to a faster place, or log less (--log)"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// What is written is read only when the test reads it.
    struct Slow(SyncSender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (LineQueue, Receiver<Vec<u8>>) {
        let (sender, written) = sync_channel(0);
        (LineQueue::start(Slow(sender)).unwrap(), written)
    }

    #[test]
    fn lines_come_in_their_order_and_several_in_one_write() {
        let (queue, written) = slow();
        let lines = queue.sender();

        (0..1_000).for_each(|n| lines.send(format!("{n}\n").as_bytes()));

        let mut text = Vec::new();
        let mut writes = 0;
        while text.len() < 3_890 {
            text.extend(written.recv().unwrap());
            writes += 1;
        }
        let expected: String = (0..1_000).map(|n| format!("{n}\n")).collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        assert!(writes < 100, "{writes} writes");
    }

    #[test]
    fn whoever_logs_does_not_wait_for_a_reader_that_hangs_and_what_is_dropped_is_counted() {
        let (queue, written) = slow();
        let (lines, line) = (queue.sender(), vec![b'x'; 1024 * 1024]);

        (0..20).for_each(|_| lines.send(&line));

        let dropped = queue.shared.lock().dropped;
        assert!((12..=16).contains(&dropped), "{dropped}");
        assert!(queue.shared.lock().bytes.len() <= WAITING_BYTES_MAX);
        drop(written);
    }

    #[test]
    fn the_end_waits_for_the_last_line() {
        struct Collected(Arc<Mutex<Vec<u8>>>);
        impl Write for Collected {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let written = Arc::new(Mutex::new(Vec::new()));
        let queue = LineQueue::start(Collected(written.clone())).unwrap();

        queue.sender().send(b"last\n");
        drop(queue);

        assert_eq!(*written.lock().unwrap(), b"last\n");
    }
}
