//! The open day in the account's item, and the sums of a day as attributes.
//!
//! What a day's entries come from is an element of a set, so that a condition can count them; the
//! sums of each are attributes of their own, so that a write can add to them unread.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::day::Day;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::{KeyId, ModelId, TenantId};
use fluxgate_core::metering::day_sums::{OpenDay, Origin, Standing, Sums};
use fluxgate_core::money::{EntryKind, MicroUsd};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};

use super::attribute::{Item, Reader, number, text, unreadable};
use super::key::Key;
use super::write::Write;

pub(super) const DAY: &str = "day";
pub(super) const FROM: &str = "day_from";
pub(super) const UNTIL: &str = "day_until";
pub(super) const MONTH: &str = "day_month";
/// What the account had when the day began.
pub(super) const BALANCE: &str = "day_balance";
pub(super) const DAY_HELD: &str = "day_held";
/// How many entries the day has: whoever closes it must have seen all of them.
pub(super) const ENTRIES: &str = "day_n";
/// The tags of the origins that have their sums in this item.
pub(super) const ORIGINS: &str = "day_origins";

/// The sums of a closed day, as JSON.
pub(super) const ROWS: &str = "rows";

/// Longer ones get an item of their own, so that the account's stays small.
const ORIGIN_BYTES_MAX: usize = 80;

/// The key of a closed day.
pub(super) fn day_key(tenant: &TenantId, day: Day) -> Key {
    Key::of(tenant, format!("{}{day}", super::key::DAY_PREFIX))
}

/// The key of the sums of one origin for which the account's item had no room, or that were filled
/// in. It sorts behind its day.
pub(super) fn origin_key(tenant: &TenantId, day: Day, origin: &Origin, is_filled: bool) -> Key {
    let digest = hex::encode(&sha256(origin_text(origin).as_bytes())[..12]);
    let kind = if is_filled { "FILLED" } else { "MORE" };
    let Key { pk, sk } = day_key(tenant, day);
    Key {
        pk,
        sk: format!("{sk}#{kind}#{digest}"),
    }
}

pub(super) fn open_day(item: &Item) -> Result<Option<OpenDay>> {
    let reader = Reader(item);
    let Some(day) = reader.optional_text(DAY)? else {
        return Ok(None);
    };
    let moment = |name| reader.number(name).map(Timestamp);
    Ok(Some(OpenDay {
        day: Day::parse(day).ok_or_else(|| unreadable(DAY))?,
        from: moment(FROM)?,
        until: moment(UNTIL)?,
        month_from: moment(MONTH)?,
    }))
}

/// The attributes of a day that begins with this.
pub(super) fn of_day(open: &OpenDay, standing: Standing) -> [(&'static str, AttributeValue); 6] {
    [
        (DAY, text(open.day.to_string())),
        (FROM, number(open.from.0)),
        (UNTIL, number(open.until.0)),
        (MONTH, number(open.month_from.0)),
        (BALANCE, number(standing.balance.0)),
        (DAY_HELD, number(standing.held.0)),
    ]
}

pub(super) fn standing(item: &Item) -> Result<Standing> {
    let amount = |name| Reader(item).number(name).map(MicroUsd);
    Ok(Standing {
        balance: amount(BALANCE)?,
        held: amount(DAY_HELD)?,
    })
}

/// The name of the attribute that spells an origin out, and the beginning of those of its sums;
/// `None` for an origin that is too long for the account's item.
pub(super) fn tag(origin: &Origin) -> Option<String> {
    let spelt = origin_text(origin);
    let digest = hex::encode(&sha256(spelt.as_bytes())[..2]);
    (spelt.len() <= ORIGIN_BYTES_MAX).then(|| format!("o_{digest}"))
}

/// A model's id has no `|`.
pub(super) fn origin_text(origin: &Origin) -> String {
    let model = origin.model.as_ref().map_or("", ModelId::as_str);
    format!("{model}|{}", origin.key.as_ref().map_or("", KeyId::as_str))
}

pub(super) fn origin_of(spelt: &str) -> Result<Origin> {
    let (model, key) = spelt.split_once('|').ok_or_else(|| unreadable(ORIGINS))?;
    let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(Origin {
        model: named(model).map(ModelId::try_from).transpose()?,
        key: named(key).map(KeyId::try_from).transpose()?,
    })
}

/// The tags in the account's item.
pub(super) fn tags(item: &Item) -> Result<&[String]> {
    match item.get(ORIGINS) {
        None => Ok(&[]),
        Some(tags) => tags
            .as_ss()
            .map(Vec::as_slice)
            .map_err(|_| unreadable(ORIGINS)),
    }
}

/// The sums that the account's item has of its open day.
pub(super) fn rows(item: &Item) -> Result<Vec<(Origin, Sums)>> {
    let row = |tag: &String| {
        let origin = origin_of(Reader(item).text(tag)?)?;
        Ok((origin, sums(item, tag)?))
    };
    tags(item)?.iter().map(row).collect()
}

pub(super) fn sums(item: &Item, tag: &str) -> Result<Sums> {
    let reader = Reader(item);
    let of = |word: &str| reader.optional_number::<i64>(&format!("{tag}{word}"));
    let count = |word| Ok::<_, Error>(u64::try_from(of(word)?.unwrap_or(0)).unwrap_or(0));
    let mut sums = Sums {
        requests: count(REQUESTS)?,
        completed: count(COMPLETED)?,
        failed: count(FAILED)?,
        unarchived: count(UNARCHIVED)?,
        earlier: MicroUsd(of(EARLIER)?.unwrap_or(0)),
        ..Sums::default()
    };
    for kind in EntryKind::ALL {
        if let Some(amount) = of(kind.as_str())? {
            sums.moved.insert(kind, MicroUsd(amount));
        }
    }
    Ok(sums)
}

const REQUESTS: &str = "q";
const COMPLETED: &str = "c";
const FAILED: &str = "f";
const UNARCHIVED: &str = "u";
const EARLIER: &str = "e";

/// The attributes of these sums; nothing for zeros.
pub(super) fn numbers(sums: &Sums, tag: &str) -> Vec<(String, AttributeValue)> {
    let counts = [
        (REQUESTS, sums.requests),
        (COMPLETED, sums.completed),
        (FAILED, sums.failed),
        (UNARCHIVED, sums.unarchived),
    ]
    .map(|(word, count)| (word, i128::from(count)));
    let earlier = [(EARLIER, i128::from(sums.earlier.0))];
    let moved = sums
        .moved
        .iter()
        .map(|(kind, amount)| (kind.as_str(), i128::from(amount.0)));
    let all = counts.into_iter().chain(earlier).chain(moved);
    all.filter(|(_, value)| *value != 0)
        .map(|(word, value)| (format!("{tag}{word}"), number(value)))
        .collect()
}

/// Adds to the sums that an origin has in an item of its own.
pub(super) fn add_beside(
    tenant: &TenantId,
    day: Day,
    origin: &Origin,
    sums: &Sums,
    is_filled: bool,
) -> Write {
    let write = Write::update(origin_key(tenant, day, origin, is_filled))
        .set("origin", text(origin_text(origin)));
    numbers(sums, "")
        .into_iter()
        .fold(write, |write, (name, value)| write.add(&name, value))
}
