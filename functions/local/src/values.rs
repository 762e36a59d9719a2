//! Settings as people write them: a near miss is refused with what to write instead.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use anyhow::{Result, anyhow, bail};
use fluxgate_core::day::Day;
pub use fluxgate_listen::listen_address;
use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};
use url::Url;

use crate::settings::DnsServer;

/// An absolute http or https URL with a host.
pub fn http_url(text: &str) -> Result<Url> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ if Url::parse(&format!("http://{text}")).is_ok() && !text.contains("://") => {
            bail!("'{text}' has no scheme; write http://{text}, or https://{text} if it speaks TLS")
        }
        _ => bail!(
            "'{text}' is not the URL of a web server; it must begin with http:// or https:// and name a host"
        ),
    }
}

/// A day in UTC.
pub fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "a day looks like 2026-11-01".to_owned())
}

/// A whole number of seconds, minutes, hours or days, in milliseconds.
pub fn duration_ms(text: &str) -> Result<u64> {
    let unreadable =
        || anyhow!("'{text}' is not a time; write a number with s, m, h or d, such as 24h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let number: u64 = digits.parse().map_err(|_| unreadable())?;
    let unit_ms = match &text[digits.len()..] {
        "" if number == 0 => 0,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(unreadable()),
    };
    number.checked_mul(unit_ms).ok_or_else(unreadable)
}

/// An optional whole number that is not zero.
pub fn count(text: &str) -> Result<NonZeroU32> {
    text.parse().map_err(|_| {
        anyhow!(
            "'{text}' is not a count; write a whole number of at least 1, or leave it out for no limit"
        )
    })
}

pub(crate) fn read_address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(crate) fn read_optional_address<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| listen_address(&text).map_err(D::Error::custom))
        .transpose()
}

/// One string separated by commas, as in a variable, or a list of such strings.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn joined(self) -> String {
        match self {
            Self::One(text) => text,
            Self::Many(texts) => texts.join(","),
        }
    }
}

pub(crate) fn read_networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    fluxgate_outbound::networks(&Texts::deserialize(from)?.joined()).map_err(D::Error::custom)
}

pub(crate) fn read_dns_servers<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<DnsServer>, D::Error> {
    let text = Texts::deserialize(from)?.joined();
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| part.parse().map_err(D::Error::custom))
        .collect()
}

pub(crate) fn read_optional_url<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| http_url(&text).map_err(D::Error::custom))
        .transpose()
}

pub(crate) fn read_optional_count<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<NonZeroU32>, D::Error> {
    let number = Option::<i64>::deserialize(from)?;
    number
        .map(|number| count(&number.to_string()).map_err(D::Error::custom))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_scheme_is_refused_with_the_one_to_write() {
        for text in [
            "127.0.0.1:8080",
            "localhost:8080",
            "gateway.example",
            "[::1]:8080",
        ] {
            let why = http_url(text).unwrap_err().to_string();
            assert!(
                why.contains(&format!("write http://{text}, or https://{text}")),
                "{why}"
            );
        }
        for text in ["", "ftp://gateway.example", "http://", "unix:/run/x"] {
            assert!(http_url(text).is_err(), "{text:?}");
        }
        assert_eq!(
            http_url("https://gateway.example/a").unwrap().as_str(),
            "https://gateway.example/a"
        );
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, ms) in [
            ("0", 0),
            ("90s", 90_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(duration_ms(text).unwrap(), ms);
        }
        for text in [
            "",
            "24",
            "h",
            "1w",
            "-1h",
            "1.5h",
            "24 h",
            "99999999999999999d",
        ] {
            let why = duration_ms(text).unwrap_err().to_string();
            assert!(why.contains("such as 24h"), "{why}");
        }
    }

    #[test]
    fn a_count_of_nothing_is_refused_with_what_to_do_instead() {
        assert_eq!(count("3").unwrap().get(), 3);
        for text in ["0", "-1", "x", "4294967296"] {
            assert!(
                count(text)
                    .unwrap_err()
                    .to_string()
                    .contains("leave it out for no limit"),
                "{text}"
            );
        }
    }
}
