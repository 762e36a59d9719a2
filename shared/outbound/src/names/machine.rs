//! The machine's own configuration of names: `/etc/hosts` and `/etc/resolv.conf`, read at the first
//! look-up and again when they change.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use domain::resolv::stub::conf::ResolvConf;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// The C library's limit.
const SERVERS_MAX: usize = 3;

/// The current configuration, reloaded when it changes.
pub(super) struct Watched {
    /// Replaces the machine's own servers.
    servers: Vec<SocketAddr>,
    read: Mutex<Option<(Stamps, Arc<Machine>)>>,
}

/// Modification time and length of each file.
type Stamps = [Option<(SystemTime, u64)>; 2];

#[derive(Debug, Default)]
pub(super) struct Machine {
    /// Never empty.
    pub(super) servers: Vec<SocketAddr>,
    hosts: HashMap<String, Vec<IpAddr>>,
    search: Vec<String>,
    ndots: usize,
}

impl Watched {
    pub(super) fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            read: Mutex::default(),
        }
    }

    pub(super) fn current(&self) -> Arc<Machine> {
        let stamps = [RESOLV_CONF, HOSTS].map(stamp);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, machine)) = &*read
            && *then == stamps
        {
            return Arc::clone(machine);
        }
        let text = |file: &str| std::fs::read_to_string(Path::new(file)).unwrap_or_default();
        let mut machine = Machine::parse(&text(RESOLV_CONF), &text(HOSTS));
        if !self.servers.is_empty() {
            machine.servers.clone_from(&self.servers);
        }
        machine.servers.truncate(SERVERS_MAX);
        let machine = Arc::new(machine);
        *read = Some((stamps, Arc::clone(&machine)));
        machine
    }
}

fn stamp(file: &str) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

impl Machine {
    fn parse(resolv_conf: &str, hosts: &str) -> Self {
        let mut conf = ResolvConf::new();
        for line in resolv_conf.lines() {
            // A line that cannot be parsed must not invalidate the others.
            let _ = conf.parse(&mut line.as_bytes());
        }
        conf.finalize();
        let search = conf
            .options
            .search
            .as_slice()
            .iter()
            .map(|suffix| suffix.to_string().to_ascii_lowercase());
        Self {
            servers: conf.servers.iter().map(|server| server.addr).collect(),
            hosts: parse_hosts(hosts),
            search: search
                .filter(|suffix| !suffix.trim_matches('.').is_empty())
                .collect(),
            ndots: conf.options.ndots,
        }
    }

    /// The addresses of a name that needs no query: those in `/etc/hosts`, as in the C library, and
    /// of special-use names (RFC 6761, RFC 7686). An empty result means that there is no such name.
    pub(super) fn own(&self, name: &str) -> Option<Vec<IpAddr>> {
        let name = name.trim_end_matches('.');
        if let Some(addresses) = self.hosts.get(name) {
            return Some(addresses.clone());
        }
        match name.rsplit('.').next() {
            Some("localhost") => Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
            Some("invalid" | "onion") => Some(Vec::new()),
            _ => None,
        }
    }

    /// The names to try for this one, in order, by the search list. A name with at least `ndots`
    /// dots is only tried as it is.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') || name.matches('.').count() >= self.ndots {
            return vec![name.to_owned()];
        }
        let longer = self.search.iter().map(|suffix| format!("{name}.{suffix}"));
        longer.chain([name.to_owned()]).collect()
    }
}

fn parse_hosts(text: &str) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
            continue;
        };
        for name in words {
            hosts
                .entry(name.trim_end_matches('.').to_ascii_lowercase())
                .or_default()
                .push(address);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOLV_CONF: &str = "# made by hand\nnameserver 10.0.0.2\nbogus line\nnameserver fd00::2\n\
                               search Team.example example\noptions ndots:2 timeout:1\n";

    fn machine() -> Machine {
        Machine::parse(
            RESOLV_CONF,
            "127.0.0.1 localhost\n10.1.2.3 Hooks.example hooks # the receiver\n",
        )
    }

    #[test]
    fn the_servers_are_those_of_resolv_conf_and_a_line_that_is_not_understood_does_no_harm() {
        let servers = ["10.0.0.2:53", "[fd00::2]:53"].map(|server| server.parse().unwrap());

        assert_eq!(machine().servers, servers);
        assert_eq!(
            Machine::parse("", "").servers,
            ["127.0.0.1:53".parse().unwrap()]
        );
    }

    #[test]
    fn a_short_name_is_searched_for_before_it_is_taken_as_it_is() {
        assert_eq!(
            machine().candidates("a.b"),
            ["a.b.team.example", "a.b.example", "a.b"]
        );
        assert_eq!(machine().candidates("receiver")[0], "receiver.team.example");
    }

    #[test]
    fn a_name_with_dots_enough_or_a_last_dot_is_taken_as_it_is() {
        assert_eq!(machine().candidates("a.b.c"), ["a.b.c"]);
        assert_eq!(machine().candidates("receiver."), ["receiver."]);
        assert_eq!(
            Machine::parse("search example\noptions ndots:0", "").candidates("receiver"),
            ["receiver"]
        );
    }

    #[test]
    fn nobody_is_asked_for_a_name_of_the_hosts_file_or_one_with_a_meaning_of_its_own() {
        let own = |name: &str| machine().own(name).map(|addresses| addresses.len());

        assert_eq!(
            machine().own("hooks.example"),
            Some(vec!["10.1.2.3".parse().unwrap()])
        );
        assert_eq!(
            (
                own("hooks"),
                own("localhost"),
                own("localhost."),
                own("a.localhost")
            ),
            (Some(1), Some(1), Some(1), Some(2))
        );
        assert_eq!(
            (
                own("x.invalid"),
                own("x.onion"),
                own("example"),
                own("notlocalhost")
            ),
            (Some(0), Some(0), None, None)
        );
    }
}
