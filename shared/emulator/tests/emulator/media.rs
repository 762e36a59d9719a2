//! Uploads, both ways, and their use as inputs.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::client::{Client, MAX, picture};

async fn ticket(client: &Client, size: usize) -> Value {
    let asked = json!({"filename": "../my cat.png", "size": size, "content_type": "image/png"});
    client.post("/api/v3/media/uploads", &asked).await
}

#[tokio::test]
async fn a_ticket_lets_one_file_in_without_a_key() {
    let client = Client::new().await;
    let ticket = ticket(&client, picture().len()).await;
    let put = || {
        let url = ticket["upload"]["url"].as_str().unwrap();
        client
            .http
            .put(url)
            .header("content-type", "image/png")
            .body(picture())
            .send()
    };

    let (first, second) = (put().await.unwrap(), put().await.unwrap());
    let file = client.download(&ticket["download_url"]).await;
    let ended = client
        .run(
            MAX,
            &json!({"prompt": "x", "image": ticket["download_url"]}),
        )
        .await;

    assert_eq!(
        (&ticket["upload"]["method"], &ticket["upload"]["headers"]),
        (&json!("PUT"), &json!({"Content-Type": "image/png"}))
    );
    assert_eq!(
        (first.status().as_u16(), second.status().as_u16()),
        (200, 403)
    );
    assert_eq!(file.headers()["content-type"], "image/png");
    assert_eq!(file.bytes().await.unwrap(), picture());
    assert_eq!(ended["status"], "completed");
}

#[tokio::test]
async fn a_file_of_another_size_than_announced_is_refused() {
    let client = Client::new().await;
    let ticket = ticket(&client, 5).await;

    let put = client
        .http
        .put(ticket["upload"]["url"].as_str().unwrap())
        .body(picture())
        .send()
        .await
        .unwrap();

    assert_eq!(put.status(), 400);
}

#[tokio::test]
async fn a_form_uploads_on_both_its_paths() {
    let client = Client::new().await;

    for path in ["/api/v3/media/upload/binary", "/api/v2/media/upload/binary"] {
        let part = Part::bytes(picture())
            .file_name("C:\\photos\\cat.png")
            .mime_str("image/png")
            .unwrap();
        let form = Form::new()
            .text("purpose", "edit")
            .part("file", part)
            .text("note", "x".repeat(1_000_000));
        let answer = client
            .request(Method::POST, path)
            .multipart(form)
            .send()
            .await
            .unwrap();
        let data = answer.json::<Value>().await.unwrap()["data"].take();

        assert_eq!(
            (&data["type"], &data["filename"]),
            (&json!("image"), &json!("cat.png"))
        );
        assert_eq!(data["size"], picture().len());
        assert_eq!(
            client
                .download(&data["download_url"])
                .await
                .bytes()
                .await
                .unwrap(),
            picture()
        );
    }
}
