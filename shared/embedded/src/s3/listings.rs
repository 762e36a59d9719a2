//! Listings in S3's words.

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::service::{FolderS3, timestamp};
use crate::objects::{Listing, Page};

/// S3's limit for one page.
const KEYS_MAX: i32 = 1000;

impl FolderS3 {
    pub(super) async fn listed(
        &self,
        input: ListObjectsV2Input,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.has_bucket(&input.bucket)?;
        let asked = input.max_keys.unwrap_or(KEYS_MAX).min(KEYS_MAX);
        let limit = usize::try_from(asked)
            .map_err(|_| s3_error!(InvalidArgument, "max-keys must not be negative"))?;
        let begins = [&input.continuation_token, &input.start_after];
        let after = begins.into_iter().flatten().max().cloned();
        let listing = Listing {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: after.unwrap_or_default(),
            limit,
        };
        let page = match limit {
            0 => Page::default(),
            _ => {
                let listed = self.objects.list(&listing).await;
                listed.map_err(|error| self.failed(error))?
            }
        };
        Ok(S3Response::new(output(input, page, asked)))
    }
}

fn output(input: ListObjectsV2Input, page: Page, max_keys: i32) -> ListObjectsV2Output {
    let as_url = is_url(input.encoding_type.as_ref());
    let encoded = |text| encoded(text, as_url);
    let count = page.objects.len() + page.groups.len();
    let contents = page.objects.into_iter().map(|entry| Object {
        key: Some(encoded(entry.key)),
        size: i64::try_from(entry.bytes).ok(),
        last_modified: Some(timestamp(entry.modified)),
        e_tag: entry.sha256.map(ETag::Strong),
        ..Default::default()
    });
    let groups = page.groups.into_iter().map(|group| CommonPrefix {
        prefix: Some(encoded(group)),
    });
    ListObjectsV2Output {
        key_count: i32::try_from(count).ok(),
        max_keys: Some(max_keys),
        is_truncated: Some(page.next.is_some()),
        contents: Some(contents.collect()),
        common_prefixes: Some(groups.collect()),
        continuation_token: input.continuation_token,
        next_continuation_token: page.next,
        delimiter: input.delimiter.map(encoded),
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        prefix: input.prefix.map(encoded),
        start_after: input.start_after.map(encoded),
        ..Default::default()
    }
}

/// The first version of the same listing.
pub(super) fn in_version_1(listed: ListObjectsV2Output) -> ListObjectsOutput {
    let as_url = is_url(listed.encoding_type.as_ref());
    let next = listed.next_continuation_token;
    let next_marker = next.map(|key| encoded(key, as_url));
    ListObjectsOutput {
        contents: listed.contents,
        common_prefixes: listed.common_prefixes,
        delimiter: listed.delimiter,
        encoding_type: listed.encoding_type,
        name: listed.name,
        prefix: listed.prefix,
        max_keys: listed.max_keys,
        is_truncated: listed.is_truncated,
        next_marker,
        ..Default::default()
    }
}

fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.map(EncodingType::as_str) == Some(EncodingType::URL)
}

fn encoded(text: String, as_url: bool) -> String {
    match as_url {
        true => url_encoded(&text),
        false => text,
    }
}

/// As S3 encodes keys that XML cannot carry.
fn url_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
