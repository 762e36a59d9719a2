//! The end of a connection whose client still sends: what was answered before a body was read would
//! be lost in the reset that unread bytes cause. So what comes is dropped for a while.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

const LINGER_MAX: Duration = Duration::from_secs(5);
/// A body of the largest kind that the API takes by default.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
const PIECE_BYTES: usize = 16 * 1024;

pub(crate) struct Linger {
    /// Whether more is known to come; else only what is there already counts.
    expects_more: bool,
    bytes: usize,
    timer: Pin<Box<Sleep>>,
}

impl Linger {
    pub(crate) fn new(expects_more: bool) -> Self {
        Self {
            expects_more,
            bytes: 0,
            timer: Box::pin(sleep(LINGER_MAX)),
        }
    }

    /// Ready when nothing comes any more, or too much, or for too long.
    pub(crate) fn poll_over(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
        let mut piece = [0; PIECE_BYTES];
        while self.bytes < LINGER_BYTES_MAX {
            let mut piece = ReadBuf::new(&mut piece);
            match Pin::new(&mut *stream).poll_read(cx, &mut piece) {
                Poll::Ready(Ok(())) if !piece.filled().is_empty() => {
                    self.bytes += piece.filled().len();
                    self.expects_more = true;
                }
                // The client has closed, or is gone.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if self.expects_more => return self.timer.as_mut().poll(cx),
                Poll::Pending => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    }
}
