//! What the bench asks of its receiver.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::de::DeserializeOwned;

use super::super::children::{free_address, until_answering};
use super::super::process::Process;
use super::receiver::{Arrival, Sample};

/// After this callbacks count as lost, and the benchmark fails.
const ARRIVAL_MAX: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Observer {
    pub(super) url: String,
    http: reqwest::Client,
    _child: Process,
}

impl Observer {
    pub(super) async fn start() -> Result<Self> {
        let listen = free_address()?.to_string();
        let child = Process::start(&["bench-receiver", "--listen", &listen], &[])?;
        let url = format!("http://{listen}");
        until_answering(&format!("{url}/count")).await?;
        Ok(Self {
            url,
            http: reqwest::Client::builder().no_proxy().build()?,
            _child: child,
        })
    }

    /// From now on requests wait for their answer.
    pub(super) async fn hold(&self) -> Result<()> {
        self.http.put(self.path("/hold")).send().await?;
        Ok(())
    }

    pub(super) async fn release(&self) -> Result<()> {
        self.http.delete(self.path("/hold")).send().await?;
        Ok(())
    }

    pub(super) async fn forget(&self) -> Result<()> {
        self.http.delete(self.path("/arrivals")).send().await?;
        Ok(())
    }

    pub(super) async fn count(&self) -> Result<usize> {
        self.read("/count").await
    }

    pub(super) async fn sample(&self) -> Result<Sample> {
        self.read("/sample").await
    }

    /// All that came since the last `forget`, once there are so many.
    pub(super) async fn arrivals(&self, count: usize) -> Result<Vec<Arrival>> {
        let started = Instant::now();
        loop {
            let there = self.count().await?;
            if there >= count {
                return self.read("/arrivals").await;
            }
            if started.elapsed() > ARRIVAL_MAX {
                bail!(
                    "{there} of {count} callbacks came within {} s",
                    ARRIVAL_MAX.as_secs()
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.http.get(self.path(path)).send().await?.bytes().await?;
        serde_json::from_slice(&answer).context("the receiver's answer cannot be read")
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}
