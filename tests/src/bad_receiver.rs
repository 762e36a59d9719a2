//! Receivers that take a callback and then do what no receiver should.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const CHUNK_BYTES: usize = 64 * 1024;

/// What it does once it has read a request.
#[derive(Debug, Clone)]
pub enum Misbehaviour {
    /// Resets the connection.
    Reset,
    /// Sends these bytes and closes.
    Say(Vec<u8>),
    /// Sends these bytes again and again, without end.
    Repeat(Vec<u8>),
    /// Sends the first bytes at once, and the others one a second.
    Dribble { at_once: Vec<u8>, then: Vec<u8> },
    /// Answers this status with a body of so many bytes.
    Huge { status: u16, bytes: u64 },
    /// Answers 200, but only after this.
    Late(Duration),
}

#[derive(Clone)]
pub struct BadReceiver {
    addr: SocketAddr,
    requests: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl BadReceiver {
    pub async fn start(misbehaviour: Misbehaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let receiver = Self {
            addr: listener.local_addr().expect("a bound port"),
            requests: Arc::default(),
            ended: Arc::default(),
        };
        tokio::spawn(receiver.clone().serve(listener, misbehaviour));
        receiver
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.addr)
    }

    /// How many requests it has read so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many of them it is still answering.
    pub fn under_way(&self) -> usize {
        self.requests() - self.ended.load(Ordering::SeqCst)
    }

    async fn serve(self, listener: TcpListener, misbehaviour: Misbehaviour) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().answer(stream, misbehaviour.clone()));
        }
    }

    async fn answer(self, mut stream: TcpStream, misbehaviour: Misbehaviour) {
        if !has_read_request(&mut stream).await {
            return;
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        // The sender may have hung up, as it should.
        drop(misbehave(&mut stream, misbehaviour).await);
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

async fn misbehave(stream: &mut TcpStream, misbehaviour: Misbehaviour) -> std::io::Result<()> {
    match misbehaviour {
        Misbehaviour::Reset => stream.set_zero_linger(),
        Misbehaviour::Say(bytes) => stream.write_all(&bytes).await,
        Misbehaviour::Repeat(bytes) => loop {
            stream.write_all(&bytes).await?;
        },
        Misbehaviour::Dribble { at_once, then } => {
            stream.write_all(&at_once).await?;
            for byte in then {
                tokio::time::sleep(Duration::from_secs(1)).await;
                stream.write_all(&[byte]).await?;
            }
            Ok(())
        }
        Misbehaviour::Huge { status, bytes } => {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {bytes}\r\n\r\n");
            stream.write_all(head.as_bytes()).await?;
            let chunk = vec![b'x'; CHUNK_BYTES];
            for _ in 0..bytes / CHUNK_BYTES as u64 {
                stream.write_all(&chunk).await?;
            }
            Ok(())
        }
        Misbehaviour::Late(pause) => {
            tokio::time::sleep(pause).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await
        }
    }
}

/// False when the client hung up before the end of its request.
async fn has_read_request(stream: &mut TcpStream) -> bool {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length = length.map_or(0, |length| length.trim().parse().expect("a number"));
            if body.len() >= length {
                return true;
            }
        }
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}
