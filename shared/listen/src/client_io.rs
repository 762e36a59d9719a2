//! A connection's socket as hyper uses it: reports when a client starts to send and when it has its
//! complete response, drops a client that does not read, and closes so that an early response
//! arrives.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use crate::bounds::ConnectionBounds;
use crate::connection::Connection;
use crate::linger::Linger;
use crate::patience::Patience;
use crate::stream::Stream;

pub(crate) struct ClientIo {
    stream: TokioIo<Stream>,
    /// Read before the socket.
    read_ahead: Bytes,
    connection: Arc<Connection>,
    patience: Patience,
    linger: Option<Linger>,
}

impl ClientIo {
    pub(crate) fn new(
        stream: Stream,
        read_ahead: Bytes,
        connection: Arc<Connection>,
        bounds: &ConnectionBounds,
    ) -> Self {
        Self {
            stream: TokioIo::new(stream),
            read_ahead,
            connection,
            patience: Patience::for_stalls(bounds),
            linger: None,
        }
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream.into_inner()
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.patience.moved(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.patience.poll_end(cx));
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client read its response too slowly",
                )))
            }
        }
    }
}

impl Read for ClientIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        if !client.read_ahead.is_empty() {
            let bytes = client.read_ahead.len().min(buf.remaining());
            buf.put_slice(&client.read_ahead[..bytes]);
            client.read_ahead.advance(bytes);
            client.connection.received();
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut client.stream).poll_read(cx, buf);
        if read.is_ready() {
            client.connection.received();
        }
        read
    }
}

impl Write for ClientIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let client = self.get_mut();
        let written = Pin::new(&mut client.stream).poll_write(cx, buf);
        client.written(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let client = self.get_mut();
        let written = Pin::new(&mut client.stream).poll_write_vectored(cx, bufs);
        client.written(cx, written)
    }

    /// hyper flushes once its own buffer is fully written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        let flushed = Pin::new(&mut client.stream).poll_flush(cx);
        if flushed.is_ready() {
            client.connection.flushed();
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let client = self.get_mut();
        if client.linger.is_none() {
            ready!(Pin::new(&mut client.stream).poll_shutdown(cx))?;
        }
        let linger = client
            .linger
            .get_or_insert_with(|| Linger::new(client.connection.left_unread()));
        linger.poll_end(client.stream.inner_mut().tcp(), cx).map(Ok)
    }
}
