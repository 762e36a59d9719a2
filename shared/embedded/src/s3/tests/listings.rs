//! What listings show.

use super::*;

#[tokio::test]
async fn a_listing_has_every_object_once_in_order_whatever_the_size_of_its_pages() {
    let running = running().await;
    for key in ["b/2.png", "a b+c.png", "b/1.png", "c.png"] {
        running.put(key, b"picture").await;
    }

    let mut pages = running
        .client
        .list_objects_v2()
        .bucket(BUCKET)
        .into_paginator()
        .page_size(3)
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(
            page.contents()
                .iter()
                .all(|object| object.size() == Some(7))
        );
        keys.extend(
            page.contents()
                .iter()
                .filter_map(|object| object.key())
                .map(str::to_owned),
        );
    }

    assert_eq!(keys, ["a b+c.png", "b/1.png", "b/2.png", "c.png"]);
}

#[tokio::test]
async fn a_delimiter_groups_keys_and_both_versions_of_the_listing_agree() {
    let running = running().await;
    for key in ["a b.png", "b/1.png", "b/2.png"] {
        running.put(key, b"picture").await;
    }
    let (client, url) = (&running.client, aws_sdk_s3::types::EncodingType::Url);

    let second = client.list_objects_v2().bucket(BUCKET).delimiter("/");
    let second = second.send().await.unwrap();
    let first = client.list_objects().bucket(BUCKET).delimiter("/");
    let first = first.encoding_type(url).max_keys(1).send().await.unwrap();

    let groups = second.common_prefixes().iter();
    let groups: Vec<_> = groups.filter_map(|group| group.prefix()).collect();
    assert_eq!((second.key_count(), groups), (Some(2), vec!["b/"]));
    assert_eq!(first.contents()[0].key(), Some("a%20b.png"));
    assert_eq!(first.next_marker(), Some("a%20b.png"));
    assert_eq!(
        (first.is_truncated(), first.common_prefixes().len()),
        (Some(true), 0)
    );
}

#[tokio::test]
async fn an_object_has_the_same_etag_in_a_listing_as_in_its_head() {
    let running = running().await;
    running.put("a.png", b"picture").await;
    let client = &running.client;

    let listed = client.list_objects_v2().bucket(BUCKET).send().await;
    let head = client.head_object().bucket(BUCKET).key("a.png");
    let head = head.send().await.unwrap();

    let listed = listed.unwrap();
    let e_tag = listed.contents()[0].e_tag();
    assert!(e_tag.is_some());
    assert_eq!(e_tag, head.e_tag());
}
