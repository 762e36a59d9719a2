//! A server with prepared answers, one for each connection, that keeps the heads of the requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub(crate) struct Stub {
    addr: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Stub {
    /// Status lines, further headers included, and bodies by turns.
    pub(crate) async fn answering<const N: usize>(answers: [&'static str; N]) -> Self {
        let pairs: Vec<_> = answers
            .chunks(2)
            .map(|answer| [answer[0], answer[1]])
            .collect();
        Self::scripted(&pairs).await
    }

    /// The same, in pairs.
    pub(crate) async fn scripted(answers: &[[&'static str; 2]]) -> Self {
        let answers = answers.to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heads = Arc::clone(&requests);
        let serving = tokio::spawn(async move {
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let head = exchange(stream, answer[0], answer[1]).await;
                heads.lock().unwrap().push(head);
            }
        });
        Self {
            addr,
            requests,
            serving,
        }
    }

    /// Accepts and says nothing.
    pub(crate) async fn silent() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok(accepted) = listener.accept().await {
                open.push(accepted);
            }
        });
        Self {
            addr,
            requests: Arc::default(),
            serving,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn exchange(stream: TcpStream, status: &str, body: &str) -> String {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    let mut length = 0;
    while stream.read_line(&mut head).await.unwrap() > 2 {
        let line = head.lines().last().unwrap_or_default().to_owned();
        length = line
            .strip_prefix("content-length: ")
            .and_then(|length| length.parse().ok())
            .unwrap_or(length);
    }
    let mut request = vec![0; length];
    stream.read_exact(&mut request).await.unwrap();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    if !head.starts_with("HEAD") {
        answer.push_str(body);
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    head
}
