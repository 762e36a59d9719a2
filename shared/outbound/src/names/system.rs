//! Resolves a name as this machine is configured: `/etc/hosts` first, then the DNS servers, with
//! their search list.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use domain::base::iana::Rtype;
use domain::base::name::Name;
use domain::base::{Message, ParsedName, RecordSection};
use domain::rdata::{A, Aaaa, Soa};
use futures::future::{Either, select};
use tokio::time::timeout;

use super::answer::{Answer, Answered};
use super::machine::Watched;
use super::question::{Patience, ask};

/// For a name that does not exist, if its servers give no TTL.
const ABSENT_TTL: Duration = Duration::from_secs(5);

pub(super) struct System {
    machine: Watched,
    patience: Patience,
    /// How long to wait for one address family once the other has arrived.
    grace: Duration,
}

impl System {
    /// Reads no file yet.
    pub(super) fn new(servers: Vec<SocketAddr>, time: Duration) -> Self {
        Self {
            machine: Watched::new(servers),
            patience: Patience::within(time),
            grace: time / 4,
        }
    }

    /// The caller bounds the time. The first name in the search list with an address is used; a
    /// name without an answer takes precedence over names that do not exist.
    pub(super) async fn look_up(&self, name: &str) -> Answered {
        let machine = self.machine.current();
        if let Some(addresses) = machine.own(name) {
            // The file may change at any time; reading it again is cheap.
            return found(addresses, Duration::ZERO);
        }
        let mut worst = absent(ABSENT_TTL);
        for candidate in machine.candidates(name) {
            let Ok(candidate) = Name::from_str(&candidate) else {
                continue;
            };
            let answered = self.addresses(&machine.servers, &candidate).await;
            match answered.answer {
                Answer::Found(_) => return answered,
                Answer::NoSuchName if worst.answer == Answer::NoSuchName => worst = answered,
                Answer::NoSuchName => {}
                Answer::Unanswered => worst = answered,
            }
        }
        worst
    }

    /// IPv4 and IPv6, queried concurrently. IPv4 comes first, because every network supports it.
    async fn addresses(&self, servers: &[SocketAddr], name: &Name<Vec<u8>>) -> Answered {
        let v4 = Box::pin(async { v4(ask(servers, name, Rtype::A, self.patience).await.as_ref()) });
        let v6 = Box::pin(async {
            v6(ask(servers, name, Rtype::AAAA, self.patience)
                .await
                .as_ref())
        });
        match select(v4, v6).await {
            Either::Left((v4, rest)) => merged(&v4, &self.rest(&v4, rest).await),
            Either::Right((v6, rest)) => merged(&self.rest(&v6, rest).await, &v6),
        }
    }

    /// Some servers answer for one family and ignore the other.
    async fn rest(&self, first: &Answered, second: impl Future<Output = Answered>) -> Answered {
        match first.answer {
            Answer::Found(_) => timeout(self.grace, second).await.unwrap_or_default(),
            _ => second.await,
        }
    }
}

fn v4(message: Option<&Message<Bytes>>) -> Answered {
    let Some(message) = message else {
        return Answered::default();
    };
    let name = message.canonical_name();
    let records = message
        .answer()
        .into_iter()
        .flat_map(RecordSection::limit_to::<A>)
        .flatten();
    let own = records.filter(|record| Some(record.owner()) == name.as_ref());
    read(
        message,
        own.map(|record| record.data().addr().into()).collect(),
    )
}

fn v6(message: Option<&Message<Bytes>>) -> Answered {
    let Some(message) = message else {
        return Answered::default();
    };
    let name = message.canonical_name();
    let records = message
        .answer()
        .into_iter()
        .flat_map(RecordSection::limit_to::<Aaaa>)
        .flatten();
    let own = records.filter(|record| Some(record.owner()) == name.as_ref());
    read(
        message,
        own.map(|record| record.data().addr().into()).collect(),
    )
}

/// The shortest TTL in the answer, including its aliases.
fn read(message: &Message<Bytes>, addresses: Vec<IpAddr>) -> Answered {
    if addresses.is_empty() {
        return absent(absent_ttl(message).unwrap_or(ABSENT_TTL));
    }
    let records = message.answer().into_iter().flatten().flatten();
    let ttl = records.map(|record| record.ttl().into_duration()).min();
    found(addresses, ttl.unwrap_or_default())
}

/// RFC 2308, section 5.
fn absent_ttl(message: &Message<Bytes>) -> Option<Duration> {
    let authority = message.authority().ok()?;
    let soa = authority
        .limit_to::<Soa<ParsedName<_>>>()
        .flatten()
        .next()?;
    Some(
        soa.ttl()
            .into_duration()
            .min(soa.data().minimum().into_duration()),
    )
}

fn merged(v4: &Answered, v6: &Answered) -> Answered {
    match (&v4.answer, &v6.answer) {
        (Answer::Found(four), Answer::Found(six)) => found(
            four.iter().chain(six.iter()).copied().collect(),
            v4.ttl.min(v6.ttl),
        ),
        (Answer::Found(_), _) => v4.clone(),
        (_, Answer::Found(_)) => v6.clone(),
        (Answer::NoSuchName, Answer::NoSuchName) => absent(v4.ttl.min(v6.ttl)),
        _ => Answered::default(),
    }
}

fn found(addresses: Vec<IpAddr>, ttl: Duration) -> Answered {
    let addresses: Arc<[IpAddr]> = addresses.into();
    if addresses.is_empty() {
        absent(ttl)
    } else {
        Answered {
            answer: Answer::Found(addresses),
            ttl,
        }
    }
}

fn absent(ttl: Duration) -> Answered {
    Answered {
        answer: Answer::NoSuchName,
        ttl,
    }
}
