//! A receiver that takes every connection and never answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub struct BlackHole {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl BlackHole {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let addr = listener.local_addr().expect("a bound port");
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(swallow(listener, connections.clone()));
        Self { addr, connections }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.addr)
    }

    /// How many connections it has taken so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn swallow(listener: TcpListener, connections: Arc<AtomicUsize>) {
    let mut swallowed: Vec<TcpStream> = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        swallowed.push(stream);
        connections.store(swallowed.len(), Ordering::Relaxed);
    }
}
