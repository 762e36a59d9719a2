//! Pictures at URLs, and why one cannot be fetched.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use fluxgate_emulator::{EmulatorConfig, PictureFetcher};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use image::GrayImage;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use crate::client::{Client, MAX, data_uri, picture, quick};

/// Answers for each host with what lies there, and remembers who was asked.
#[derive(Debug, Default)]
struct Elsewhere(Mutex<Vec<String>>);

impl PictureFetcher for Elsewhere {
    fn fetch(&self, url: Url, _: usize) -> BoxFuture<'_, Option<Bytes>> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let lying = match host.as_str() {
            "picture.example" => Some(picture().into()),
            "page.example" => Some(Bytes::from_static(b"<!doctype html><title>Inside</title>")),
            _ => None,
        };
        self.0.lock().unwrap().push(host);
        std::future::ready(lying).boxed()
    }
}

async fn client() -> (Client, Arc<Elsewhere>) {
    let elsewhere = Arc::new(Elsewhere::default());
    let pictures: Arc<dyn PictureFetcher> = elsewhere.clone();
    (
        Client::of(EmulatorConfig {
            pictures: Some(pictures),
            ..quick()
        })
        .await,
        elsewhere,
    )
}

/// A plain picture of this size.
fn grey(width: u32, height: u32) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    GrayImage::new(width, height)
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    png.into_inner()
}

#[tokio::test]
async fn a_picture_elsewhere_comes_by_the_way_that_the_emulator_was_given() {
    let (client, elsewhere) = client().await;

    let ended = client
        .run(
            MAX,
            &json!({"prompt": "x", "image": "https://picture.example/a.png"}),
        )
        .await;

    assert_eq!(ended["status"], "completed", "{}", ended["error"]);
    assert_eq!(*elsewhere.0.lock().unwrap(), ["picture.example"]);
}

#[tokio::test]
async fn without_a_way_the_emulator_calls_nobody_for_a_picture() {
    let client = Client::new().await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a.png", inside.local_addr().unwrap());

    let inputs = json!({"prompt": "x", "image": url});
    let ended = tokio::select! {
        ended = client.run(MAX, &inputs) => ended,
        _ = inside.accept() => panic!("the emulator called"),
    };

    assert_eq!(ended["status"], "failed");
}

#[tokio::test]
async fn an_upload_is_read_and_not_fetched() {
    let (client, elsewhere) = client().await;
    let ticket = json!({"filename": "a.png", "size": picture().len(), "content_type": "image/png"});
    let ticket = client.post("/api/v3/media/uploads", &ticket).await;
    client
        .http
        .put(ticket["upload"]["url"].as_str().unwrap())
        .body(picture())
        .send()
        .await
        .unwrap();

    let ended = client
        .run(
            MAX,
            &json!({"prompt": "x", "image": ticket["download_url"]}),
        )
        .await;
    let neighbour = client
        .run(
            MAX,
            &json!({"prompt": "x", "image": "http://127.0.0.1:9/media/a.png"}),
        )
        .await;

    assert_eq!(
        (&ended["status"], &neighbour["status"]),
        (&json!("completed"), &json!("failed"))
    );
    assert_eq!(
        elsewhere.0.lock().unwrap().len(),
        1,
        "another port is elsewhere"
    );
}

/// Different answers would show a caller what is at an address.
#[tokio::test]
async fn why_there_is_no_picture_is_not_told() {
    let (client, _) = client().await;
    let base = client.emulator.base_url();
    let images = [
        "https://nobody.example/a.png".to_owned(),
        "https://page.example/a.png".to_owned(),
        "http:///".to_owned(),
        "not a url".to_owned(),
        format!("{base}/media/none/none.png"),
        format!("{base}/_emulator/runs"),
        data_uri(b"<html>"),
        data_uri(&grey(8_001, 8_000)),
        data_uri(&picture()[..60]),
    ];

    let mut errors = Vec::new();
    for image in &images {
        let ended = client
            .run(MAX, &json!({"prompt": "x", "image": image}))
            .await;
        assert_eq!(
            (&ended["status"], &ended["code"]),
            (&json!("failed"), &json!(1402)),
            "{image:.80}"
        );
        errors.push(ended["error"].as_str().unwrap().to_owned());
    }

    assert!(errors[0].contains("64 megapixels"), "{}", errors[0]);
    errors.dedup();
    assert_eq!(errors.len(), 1, "{errors:?}");
}
