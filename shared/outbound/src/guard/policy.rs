//! What the operator allows, and the judgement of one URL or one set of addresses by it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use fluxgate_core::{Error, Result};
use ipnet::IpNet;
use url::{Host, Url};

use super::address::is_global;
use crate::roots::Roots;

/// What may be called besides global unicast addresses over https.
#[derive(Debug, Clone, Default)]
pub struct GuardPolicy {
    /// Networks that may be called whatever they are, and over plain http too: `--allow-net`.
    pub allow: Vec<IpNet>,
    /// Whose certificates receivers, issuers and output servers must show.
    pub roots: Roots,
    /// Single servers that may be called whatever their address: an upstream in this very process.
    origins: Vec<SocketAddr>,
}

/// The two schemes. They differ in where they may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Https,
    Http,
}

impl Way {
    pub(super) fn of(url: &Url) -> Result<Self> {
        match url.scheme() {
            "https" => Ok(Self::Https),
            "http" => Ok(Self::Http),
            _ => Err(Error::invalid("unsupported_scheme", "the URL must begin with https://")),
        }
    }
}

/// An address, or a name with an address, that may not be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForbiddenAddress {
    host: String,
    way: Way,
}

/// Names the host as the caller wrote it and never what it resolves to: that would map our network for whoever asks.
impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.way {
            Way::Https => write!(
                f,
                "the host '{host}' is or resolves to an address that is not public; use a public one, or have the \
                 operator allow its network with --allow-net"
            ),
            Way::Http => write!(
                f,
                "the host '{host}' may not be called over plain http; use https, or have the operator allow its \
                 network with --allow-net"
            ),
        }
    }
}

impl std::error::Error for ForbiddenAddress {}

impl From<ForbiddenAddress> for Error {
    fn from(forbidden: ForbiddenAddress) -> Self {
        Self::invalid("forbidden_address", forbidden.to_string())
    }
}

impl GuardPolicy {
    pub fn allowing(allow: Vec<IpNet>) -> Self {
        Self { allow, ..Self::default() }
    }

    /// Allows one server, by an address written out; nothing else on its machine.
    pub fn allow_server(&mut self, server: SocketAddr) {
        self.origins.push(server);
    }

    fn is_allowed_server(&self, url: &Url) -> bool {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
            _ => return false,
        };
        url.port_or_known_default().is_some_and(|port| self.origins.contains(&SocketAddr::new(address, port)))
    }

    /// Judges all of a URL that can be judged without asking anybody: the scheme, the port, and an address written out.
    /// It must run before every request, since a client does not resolve, and so does not judge, an address written out.
    pub(super) fn admit(&self, url: &Url) -> Result<()> {
        let way = Way::of(url)?;
        if url.port() == Some(0) {
            return Err(Error::invalid("invalid_port", "the URL must not name port 0"));
        }
        if self.is_allowed_server(url) {
            return Ok(());
        }
        match url.host() {
            Some(Host::Ipv4(address)) => Ok(self.judge(way, &address.to_string(), [address.into()])?),
            Some(Host::Ipv6(address)) => Ok(self.judge(way, &address.to_string(), [address.into()])?),
            Some(Host::Domain(name)) if way == Way::Http && self.allow.is_empty() => Err(forbidden(way, name).into()),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Error::invalid("missing_host", "the URL must name a host")),
        }
    }

    /// One forbidden address condemns them all: which one is used is decided later, by whoever answers first.
    pub(super) fn judge(
        &self,
        way: Way,
        host: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> std::result::Result<(), ForbiddenAddress> {
        for address in addresses {
            if !self.permits(way, address) {
                tracing::info!(host, %address, "refused to call a forbidden address");
                return Err(forbidden(way, host));
            }
        }
        Ok(())
    }

    fn permits(&self, way: Way, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        let listed = self.allow.iter().any(|net| net.contains(&address) || net.contains(&canonical));
        listed || (way == Way::Https && is_global(address))
    }
}

fn forbidden(way: Way, host: &str) -> ForbiddenAddress {
    ForbiddenAddress { host: host.to_owned(), way }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(policy: &GuardPolicy, url: &str) -> Option<&'static str> {
        policy.admit(&Url::parse(url).unwrap()).err().map(|error| error.code)
    }

    fn allowing(net: &str) -> GuardPolicy {
        GuardPolicy::allowing(vec![net.parse().unwrap()])
    }

    #[test]
    fn every_spelling_of_a_forbidden_address_is_refused() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.1.",
            "①②⑦.0.0.1",
            "%31%32%37.0.0.1",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:a00:1]",
            "[64:ff9b::a9fe:a9fe]",
            "169.254.169.254",
            "2852039166",
            "[fd00:ec2::254]",
        ] {
            assert_eq!(code(&GuardPolicy::default(), &format!("https://{host}/")), Some("forbidden_address"), "{host}");
        }
    }

    #[test]
    fn plain_http_is_only_spoken_to_allowed_networks() {
        let policy = allowing("127.0.0.0/8");

        assert_eq!(code(&policy, "http://127.0.0.1/"), None);
        assert_eq!(code(&policy, "http://[::ffff:127.0.0.1]/"), None);
        assert_eq!(code(&policy, "https://127.0.0.1/"), None);
        assert_eq!(code(&policy, "http://8.8.8.8/"), Some("forbidden_address"));
        assert_eq!(code(&policy, "https://8.8.8.8/"), None);
        assert_eq!(code(&policy, "https://10.0.0.1/"), Some("forbidden_address"));
        assert_eq!(code(&GuardPolicy::default(), "http://hooks.example/"), Some("forbidden_address"));
    }

    #[test]
    fn an_allowed_server_opens_one_port_of_one_address() {
        let mut policy = GuardPolicy::default();
        policy.allow_server("127.0.0.1:4000".parse().unwrap());

        assert_eq!(code(&policy, "http://127.0.0.1:4000/outputs/1"), None);
        assert_eq!(code(&policy, "http://127.0.0.1:4001/"), Some("forbidden_address"));
        assert_eq!(code(&policy, "http://127.0.0.2:4000/"), Some("forbidden_address"));
        assert_eq!(code(&policy, "http://localhost:4000/"), Some("forbidden_address"));
    }

    #[test]
    fn an_allowed_ipv4_network_is_not_reached_through_nat64() {
        assert_eq!(code(&allowing("10.0.0.0/8"), "https://[64:ff9b::a00:1]/"), Some("forbidden_address"));
    }

    #[test]
    fn other_schemes_and_port_0_are_refused() {
        assert_eq!(code(&GuardPolicy::default(), "ftp://example.com/"), Some("unsupported_scheme"));
        assert_eq!(code(&GuardPolicy::default(), "file:///etc/passwd"), Some("unsupported_scheme"));
        assert_eq!(code(&GuardPolicy::default(), "https://example.com:0/"), Some("invalid_port"));
    }

    #[test]
    fn one_forbidden_address_condemns_a_name() {
        let addresses = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];

        let error = GuardPolicy::default().judge(Way::Https, "two-faced.example", addresses).unwrap_err();

        assert!(error.to_string().contains("two-faced.example"));
        assert!(error.to_string().contains("--allow-net"));
        assert!(!error.to_string().contains("10.0.0.1"));
    }
}
