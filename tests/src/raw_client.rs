//! A client at the level of bytes, for requests that no HTTP library would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// The longest that anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);

pub struct RawClient(TcpStream);

impl RawClient {
    /// To the server of a URL, with room for little that it does not read.
    pub async fn connect(url: &str) -> Self {
        let addr = url
            .split('/')
            .nth(2)
            .and_then(|authority| authority.parse().ok())
            .expect("a URL with an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .set_recv_buffer_size(4_096)
            .expect("a buffer may be small");
        Self(socket.connect(addr).await.expect("the server listens"))
    }

    /// Asks for a URL and reads nothing.
    pub async fn asks(url: &str) -> Self {
        let mut client = Self::connect(url).await;
        let path = url.splitn(4, '/').nth(3).unwrap_or_default();
        let host = url.split('/').nth(2).unwrap_or_default();
        client
            .send(&format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n\r\n"))
            .await;
        client
    }

    pub async fn send(&mut self, text: &str) {
        self.0
            .write_all(text.as_bytes())
            .await
            .expect("the server takes it");
    }

    /// Sends nothing more, and can still read.
    pub async fn finish(&mut self) {
        self.0.shutdown().await.expect("the server takes the end");
    }

    /// Waits for an answer's first byte without consuming it.
    pub async fn answer_begins(&self) {
        let peeked = tokio::time::timeout(DEADLINE, self.0.peek(&mut [0])).await;
        assert_eq!(
            peeked
                .expect("an answer comes")
                .expect("the connection stands"),
            1,
            "the server hung up"
        );
    }

    /// The next answer, which says how long it is.
    pub async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1);
                let length = length.and_then(|rest| rest.split("\r\n").next());
                if Some(body.len()) == length.and_then(|length| length.parse().ok()) {
                    return text.into_owned();
                }
            }
            let read = tokio::time::timeout(DEADLINE, self.0.read_buf(&mut answer)).await;
            let read = read
                .expect("an answer comes")
                .expect("the connection stands");
            assert_ne!(read, 0, "the server hung up");
        }
    }

    /// Whatever comes until the server hangs up.
    pub async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, self.0.read_to_end(&mut rest)).await;
        // A reset is an end as well.
        drop(ended.expect("the server hangs up"));
        String::from_utf8_lossy(&rest).into_owned()
    }
}
