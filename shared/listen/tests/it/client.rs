//! A client at the level of bytes.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

/// The longest that anything may take on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self(TcpStream::connect(addr).await.unwrap())
    }

    /// From another address of this machine, with room for little that it does not read.
    pub(crate) async fn connect_from(last: u8, addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        socket
            .bind(SocketAddr::from(([127, 0, 0, last], 0)))
            .unwrap();
        Self(socket.connect(addr).await.unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends this again and again until the server hangs up; how often it did.
    pub(crate) async fn drip(&mut self, text: &str, every: Duration) -> usize {
        let mut ticks = tokio::time::interval(every);
        for sent in 0.. {
            tokio::select! {
                _ = ticks.tick() => {
                    if self.0.write_all(text.as_bytes()).await.is_err() {
                        return sent;
                    }
                }
                read = self.0.read_u8() => if read.is_err() { return sent },
            }
        }
        unreachable!("it drips until the server hangs up")
    }

    pub(crate) async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// An answer without a body.
    pub(crate) async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let byte = tokio::time::timeout(DEADLINE, self.0.read_u8())
                .await
                .expect("an answer comes");
            answer.push(byte.expect("the answer comes whole"));
        }
        String::from_utf8(answer).unwrap()
    }

    /// Whatever comes until the server hangs up.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, self.0.read_to_end(&mut rest)).await;
        // A reset is an end as well.
        drop(ended.expect("the server hangs up"));
        String::from_utf8_lossy(&rest).into_owned()
    }
}
