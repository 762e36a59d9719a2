//! Listen addresses, as people write them.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

/// `ADDRESS:PORT`, or `NAME:PORT`, where the name is resolved now. Anything else is refused with
/// what to write instead.
pub fn listen_address(text: &str) -> io::Result<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (name, port) = text.rsplit_once(':').ok_or_else(|| bad(text))?;
    let port: u16 = port.parse().map_err(|_| bad(text))?;
    if name.is_empty() || name.contains(['/', ':']) {
        return Err(bad(text));
    }
    let found = (name, port).to_socket_addrs().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!(
                "'{name}' cannot be resolved; write an address, such as 127.0.0.1:{port} ({error})"
            ),
        )
    })?;
    let found: Vec<SocketAddr> = found.collect();
    // A name with both IPv4 and IPv6 addresses, such as localhost, is mostly called over IPv4.
    found
        .iter()
        .find(|address| address.is_ipv4())
        .or(found.first())
        .copied()
        .ok_or_else(|| bad(text))
}

fn bad(text: &str) -> io::Error {
    let text = format!(
        "'{text}' is not a listen address; write ADDRESS:PORT, such as 127.0.0.1:8080, or 0.0.0.0:8080 for every network"
    );
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_name_and_what_is_none_is_refused_with_one() {
        assert_eq!(
            listen_address("localhost:8080").unwrap(),
            SocketAddr::from(([127, 0, 0, 1], 8080))
        );
        assert_eq!(listen_address("[::1]:0").unwrap().port(), 0);
        for text in [
            "8080",
            ":8080",
            "localhost",
            "localhost:http",
            "http://127.0.0.1:8080",
            "127.0.0.1:80800",
            "::1:x",
        ] {
            let why = listen_address(text).unwrap_err().to_string();
            assert!(
                why.contains("write ADDRESS:PORT, such as 127.0.0.1:8080"),
                "{text:?}: {why}"
            );
        }
    }
}
