//! Buckets are isolated, and keys stay inside them.

use aws_sdk_s3::primitives::ByteStream;

use super::*;

#[tokio::test]
async fn a_key_cannot_leave_its_bucket() {
    let running = running().await;
    create_bucket(running.folder.path(), "victim").unwrap();
    let victim = running.client.put_object().bucket("victim").key("a.png");
    victim
        .body(ByteStream::from_static(b"secret"))
        .send()
        .await
        .unwrap();

    for key in [
        "../victim/a.png",
        "x/../../victim/a.png",
        "../../outside",
        "..",
        ".",
        "a/./b",
        "a//b",
        "a/",
        "/victim/a.png",
        "..\\x",
    ] {
        let put = running
            .client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(ByteStream::from_static(b"mine"));
        let error = code(&put.send().await.expect_err(key));
        assert!(
            ["InvalidArgument", "SignatureDoesNotMatch"].contains(&error.as_str()),
            "{key}: {error}"
        );
        running.get(BUCKET, key).await.expect_err(key);
        running
            .client
            .head_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .expect_err(key);
        running
            .client
            .delete_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .expect_err(key);
    }

    assert_eq!(running.get("victim", "a.png").await.unwrap(), b"secret");
    let outside = running.folder.path().parent().unwrap().join("outside");
    assert!(!outside.exists() && !running.folder.path().join("outside").exists());
}

#[tokio::test]
async fn two_buckets_are_apart() {
    let running = running().await;
    create_bucket(running.folder.path(), "tenant-beta").unwrap();
    running.put("a.png", b"picture").await;

    let seen = running
        .client
        .list_objects_v2()
        .bucket("tenant-beta")
        .send()
        .await
        .unwrap();
    let own = running
        .client
        .list_objects_v2()
        .bucket(BUCKET)
        .send()
        .await
        .unwrap();
    let buckets = running.client.list_buckets().send().await.unwrap();

    assert_eq!(
        running.get("tenant-beta", "a.png").await.unwrap_err(),
        "NoSuchKey"
    );
    assert_eq!(seen.contents().len(), 0);
    assert_eq!(
        own.contents()
            .iter()
            .filter_map(|object| object.key())
            .collect::<Vec<_>>(),
        ["a.png"]
    );
    let mut names: Vec<_> = buckets
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    names.sort_unstable();
    assert_eq!(names, [BUCKET, "tenant-beta"]);
}

// s3s-fs created the missing bucket on the first put, and reported a missing key on a get.
#[tokio::test]
async fn a_bucket_that_does_not_exist_is_said_to_be_missing_and_is_not_made() {
    let running = running().await;

    let put = running
        .client
        .put_object()
        .bucket("nobody")
        .key("a.png")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await;
    let delete = running
        .client
        .delete_object()
        .bucket("nobody")
        .key("a.png")
        .send()
        .await;

    assert_eq!(code(&put.unwrap_err()), "NoSuchBucket");
    assert_eq!(code(&delete.unwrap_err()), "NoSuchBucket");
    assert_eq!(
        running.get("nobody", "a.png").await.unwrap_err(),
        "NoSuchBucket"
    );
    assert!(!running.folder.path().join("nobody").exists());
}

#[tokio::test]
async fn a_bucket_made_while_the_server_runs_can_be_used_and_making_it_again_keeps_its_objects() {
    let running = running().await;
    running.put("a.png", b"picture").await;

    create_bucket(running.folder.path(), BUCKET).unwrap();

    assert_eq!(running.get(BUCKET, "a.png").await.unwrap(), b"picture");
    for name in ["", "ab", "..", "a/b", "UPPER", ".fluxgate", "192.168.0.1"] {
        assert!(
            create_bucket(running.folder.path(), name).is_err(),
            "{name:?}"
        );
    }
}

// s3s-fs names a file after the whole key in base64: past some 100 bytes the object was written and
// its metadata was not.
#[tokio::test]
async fn a_long_key_keeps_its_type() {
    let running = running().await;
    let key = format!("{}/{}/0.png", "prefix".repeat(30), "f".repeat(200));

    running.put(&key, b"picture").await;

    let head = running
        .client
        .head_object()
        .bucket(BUCKET)
        .key(&key)
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_type(), Some("image/png"));
}

#[tokio::test]
async fn a_deleted_object_is_gone_and_its_key_is_free_again() {
    let running = running().await;
    running.put("a.png", b"picture").await;

    running
        .client
        .delete_object()
        .bucket(BUCKET)
        .key("a.png")
        .send()
        .await
        .unwrap();

    assert_eq!(running.get(BUCKET, "a.png").await.unwrap_err(), "NoSuchKey");
    let put = running
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a.png")
        .if_none_match("*");
    put.body(ByteStream::from_static(b"again"))
        .send()
        .await
        .unwrap();
}

// While an object's file lay at its key, a key below another object could not be stored.
#[tokio::test]
async fn a_key_below_or_above_another_object_is_an_object_of_its_own() {
    let running = running().await;

    for (key, bytes) in [
        ("a/b", b"middle".as_slice()),
        ("a", b"above"),
        ("a/b/c", b"below"),
    ] {
        running.put(key, bytes).await;
    }

    assert_eq!(running.get(BUCKET, "a").await.unwrap(), b"above");
    assert_eq!(running.get(BUCKET, "a/b").await.unwrap(), b"middle");
    assert_eq!(running.get(BUCKET, "a/b/c").await.unwrap(), b"below");
}
