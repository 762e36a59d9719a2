//! What the operator allows, and checks of a URL or a set of addresses against it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use fluxgate_core::port::Purpose;
use fluxgate_core::{Error, Result};
use ipnet::IpNet;
use url::{Host, Url};

use super::address::is_global;
use super::folder::is_below;
use crate::roots::Roots;

/// What may be called besides global unicast addresses over https.
#[derive(Debug, Clone, Default)]
pub struct GuardPolicy {
    /// Networks that may be called even if they are not public, also over plain http:
    /// `--allow-net`.
    pub allow: Vec<IpNet>,
    /// The certificate authorities that receivers, issuers and output servers must use.
    pub roots: Roots,
    provider: Option<Provider>,
}

/// Networks as an operator writes them, separated by commas. The error names the invalid one and
/// shows the format.
pub fn networks(text: &str) -> std::result::Result<Vec<IpNet>, String> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let network = |part: &str| {
        part.parse()
            .map_err(|_| format!("'{part}' is not a network such as 10.0.0.0/8"))
    };
    parts.map(network).collect()
}

/// The provider's own server, if the operator named it by its address: usually an emulator on this
/// machine.
#[derive(Debug, Clone)]
struct Provider {
    server: SocketAddr,
    /// The path prefix of uploads.
    uploads: String,
}

/// The two schemes, which have different allowed addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Way {
    Https,
    Http,
}

impl Way {
    pub(super) fn of(url: &Url) -> Result<Self> {
        match url.scheme() {
            "https" => Ok(Self::Https),
            "http" => Ok(Self::Http),
            _ => Err(Error::invalid(
                "unsupported_scheme",
                "the URL must begin with https://",
            )),
        }
    }
}

/// An address, or a name with an address, that may not be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForbiddenAddress {
    host: String,
    way: Way,
}

/// Names the host as the caller wrote it and never what it resolves to: that would let a caller map
/// our network.
impl fmt::Display for ForbiddenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        match self.way {
            Way::Https => write!(
                f,
                "the host '{host}' is or resolves to an address that is not public; use a public one, or ask the \
                 operator to allow its network with --allow-net"
            ),
            Way::Http => write!(
                f,
                "the host '{host}' may not be called over plain http; use https, or ask the operator to allow its \
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
        Self {
            allow,
            ..Self::default()
        }
    }

    /// Allows the provider's server whatever its address, if the URL contains an address. Outputs
    /// may be anywhere on it, and input pictures only where it keeps uploads. Callbacks,
    /// key sets and stores may not use it, and nothing else on its machine is allowed for anything.
    pub(super) fn allow_provider(&mut self, url: &Url) {
        let base = url.path().trim_end_matches('/');
        self.provider = server(url).map(|server| Provider {
            server,
            uploads: format!("{base}/media/"),
        });
    }

    fn is_provider_s(&self, purpose: Purpose, url: &Url) -> bool {
        let Some(provider) = self
            .provider
            .as_ref()
            .filter(|provider| server(url) == Some(provider.server))
        else {
            return false;
        };
        match purpose {
            Purpose::Output => true,
            Purpose::Input => is_below(url.path(), &provider.uploads),
            Purpose::Callback | Purpose::KeySet | Purpose::Store => false,
        }
    }

    /// Checks everything about a URL that needs no look-up: the scheme, the port, and a literal
    /// address. It must run before every request, because the client does not resolve a literal
    /// address and so does not check it.
    pub(super) fn admit(&self, purpose: Purpose, url: &Url) -> Result<()> {
        let way = Way::of(url)?;
        if url.port() == Some(0) {
            return Err(Error::invalid(
                "invalid_port",
                "the URL must not name port 0",
            ));
        }
        if self.is_provider_s(purpose, url) {
            return Ok(());
        }
        match url.host() {
            Some(Host::Ipv4(address)) => {
                Ok(self.judge(way, &address.to_string(), [address.into()])?)
            }
            Some(Host::Ipv6(address)) => {
                Ok(self.judge(way, &address.to_string(), [address.into()])?)
            }
            Some(Host::Domain(name)) if way == Way::Http && self.allow.is_empty() => {
                Err(forbidden(way, name).into())
            }
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Error::invalid("missing_host", "the URL must name a host")),
        }
    }

    /// One forbidden address rules out the whole set: which address is used is decided later, by
    /// which one connects first.
    pub(super) fn judge(
        &self,
        way: Way,
        host: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> std::result::Result<(), ForbiddenAddress> {
        for address in addresses {
            if !self.permits(way, address) {
                // Whoever asked says so once, and for whom.
                tracing::debug!(host, %address, "refused to call a forbidden address");
                return Err(forbidden(way, host));
            }
        }
        Ok(())
    }

    fn permits(&self, way: Way, address: IpAddr) -> bool {
        let canonical = address.to_canonical();
        let listed = self
            .allow
            .iter()
            .any(|net| net.contains(&address) || net.contains(&canonical));
        listed || (way == Way::Https && is_global(address))
    }
}

