//! Uploads, both ways, and their use as inputs.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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
    let stored = client.download(&ticket["download_url"]).await;
    assert_eq!(stored.status(), 404);
}

/// The head of an upload, as a client sends it that announces more than it has.
async fn cut_short(client: &Client, head: &str, announced: u64) {
    let mut connection = TcpStream::connect(client.emulator.addr()).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: {announced}\r\n\r\nthe first bytes",
        client.emulator.api_key(),
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    drop(connection.read_to_end(&mut Vec::new()).await);
}

#[tokio::test]
async fn an_upload_that_stops_half_way_leaves_nothing_and_its_ticket_can_be_used_again() {
    let client = Client::new().await;
    let size = picture().len();
    let ticket = ticket(&client, size).await;
    let url = ticket["upload"]["url"].as_str().unwrap();
    let path = url.strip_prefix(&client.emulator.base_url()).unwrap();

    cut_short(&client, &format!("PUT {path}"), size as u64).await;
    let before = client.download(&ticket["download_url"]).await;
    let again = client.http.put(url).body(picture()).send().await.unwrap();
    let after = client.download(&ticket["download_url"]).await;

    assert_eq!(
        (before.status().as_u16(), again.status().as_u16()),
        (404, 200)
    );
    assert_eq!(after.bytes().await.unwrap(), picture());
}

#[tokio::test]
async fn a_file_over_the_providers_limit_is_refused_before_it_is_read() {
    let client = Client::new().await;
    let limit = 200 * 1024 * 1024_u64;
    let announced = ticket(&client, 5).await;
    let put_path = announced["upload"]["url"].as_str().unwrap();
    let put_path = put_path.strip_prefix(&client.emulator.base_url()).unwrap();

    let asked = json!({"filename": "a.zip", "size": limit + 1});
    let no_ticket = client
        .request(Method::POST, "/api/v3/media/uploads")
        .json(&asked)
        .send()
        .await
        .unwrap();
    let put = head_only(&client, &format!("PUT {put_path}"), limit + 1).await;
    let form = "POST /api/v3/media/upload/binary";
    let form = head_only(&client, form, limit + 17 * 1024 * 1024).await;

    assert_eq!(no_ticket.status(), 413);
    assert!(put.starts_with("HTTP/1.1 413"), "{put}");
    assert!(form.starts_with("HTTP/1.1 413"), "{form}");
}

/// What the emulator answers before any of the body has come.
async fn head_only(client: &Client, head: &str, announced: u64) -> String {
    let mut connection = TcpStream::connect(client.emulator.addr()).await.unwrap();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=x\r\ncontent-length: {announced}\r\n\r\n",
        client.emulator.api_key(),
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_large_file_is_taken_both_ways_and_comes_back_whole() {
    let client = Client::new().await;
    let large = || vec![7; 60_000_000];
    let asked = json!({"filename": "a.zip", "size": 60_000_000});
    let ticket = client.post("/api/v3/media/uploads", &asked).await;
    let url = ticket["upload"]["url"].as_str().unwrap();

    let put = client.http.put(url).body(large()).send().await.unwrap();
    let part = Part::bytes(large()).file_name("a.zip");
    let form = client
        .request(Method::POST, "/api/v3/media/upload/binary")
        .multipart(Form::new().part("file", part))
        .send()
        .await
        .unwrap();
    let form = form.json::<Value>().await.unwrap()["data"].take();

    assert_eq!(
        (put.status().as_u16(), &form["size"]),
        (200, &json!(60_000_000))
    );
    for link in [&ticket["download_url"], &form["download_url"]] {
        let stored = client.download(link).await.bytes().await.unwrap();
        assert!(stored == large(), "{} bytes", stored.len());
    }
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
