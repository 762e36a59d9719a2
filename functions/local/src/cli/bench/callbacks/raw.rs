//! The baseline: the same body with the same headers, POSTed by hyper alone to the same receiver.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use super::receiver::Sample;

type Poster = Client<HttpConnector, Full<Bytes>>;

#[derive(Clone)]
pub(super) struct Raw {
    client: Poster,
    request: Request<()>,
    body: Bytes,
}

impl Raw {
    pub(super) fn new(url: &str, sample: Sample) -> Result<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut request = Request::builder().method(Method::POST).uri(url);
        for (name, value) in &sample.headers {
            if name != HOST.as_str() {
                request = request.header(name, value);
            }
        }
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            request: request
                .body(())
                .context("the callback cannot be sent again")?,
            body: Bytes::from(sample.body),
        })
    }

    /// How many a second, with so many under way at once.
    pub(super) async fn per_second(&self, at_once: usize, duration: Duration) -> Result<f64> {
        let started = Instant::now();
        let mut lanes = JoinSet::new();
        for _ in 0..at_once {
            let raw = self.clone();
            lanes.spawn(async move {
                let mut count = 0_u64;
                while started.elapsed() < duration {
                    raw.post().await?;
                    count += 1;
                }
                anyhow::Ok(count)
            });
        }
        let mut count = 0;
        while let Some(lane) = lanes.join_next().await {
            count += lane.context("a lane failed")??;
        }
        Ok(count as f64 / started.elapsed().as_secs_f64())
    }

    /// How long each takes when they come in groups of so many, evenly spaced.
    pub(super) async fn steadily(
        &self,
        groups: usize,
        of: usize,
        every: Duration,
    ) -> Result<Vec<f64>> {
        let mut ticks = tokio::time::interval(every);
        let mut posts = JoinSet::new();
        for _ in 0..groups {
            ticks.tick().await;
            for _ in 0..of {
                let raw = self.clone();
                posts.spawn(async move {
                    let started = Instant::now();
                    raw.post().await?;
                    anyhow::Ok(started.elapsed().as_secs_f64() * 1e3)
                });
            }
        }
        posts.join_all().await.into_iter().collect()
    }

    async fn post(&self) -> Result<()> {
        let request = self.request.clone().map(|()| Full::new(self.body.clone()));
        let response = self
            .client
            .request(request)
            .await
            .context("a POST failed")?;
        ensure!(response.status() == 204, "answered {}", response.status());
        response.into_body().collect().await?;
        Ok(())
    }
}
