//! What a browser needs to show a picture.

use reqwest::Method;

use super::*;

#[tokio::test]
async fn a_page_of_any_origin_may_show_a_picture_whose_url_it_was_given() {
    let running = running().await;
    running.put("a.png", b"picture").await;
    let expires = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let get = running.client.get_object().bucket(BUCKET).key("a.png");
    let url = get.presigned(expires).await.unwrap().uri().to_owned();
    let http = reqwest::Client::new();

    let asked = http
        .request(Method::OPTIONS, &url)
        .header("origin", "https://app.example");
    let asked = asked
        .header("access-control-request-method", "GET")
        .send()
        .await
        .unwrap();
    let shown = http
        .get(&url)
        .header("origin", "https://app.example")
        .send()
        .await
        .unwrap();

    assert_eq!(asked.status(), 204);
    assert_eq!(asked.headers()["access-control-allow-methods"], "GET, HEAD");
    for answer in [asked, shown] {
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    }
}

#[tokio::test]
async fn no_page_is_opened_in_the_server_s_name_and_no_type_is_guessed() {
    let running = running().await;
    let put = |key: &str, content_type: &str| {
        let put = running
            .client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .content_type(content_type);
        put.body(aws_sdk_s3::primitives::ByteStream::from_static(
            b"<script>alert(1)</script>",
        ))
        .send()
    };
    put("page", "text/html").await.unwrap();
    put("drawing", "image/svg+xml").await.unwrap();
    put("a.png", "image/png").await.unwrap();
    std::fs::write(
        running.folder.path().join(BUCKET).join("by-hand.html"),
        "<script>",
    )
    .unwrap();

    for (key, content_type, disposition) in [
        ("page", "text/html", Some("attachment")),
        ("drawing", "image/svg+xml", Some("attachment")),
        (
            "by-hand.html",
            "application/octet-stream",
            Some("attachment"),
        ),
        ("a.png", "image/png", None),
    ] {
        let expires = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
        let get = running
            .client
            .get_object()
            .bucket(BUCKET)
            .key(key)
            .presigned(expires)
            .await
            .unwrap();
        let answer = reqwest::get(get.uri()).await.unwrap();
        let head = running
            .client
            .head_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap();

        let told = answer
            .headers()
            .get("content-disposition")
            .map(|told| told.to_str().unwrap());
        assert_eq!(
            (answer.headers()["content-type"].to_str().unwrap(), told),
            (content_type, disposition),
            "{key}"
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(head.content_disposition(), disposition, "{key}");
    }
}

#[tokio::test]
async fn whoever_may_download_an_object_may_ask_what_it_is() {
    let running = running().await;
    running.put("a.png", b"picture").await;
    let expires = PresigningConfig::expires_in(Duration::from_secs(60)).unwrap();
    let get = running.client.get_object().bucket(BUCKET).key("a.png");
    let url = get.presigned(expires).await.unwrap().uri().to_owned();
    let http = reqwest::Client::new();

    let said = http.head(&url).send().await.unwrap();
    let forged = http
        .head(url.replace("a.png", "b.png"))
        .send()
        .await
        .unwrap();
    let bare = http
        .head(url.split('?').next().unwrap())
        .send()
        .await
        .unwrap();

    assert_eq!(
        (
            said.status().as_u16(),
            said.headers()["content-length"].to_str().unwrap()
        ),
        (200, "7")
    );
    assert_eq!(said.headers()["access-control-allow-origin"], "*");
    assert!(said.bytes().await.unwrap().is_empty());
    assert_eq!(
        (forged.status().as_u16(), bare.status().as_u16()),
        (403, 403)
    );
}

#[tokio::test]
async fn a_part_of_an_object_is_served_as_a_part() {
    let running = running().await;
    running.put("a.mp4", b"0123456789").await;
    let part = async |range: &str| {
        let get = running
            .client
            .get_object()
            .bucket(BUCKET)
            .key("a.mp4")
            .range(range)
            .send()
            .await;
        let object = get.map_err(|error| code(&error))?;
        let range = object.content_range().map(str::to_owned);
        Ok::<_, String>((range, object.body.collect().await.unwrap().to_vec()))
    };

    assert_eq!(
        part("bytes=2-4").await.unwrap(),
        (Some("bytes 2-4/10".to_owned()), b"234".to_vec())
    );
    assert_eq!(
        part("bytes=8-").await.unwrap(),
        (Some("bytes 8-9/10".to_owned()), b"89".to_vec())
    );
    assert_eq!(
        part("bytes=-3").await.unwrap(),
        (Some("bytes 7-9/10".to_owned()), b"789".to_vec())
    );
    assert_eq!(part("bytes=10-").await.unwrap_err(), "InvalidRange");
}
