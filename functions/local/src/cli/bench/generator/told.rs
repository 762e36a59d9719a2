//! Who waits for which callback, and the receiver of the callbacks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::super::now_us;
use super::message::Incoming;

const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// The callbacks that have come or are waited for.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<HashMap<String, Waiting>>>);

enum Waiting {
    /// The callback came before the answer to the submit had been read.
    Came(u64),
    For(oneshot::Sender<u64>),
}

impl Told {
    /// Receives callbacks from now on.
    pub(super) async fn listen(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.context("the receiver cannot listen")?;
        let told = Self::default();
        tokio::spawn(told.clone().receive(listener));
        Ok(told)
    }

    /// When the callback of a task came, in microseconds of Unix time.
    pub(super) async fn of(&self, id: &str, within: Duration) -> Result<u64> {
        let receiver = {
            let mut waiting = self.lock();
            match waiting.remove(id) {
                Some(Waiting::Came(at_us)) => return Ok(at_us),
                _ => {
                    let (sender, receiver) = oneshot::channel();
                    waiting.insert(id.to_owned(), Waiting::For(sender));
                    receiver
                }
            }
        };
        let came = tokio::time::timeout(within, receiver).await;
        let came = came
            .with_context(|| format!("task {id} was not announced within {} s", within.as_secs()));
        came?.context("the receiver stopped")
    }

    async fn receive(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let told = self.clone();
            tokio::spawn(async move {
                // Who sends callbacks closes connections as it likes.
                drop(told.connection(stream).await);
            });
        }
    }

    async fn connection(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut incoming = Incoming::default();
        while let Some(message) = incoming.read(&mut stream).await? {
            let at_us = now_us();
            if let Some(id) = message.id_in_data() {
                self.note(id, at_us);
            }
            stream.write_all(ANSWER).await?;
        }
        Ok(())
    }

    fn note(&self, id: &str, at_us: u64) {
        let mut waiting = self.lock();
        match waiting.remove(id) {
            Some(Waiting::For(sender)) => drop(sender.send(at_us)),
            _ => drop(waiting.insert(id.to_owned(), Waiting::Came(at_us))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.0
            .lock()
            .expect("no code panics while it holds the map")
    }
}
