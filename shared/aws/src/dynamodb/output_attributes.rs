//! A task's outputs as attributes of its item: those in the bucket, those that are not, and links
//! that failed.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::task::{Copied, Output, ProviderLink, StaleLinks, Unarchived};
use fluxgate_core::time::Timestamp;

use super::attribute::{Item, Reader, bytes, number, number_of, text};

/// The index of an output that was copied before the others.
const N: &str = "n";
const STORE: &str = "store";
const URL: &str = "url";

pub(super) fn of_output(output: &Output) -> AttributeValue {
    AttributeValue::M(output_map(output))
}

fn output_map(output: &Output) -> Item {
    let mut map = Item::from([
        ("bucket".to_owned(), text(&output.bucket)),
        ("key".to_owned(), text(&output.key)),
        // Half the size of the hexadecimal form.
        (
            "sha256".to_owned(),
            hex::decode(&output.sha256).map_or_else(|_| text(&output.sha256), bytes),
        ),
        ("bytes".to_owned(), number(output.bytes)),
        ("content_type".to_owned(), text(&output.content_type)),
    ]);
    let further = [(STORE, &output.store), (URL, &output.url)];
    map.extend(
        further
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), text(value.as_ref()?)))),
    );
    map
}

pub(super) fn to_output(output: &AttributeValue) -> Option<Output> {
    let map = output.as_m().ok()?;
    let part = |name: &str| map.get(name)?.as_s().ok().cloned();
    Some(Output {
        bucket: part("bucket")?,
        key: part("key")?,
        sha256: map
            .get("sha256")?
            .as_b()
            .map_or_else(|_| part("sha256"), |digest| Some(hex::encode(digest)))?,
        bytes: Reader(map).number("bytes").ok()?,
        content_type: part("content_type")?,
        store: part(STORE),
        url: part(URL),
    })
}

pub(super) fn of_copied(copied: &Copied) -> AttributeValue {
    let mut map = output_map(&copied.output);
    map.insert(N.to_owned(), number(copied.n as u64));
    AttributeValue::M(map)
}

pub(super) fn to_copied(copied: &AttributeValue) -> Option<Copied> {
    Some(Copied {
        n: Reader(copied.as_m().ok()?).number(N).ok()?,
        output: to_output(copied)?,
    })
}

/// Since when links are stale, how often fresh ones were requested, and when they came, if they
/// did.
pub(super) fn of_stale(stale: StaleLinks) -> AttributeValue {
    let fresh_at = stale.fresh_at.map(|at| number(at.0));
    AttributeValue::L(
        [number(stale.since.0), number(stale.asks)]
            .into_iter()
            .chain(fresh_at)
            .collect(),
    )
}

pub(super) fn to_stale(stale: &AttributeValue) -> Option<StaleLinks> {
    let parts = stale.as_l().ok()?;
    Some(StaleLinks {
        since: Timestamp(number_of(parts.first()?)?),
        asks: number_of(parts.get(1)?)?,
        fresh_at: parts
            .get(2)
            .map(|at| number_of(at).map(Timestamp).ok_or(()))
            .transpose()
            .ok()?,
    })
}

pub(super) fn of_unarchived(unarchived: &Unarchived) -> AttributeValue {
    let links = unarchived
        .links
        .iter()
        .map(|link| AttributeValue::L(vec![number(link.n as u64), text(&link.url)]));
    let mut map = Item::from([
        ("reason".to_owned(), text(&unarchived.reason)),
        ("message".to_owned(), text(&unarchived.message)),
        ("links".to_owned(), AttributeValue::L(links.collect())),
        ("expires_at".to_owned(), number(unarchived.expires_at.0)),
    ]);
    map.extend(
        unarchived
            .asked_at
            .map(|at| ("asked_at".to_owned(), number(at.0))),
    );
    AttributeValue::M(map)
}

pub(super) fn to_unarchived(unarchived: &AttributeValue) -> Option<Unarchived> {
    let reader = Reader(unarchived.as_m().ok()?);
    Some(Unarchived {
        reason: reader.text("reason").ok()?.to_owned(),
        message: reader.text("message").ok()?.to_owned(),
        links: reader
            .list("links")
            .ok()?
            .iter()
            .map(to_link)
            .collect::<Option<_>>()?,
        expires_at: Timestamp(reader.number("expires_at").ok()?),
        asked_at: reader.optional_number("asked_at").ok()?.map(Timestamp),
    })
}

fn to_link(link: &AttributeValue) -> Option<ProviderLink> {
    let parts = link.as_l().ok()?;
    Some(ProviderLink {
        n: number_of(parts.first()?)?,
        url: parts.get(1)?.as_s().ok()?.clone(),
    })
}
