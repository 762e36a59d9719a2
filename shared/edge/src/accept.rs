//! Content negotiation with `Accept` (RFC 9110, 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use mediatype::names::Q;
use mediatype::{MediaType, MediaTypeList, Name, ReadParams as _};

/// The index of the preferred offer; `None` if the request accepts none of them. For each offer the
/// most specific range counts. Between offers of equal quality the more specific range decides,
/// then the order in the request, then our order. A request without a readable `Accept` header gets
/// the first offer.
pub(crate) fn preferred(headers: &HeaderMap, offers: &[&str]) -> Option<usize> {
    let texts: Vec<&str> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let ranges: Vec<Range<'_>> = texts
        .iter()
        .flat_map(|text| MediaTypeList::new(text))
        .filter_map(|range| Range::of(range.ok()?))
        .collect();
    if ranges.is_empty() {
        return Some(0);
    }
    let offers = offers.iter().enumerate().filter_map(|(place, offer)| {
        let (quality, specificity, order) = quality(&ranges, &MediaType::parse(offer).ok()?)?;
        Some((quality, specificity, std::cmp::Reverse((order, place))))
    });
    offers
        .filter(|(quality, ..)| *quality > 0)
        .max()
        .map(|(.., std::cmp::Reverse((_, place)))| place)
}

struct Range<'a> {
    media: MediaType<'a>,
    /// In thousandths.
    quality: u16,
}

impl<'a> Range<'a> {
    /// `None` for an invalid quality.
    fn of(media: MediaType<'a>) -> Option<Self> {
        let Some(text) = media.get_param(Q) else {
            return Some(Self {
                media,
                quality: 1_000,
            });
        };
        let quality: f32 = text
            .as_str()
            .parse()
            .ok()
            .filter(|quality| (0.0..=1.0).contains(quality))?;
        Some(Self {
            media,
            quality: (quality * 1_000.0).round() as u16,
        })
    }

    /// How specifically the range matches the offer; `None` if it does not.
    fn specificity(&self, offer: &MediaType<'_>) -> Option<usize> {
        let (range, any) = (&self.media, |name: Name<'_>| name.as_str() == "*");
        let same = |a: Name<'_>, b: Name<'_>| a.as_str().eq_ignore_ascii_case(b.as_str());
        if any(range.ty) && any(range.subty) {
            return Some(0);
        }
        if !same(range.ty, offer.ty) {
            return None;
        }
        if any(range.subty) {
            return Some(1);
        }
        let wanted = || range.params().filter(|(name, _)| *name != Q);
        let fits = same(range.subty, offer.subty) && range.suffix == offer.suffix;
        let fits = fits && wanted().all(|(name, value)| offer.get_param(name) == Some(value));
        fits.then(|| 2 + wanted().count())
    }
}

/// For one offer: its quality according to its most specific range, how specific that is, and the
/// position of that range.
fn quality(ranges: &[Range<'_>], offer: &MediaType<'_>) -> Option<(u16, usize, usize)> {
    let matching = ranges.iter().enumerate().filter_map(|(order, range)| {
        Some((
            range.specificity(offer)?,
            std::cmp::Reverse(order),
            range.quality,
        ))
    });
    matching
        .max()
        .map(|(specificity, std::cmp::Reverse(order), quality)| (quality, specificity, order))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const OFFERS: [&str; 2] = [
        "application/json",
        "text/csv; charset=utf-8; header=present",
    ];
    const JSON: Option<usize> = Some(0);
    const CSV: Option<usize> = Some(1);

    fn chosen(accept: &[&'static str]) -> Option<usize> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        preferred(&headers, &OFFERS)
    }

    #[test]
    fn the_quality_decides_and_the_order_only_among_equals() {
        for (accept, wanted) in [
            ("text/csv;q=0.1, application/json", JSON),
            ("text/csv;q=0.1, application/json;q=0.09", CSV),
            ("application/json;q=0.5, text/csv;q=0.501", CSV),
            ("text/csv, application/json", CSV),
            ("application/json, text/csv", JSON),
            ("text/csv; Q=0.2, application/json; q=0.1", CSV),
        ] {
            assert_eq!(chosen(&[accept]), wanted, "{accept}");
        }
        assert_eq!(
            chosen(&["application/json;q=0.5", "text/csv"]),
            CSV,
            "two headers are one list"
        );
    }

    #[test]
    fn the_most_specific_range_counts_for_an_offer() {
        for (accept, wanted) in [
            ("*/*", JSON),
            ("text/*", CSV),
            ("*/*, text/csv", CSV),
            ("text/*, */*;q=0.5", CSV),
            ("application/json;q=0.1, */*;q=0.5", CSV),
            ("text/csv;q=0, */*", JSON),
            ("application/json;q=0, */*;q=0.1", CSV),
            ("TEXT/CSV", CSV),
            (
                "text/csv;header=present;q=0.9, text/csv;q=0.1, application/json;q=0.5",
                CSV,
            ),
            ("text/csv;header=absent, application/json;q=0.1", JSON),
            ("application/xml;note=\"a, b\", text/csv", CSV),
        ] {
            assert_eq!(chosen(&[accept]), wanted, "{accept}");
        }
    }

    #[test]
    fn nothing_said_is_the_first_and_nothing_accepted_is_none() {
        for accept in ["", "  ", "nonsense", "text/csv;q=7", ","] {
            assert_eq!(chosen(&[accept]), JSON, "{accept:?}");
        }
        assert_eq!(chosen(&[]), JSON);
        for accept in [
            "text/html",
            "*/*;q=0",
            "application/problem+json",
            "text/csv;q=0, application/json;q=0.0",
        ] {
            assert_eq!(chosen(&[accept]), None, "{accept}");
        }
    }
}
