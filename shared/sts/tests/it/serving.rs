//! A server on a port of its own, and the settings that lead to it.

use std::net::SocketAddr;

use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use fluxgate_sts::StsSettings;
use tokio::task::JoinHandle;

pub(crate) struct Serving {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Serving {
    pub(crate) async fn start(router: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, task }
    }

    pub(crate) fn settings(&self) -> StsSettings {
        let keys = Credentials::new("AKIDOWN", "own-secret", None, None, "test");
        StsSettings {
            region: "eu-west-1".to_owned(),
            endpoint: Some(format!("http://{}", self.addr)),
            credentials: SharedCredentialsProvider::new(keys),
            http: None,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
