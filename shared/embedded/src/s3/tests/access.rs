//! Who may read: nobody without a signature, and with one only what it covers.

use std::time::SystemTime;

use super::*;

async fn presigned(running: &Running, started: Duration, expires: Duration) -> String {
    let start = SystemTime::now() - started;
    let config = PresigningConfig::builder()
        .start_time(start)
        .expires_in(expires)
        .build()
        .unwrap();
    let get = running.client.get_object().bucket(BUCKET).key("a.png");
    get.presigned(config).await.unwrap().uri().to_owned()
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused_whatever_it_asks() {
    let running = running().await;
    running.put("a.png", b"picture").await;
    let (http, endpoint) = (reqwest::Client::new(), running.server.endpoint());
    let form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nform.png\r\n\
                --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\npicture\r\n--b--\r\n";

    let requests = [
        http.get(format!("{endpoint}/")),
        http.get(format!("{endpoint}/{BUCKET}")),
        http.get(format!("{endpoint}/{BUCKET}/a.png")),
        http.head(format!("{endpoint}/{BUCKET}/a.png")),
        http.put(format!("{endpoint}/{BUCKET}/b.png"))
            .body("picture"),
        http.put(format!("{endpoint}/another")),
        http.delete(format!("{endpoint}/{BUCKET}/a.png")),
        http.post(format!("{endpoint}/{BUCKET}"))
            .header("content-type", "multipart/form-data; boundary=b")
            .body(form),
    ];
    for request in requests {
        let request = request.build().unwrap();
        let asked = format!("{} {}", request.method(), request.url());
        let status = http.execute(request).await.unwrap().status();
        assert_eq!(status, 403, "{asked}");
    }

    assert_eq!(running.get(BUCKET, "a.png").await.unwrap(), b"picture");
    for key in ["b.png", "form.png"] {
        assert_eq!(running.get(BUCKET, key).await.unwrap_err(), "NoSuchKey");
    }
}

#[tokio::test]
async fn a_wrong_key_pair_is_refused() {
    let running = running().await;

    for (access_key, secret_key) in [("local", "guess"), ("guess", "local-secret"), ("", "")] {
        let client = client(&running.server, access_key, secret_key);
        let list = client.list_objects_v2().bucket(BUCKET).send().await;
        let status = list.unwrap_err().raw_response().unwrap().status().as_u16();
        assert!((400..=403).contains(&status), "{access_key}: {status}");
    }
}

#[tokio::test]
async fn a_presigned_url_downloads_without_credentials() {
    let running = running().await;
    running.put("a.png", b"picture").await;

    let url = presigned(&running, Duration::ZERO, Duration::from_secs(60)).await;
    let answer = reqwest::get(url).await.unwrap();

    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["content-length"], "7");
    assert_eq!(answer.bytes().await.unwrap(), "picture");
}

#[tokio::test]
async fn a_presigned_url_that_has_expired_or_was_changed_downloads_nothing() {
    let running = running().await;
    running.put("a.png", b"picture").await;
    running.put("b.png", b"another").await;
    let url = presigned(&running, Duration::ZERO, Duration::from_secs(60)).await;

    let expired = presigned(&running, Duration::from_secs(120), Duration::from_secs(60)).await;
    let other_key = url.replace("a.png", "b.png");
    let longer = url.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    let unsigned = url.split("&X-Amz-Signature=").next().unwrap().to_owned();

    for bad in [expired, other_key, longer, unsigned] {
        assert_ne!(bad, url);
        let answer = reqwest::get(&bad).await.unwrap();
        assert!(
            answer.status().is_client_error(),
            "{bad}: {}",
            answer.status()
        );
    }
    let put = reqwest::Client::new()
        .put(&url)
        .body("mine")
        .send()
        .await
        .unwrap();
    assert_eq!(
        put.status(),
        403,
        "a URL for a download is not one for an upload"
    );
    assert_eq!(running.get(BUCKET, "a.png").await.unwrap(), b"picture");
}

#[tokio::test]
async fn refusals_have_the_codes_of_aws_and_say_what_is_wrong() {
    let running = running().await;
    let stranger = client(&running.server, "guess", "local-secret");
    for (client, bucket, refused) in [
        (&stranger, BUCKET, ("InvalidAccessKeyId", "access key")),
        (&running.client, BUCKET, ("NoSuchKey", "no object")),
        (&running.client, "another", ("NoSuchBucket", "no bucket")),
        (
            &running.client,
            "An_other",
            ("InvalidBucketName", "3 to 63"),
        ),
    ] {
        let get = client.get_object().bucket(bucket).key("a.png").send().await;

        let error = get.unwrap_err().into_service_error();
        let (code, text) = (error.code().unwrap(), error.message().unwrap());
        assert_eq!(code, refused.0);
        assert!(text.contains(refused.1), "{code}: {text}");
    }
}
