//! One DNS server, as an operator writes it: an address, with or without a port.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use fluxgate_outbound::NameSettings;
use serde::{Deserialize, Serialize};

/// Port 53 unless another is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DnsServer(pub SocketAddr);

const PORT: u16 = 53;

/// Settings that resolve names through these servers, or through the machine's own if there are
/// none.
pub fn name_settings(servers: &[DnsServer]) -> NameSettings {
    NameSettings {
        servers: servers.iter().map(|server| server.0).collect(),
        ..NameSettings::default()
    }
}

impl FromStr for DnsServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text
            .parse::<IpAddr>()
            .map(|address| SocketAddr::new(address, PORT));
        let server = bare.or_else(|_| text.parse());
        server
            .map(Self)
            .map_err(|_| format!("'{text}' is not an address such as 10.0.0.2 or [fd00::2]:5353"))
    }
}

impl TryFrom<String> for DnsServer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<DnsServer> for String {
    fn from(server: DnsServer) -> Self {
        server.to_string()
    }
}

impl fmt::Display for DnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_port_53_unless_another_is_named_and_a_name_is_refused() {
        let read = |text: &str| text.parse::<DnsServer>().map(|server| server.to_string());

        assert_eq!(read("10.0.0.2").as_deref(), Ok("10.0.0.2:53"));
        assert_eq!(read("fd00::2").as_deref(), Ok("[fd00::2]:53"));
        assert_eq!(read("127.0.0.1:5353").as_deref(), Ok("127.0.0.1:5353"));
        assert!(read("dns.example").unwrap_err().contains("dns.example"));
    }
}
