//! Settings as people write them: what is nearly right is refused with what to write instead.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroU32;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};
use url::Url;

/// An absolute http or https URL with a host.
pub fn http_url(text: &str) -> Result<Url> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ if Url::parse(&format!("http://{text}")).is_ok() && !text.contains("://") => {
            bail!("'{text}' has no scheme; write http://{text}, or https://{text} where TLS is spoken")
        }
        _ => bail!("'{text}' is no URL of a web server; it begins with http:// or https:// and names a host"),
    }
}

/// `ADDRESS:PORT`, or `NAME:PORT`, whose name is looked up now.
pub fn listen_address(text: &str) -> Result<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bad = || {
        anyhow!(
            "'{text}' is no address to listen on; write ADDRESS:PORT, such as 127.0.0.1:8080, or 0.0.0.0:8080 for every network"
        )
    };
    let (name, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let port: u16 = port.parse().map_err(|_| bad())?;
    if name.is_empty() || name.contains(['/', ':']) {
        return Err(bad());
    }
    let found = (name, port).to_socket_addrs();
    let found: Vec<SocketAddr> =
        found.with_context(|| format!("'{name}' has no address; write one, such as 127.0.0.1:{port}"))?.collect();
    // A name with both, such as localhost, is mostly called over IPv4.
    found.iter().find(|address| address.is_ipv4()).or(found.first()).copied().ok_or_else(bad)
}

/// A whole number that may be left out, and is not zero.
pub fn count(text: &str) -> Result<NonZeroU32> {
    text.parse()
        .map_err(|_| anyhow!("'{text}' is no count; write a whole number from 1 on, or leave it out for no limit"))
}

pub(crate) fn read_address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    listen_address(&String::deserialize(from)?).map_err(D::Error::custom)
}

pub(crate) fn read_optional_address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| listen_address(&text).map_err(D::Error::custom)).transpose()
}

pub(crate) fn read_optional_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Url>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| http_url(&text).map_err(D::Error::custom)).transpose()
}

pub(crate) fn read_optional_count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NonZeroU32>, D::Error> {
    let number = Option::<i64>::deserialize(from)?;
    number.map(|number| count(&number.to_string()).map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_scheme_is_refused_with_the_one_to_write() {
        for text in ["127.0.0.1:8080", "localhost:8080", "gateway.example", "[::1]:8080"] {
            let why = http_url(text).unwrap_err().to_string();
            assert!(why.contains(&format!("write http://{text}, or https://{text}")), "{why}");
        }
        for text in ["", "ftp://gateway.example", "http://", "unix:/run/x"] {
            assert!(http_url(text).is_err(), "{text:?}");
        }
        assert_eq!(http_url("https://gateway.example/a").unwrap().as_str(), "https://gateway.example/a");
    }

    #[test]
    fn an_address_may_be_a_name_and_what_is_none_is_refused_with_one() {
        assert_eq!(listen_address("localhost:8080").unwrap(), SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(listen_address("[::1]:0").unwrap().port(), 0);
        for text in
            ["8080", ":8080", "localhost", "localhost:http", "http://127.0.0.1:8080", "127.0.0.1:80800", "::1:x"]
        {
            let why = listen_address(text).unwrap_err().to_string();
            assert!(why.contains("write ADDRESS:PORT, such as 127.0.0.1:8080"), "{text:?}: {why}");
        }
    }

    #[test]
    fn a_count_of_nothing_is_refused_with_what_to_do_instead() {
        assert_eq!(count("3").unwrap().get(), 3);
        for text in ["0", "-1", "x", "4294967296"] {
            assert!(count(text).unwrap_err().to_string().contains("leave it out for no limit"), "{text}");
        }
    }
}
