//! Closing a connection while the client still sends: unread bytes cause a reset, in which a
//! response sent before the body was read would be lost. So incoming bytes are read and dropped for
//! a while.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

const LINGER_MAX: Duration = Duration::from_secs(5);
/// The default limit of the API's largest kind of body.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;
const PIECE_BYTES: usize = 16 * 1024;

pub(crate) struct Linger {
    /// Whether more is known to be coming; if not, only bytes that have already arrived matter.
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
    pub(crate) fn poll_end(&mut self, stream: &mut TcpStream, cx: &mut Context<'_>) -> Poll<()> {
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