/// The server, if the URL contains a literal address.
fn server(url: &Url) -> Option<SocketAddr> {
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::from(address),
        Host::Ipv6(address) => IpAddr::from(address),
        Host::Domain(_) => return None,
    };
    Some(SocketAddr::new(address, url.port_or_known_default()?))
}

fn forbidden(way: Way, host: &str) -> ForbiddenAddress {
    ForbiddenAddress {
        host: host.to_owned(),
        way,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PURPOSES: [Purpose; 5] = [
        Purpose::Callback,
        Purpose::Input,
        Purpose::Output,
        Purpose::KeySet,
        Purpose::Store,
    ];

    /// The same for every purpose.
    fn code(policy: &GuardPolicy, url: &str) -> Option<&'static str> {
        let [code, rest @ ..] = PURPOSES.map(|purpose| code_for(policy, purpose, url));
        assert_eq!(rest, [code; 4], "{url}");
        code
    }

    fn code_for(policy: &GuardPolicy, purpose: Purpose, url: &str) -> Option<&'static str> {
        policy
            .admit(purpose, &Url::parse(url).unwrap())
            .err()
            .map(|error| error.code)
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
            assert_eq!(
                code(&GuardPolicy::default(), &format!("https://{host}/")),
                Some("forbidden_address"),
                "{host}"
            );
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
        assert_eq!(
            code(&policy, "https://10.0.0.1/"),
            Some("forbidden_address")
        );
        assert_eq!(
            code(&GuardPolicy::default(), "http://hooks.example/"),
            Some("forbidden_address")
        );
    }

    #[test]
    fn the_provider_s_address_is_one_port_of_one_address() {
        let mut policy = GuardPolicy::default();
        policy.allow_provider(&Url::parse("http://127.0.0.1:4000").unwrap());

        assert_eq!(
            code_for(&policy, Purpose::Output, "http://127.0.0.1:4000/outputs/1"),
            None
        );
        for elsewhere in [
            "http://127.0.0.1:4001/",
            "http://127.0.0.2:4000/",
            "http://localhost:4000/",
        ] {
            assert_eq!(
                code(&policy, elsewhere),
                Some("forbidden_address"),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn the_provider_s_address_is_allowed_for_what_lies_with_it_and_for_no_other_purpose() {
        let mut policy = GuardPolicy::default();
        policy.allow_provider(&Url::parse("http://127.0.0.1:4000/provider/").unwrap());
        let allowed = |path: &str| {
            let url = format!("http://127.0.0.1:4000{path}");
            PURPOSES
                .into_iter()
                .filter(|purpose| code_for(&policy, *purpose, &url).is_none())
                .collect::<Vec<_>>()
        };

        assert_eq!(
            allowed("/provider/media/1/photo.jpg"),
            [Purpose::Input, Purpose::Output]
        );
        for path in [
            "/",
            "/provider/outputs/1/0.jpg",
            "/provider/media/../_emulator/runs",
            "/provider/media/%2e%2E/_emulator/runs",
            "/provider/media/..\\_emulator/runs",
            "/provider/media/..%2f_emulator/runs",
            "/provider/media/%2E%2e%2F_emulator/runs",
            "/provider/media/..%5C_emulator/runs",
            "/provider/media",
            "/media/1/x",
        ] {
            assert_eq!(allowed(path), [Purpose::Output], "{path}");
        }
    }

    #[test]
    fn a_provider_that_is_named_by_a_name_allows_no_address() {
        let mut policy = GuardPolicy::default();
        policy.allow_provider(&Url::parse("http://localhost:4000").unwrap());

        assert_eq!(
            code(&policy, "http://127.0.0.1:4000/outputs/1"),
            Some("forbidden_address")
        );
        assert_eq!(
            code(&policy, "http://localhost:4000/outputs/1"),
            Some("forbidden_address")
        );
    }

    #[test]
    fn an_allowed_ipv4_network_is_not_reached_through_nat64() {
        assert_eq!(
            code(&allowing("10.0.0.0/8"), "https://[64:ff9b::a00:1]/"),
            Some("forbidden_address")
        );
    }

    #[test]
    fn other_schemes_and_port_0_are_refused() {
        assert_eq!(
            code(&GuardPolicy::default(), "ftp://example.com/"),
            Some("unsupported_scheme")
        );
        assert_eq!(
            code(&GuardPolicy::default(), "file:///etc/passwd"),
            Some("unsupported_scheme")
        );
        assert_eq!(
            code(&GuardPolicy::default(), "https://example.com:0/"),
            Some("invalid_port")
        );
    }

    #[test]
    fn one_forbidden_address_condemns_a_name() {
        let addresses = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];

        let error = GuardPolicy::default()
            .judge(Way::Https, "two-faced.example", addresses)
            .unwrap_err();

        assert!(error.to_string().contains("two-faced.example"));
        assert!(error.to_string().contains("--allow-net"));
        assert!(!error.to_string().contains("10.0.0.1"));
    }
}
