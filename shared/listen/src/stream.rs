//! A client's socket: bare, or with TLS on it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) enum Stream {
    Bare(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// With TLS, once the client has sent something and the handshake is done: it counts against
    /// the time for the first head.
    pub(crate) async fn accepted(tcp: TcpStream, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        // Without it only latency suffers.
        let _ = tcp.set_nodelay(true);
        let Some(tls) = tls else {
            return Ok(Self::Bare(tcp));
        };
        // A silent connection costs no more than its socket.
        tcp.peek(&mut [0]).await?;
        let stream = Box::pin(tls.accept(tcp)).await?;
        Ok(Self::Tls(Box::new(stream)))
    }

    /// Returns when there is something to read, be it the end; false if the connection broke.
    pub(crate) async fn speaks(&mut self) -> bool {
        if let Self::Tls(stream) = self {
            let (_, session) = stream.get_mut();
            match session.process_new_packets() {
                Ok(state) if state.plaintext_bytes_to_read() > 0 => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
        self.tcp().peek(&mut [0]).await.is_ok()
    }

    /// The socket beneath.
    pub(crate) fn tcp(&mut self) -> &mut TcpStream {
        match self {
            Self::Bare(tcp) => tcp,
            Self::Tls(stream) => stream.get_mut().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Bare(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Bare(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Bare(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Bare(tcp) => tcp.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Bare(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Bare(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
