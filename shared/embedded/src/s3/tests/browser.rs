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

    let asked = http.request(Method::OPTIONS, &url).header("origin", "https://app.example");
    let asked = asked.header("access-control-request-method", "GET").send().await.unwrap();
    let shown = http.get(&url).header("origin", "https://app.example").send().await.unwrap();

    assert_eq!(asked.status(), 204);
    assert_eq!(asked.headers()["access-control-allow-methods"], "GET, HEAD");
    for answer in [asked, shown] {
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
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
    let forged = http.head(url.replace("a.png", "b.png")).send().await.unwrap();
    let bare = http.head(url.split('?').next().unwrap()).send().await.unwrap();

    assert_eq!((said.status().as_u16(), said.headers()["content-length"].to_str().unwrap()), (200, "7"));
    assert_eq!(said.headers()["access-control-allow-origin"], "*");
    assert!(said.bytes().await.unwrap().is_empty());
    assert_eq!((forged.status().as_u16(), bare.status().as_u16()), (403, 403));
}

#[tokio::test]
async fn a_part_of_an_object_is_served_as_a_part() {
    let running = running().await;
    running.put("a.mp4", b"0123456789").await;
    let part = async |range: &str| {
        let get = running.client.get_object().bucket(BUCKET).key("a.mp4").range(range).send().await;
        let object = get.map_err(|error| code(&error))?;
        let range = object.content_range().map(str::to_owned);
        Ok::<_, String>((range, object.body.collect().await.unwrap().to_vec()))
    };

    assert_eq!(part("bytes=2-4").await.unwrap(), (Some("bytes 2-4/10".to_owned()), b"234".to_vec()));
    assert_eq!(part("bytes=8-").await.unwrap(), (Some("bytes 8-9/10".to_owned()), b"89".to_vec()));
    assert_eq!(part("bytes=-3").await.unwrap(), (Some("bytes 7-9/10".to_owned()), b"789".to_vec()));
    assert_eq!(part("bytes=10-").await.unwrap_err(), "InvalidRange");
}
