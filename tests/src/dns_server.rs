//! A DNS server on loopback that answers as configured: with addresses, with a truncated answer,
//! late, or not at all.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::watch;

/// Names that end like this are never answered.
pub const SILENT: &str = ".silent.example";

const A: u16 = 1;
const AAAA: u16 = 28;
const HEADER_BYTES: usize = 12;

#[derive(Clone)]
pub struct DnsServer {
    addr: SocketAddr,
    book: Arc<Mutex<Book>>,
    held: watch::Sender<bool>,
}

#[derive(Default)]
struct Book {
    names: HashMap<String, Name>,
    asked: Vec<Question>,
}

#[derive(Default)]
struct Name {
    /// One after the other, the last for ever.
    answers: VecDeque<Vec<IpAddr>>,
    ttl: u32,
    truncated: bool,
    ipv6_is_silent: bool,
}

#[derive(Clone)]
struct Question {
    name: String,
    kind: u16,
}

impl DnsServer {
    pub async fn start() -> Self {
        let (packets, listener) = loop {
            let packets = UdpSocket::bind(("127.0.0.1", 0))
                .await
                .expect("a free port");
            let addr = packets.local_addr().expect("a bound port");
            if let Ok(listener) = TcpListener::bind(addr).await {
                break (packets, listener);
            }
        };
        let addr = packets.local_addr().expect("a bound port");
        let server = Self {
            addr,
            book: Arc::default(),
            held: watch::Sender::new(false),
        };
        tokio::spawn(server.clone().answer_packets(Arc::new(packets)));
        tokio::spawn(server.clone().answer_streams(listener));
        server
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// From now on the name has this address, good for so many seconds.
    pub fn set(&self, name: &str, address: &str, ttl: u32) {
        self.set_in_turn(name, &[address], ttl);
    }

    /// The same with another address for each question about IPv4; the last one stays.
    pub fn set_in_turn(&self, name: &str, addresses: &[&str], ttl: u32) {
        let answers = addresses
            .iter()
            .map(|address| vec![address.parse().expect("an address")])
            .collect();
        self.lock().names.insert(
            name.to_owned(),
            Name {
                answers,
                ttl,
                ..Name::default()
            },
        );
    }

    /// The name's answers do not fit into a packet: they have to be asked for by TCP.
    pub fn truncate(&self, name: &str) {
        self.lock()
            .names
            .get_mut(name)
            .expect("the name was set")
            .truncated = true;
    }

    /// Questions about the name's IPv6 addresses are not answered.
    pub fn silence_ipv6(&self, name: &str) {
        self.lock()
            .names
            .get_mut(name)
            .expect("the name was set")
            .ipv6_is_silent = true;
    }

    /// While held, it listens and does not answer.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// How often the name's IPv4 addresses were asked for.
    pub fn asked(&self, name: &str) -> usize {
        let book = self.lock();
        book.asked
            .iter()
            .filter(|question| question.name == name && question.kind == A)
            .count()
    }

    /// How many of the unanswered names were asked for.
    pub fn silent_names(&self) -> usize {
        let book = self.lock();
        let silent = book
            .asked
            .iter()
            .map(|question| &question.name)
            .filter(|name| name.ends_with(SILENT));
        silent.collect::<HashSet<_>>().len()
    }

    async fn answer_packets(self, packets: Arc<UdpSocket>) {
        let mut packet = vec![0; 1500];
        while let Ok((length, from)) = packets.recv_from(&mut packet).await {
            let (server, packets, request) = (
                self.clone(),
                Arc::clone(&packets),
                packet[..length].to_vec(),
            );
            tokio::spawn(async move {
                if let Some(answer) = server.answer(&request, true).await {
                    packets
                        .send_to(&answer, from)
                        .await
                        .expect("loopback takes a packet");
                }
            });
        }
    }

    async fn answer_streams(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().answer_stream(stream));
        }
    }

    async fn answer_stream(self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let mut request = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut request).await?;
            if let Some(answer) = self.answer(&request, false).await {
                stream
                    .write_u16(u16::try_from(answer.len()).expect("an answer is short"))
                    .await?;
                stream.write_all(&answer).await?;
            }
        }
    }

    async fn answer(&self, request: &[u8], by_packet: bool) -> Option<Vec<u8>> {
        let (question, end) = Question::read(request);
        self.lock().asked.push(question.clone());
        self.held.subscribe().wait_for(|held| !held).await.ok()?;
        self.lock().answer(&question, &request[..end], by_packet)
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book
            .lock()
            .expect("no code panics while it holds the book")
    }
}

impl Question {
    /// With where it ends in the message.
    fn read(request: &[u8]) -> (Self, usize) {
        let mut labels = Vec::new();
        let mut at = HEADER_BYTES;
        while request[at] > 0 {
            let length = usize::from(request[at]);
            labels
                .push(String::from_utf8_lossy(&request[at + 1..=at + length]).to_ascii_lowercase());
            at += length + 1;
        }
        let number = |at: usize| u16::from_be_bytes([request[at], request[at + 1]]);
        (
            Self {
                name: labels.join("."),
                kind: number(at + 1),
            },
            at + 5,
        )
    }
}

impl Book {
    /// `None`: nothing is said.
    fn answer(&mut self, question: &Question, asked: &[u8], by_packet: bool) -> Option<Vec<u8>> {
        if question.name.ends_with(SILENT) {
            return None;
        }
        let Some(name) = self.names.get_mut(&question.name) else {
            return Some(message(asked, 0x8183, &[], 0));
        };
        if question.kind == AAAA && name.ipv6_is_silent {
            return None;
        }
        if name.truncated && by_packet {
            return Some(message(asked, 0x8380, &[], 0));
        }
        if question.kind != A {
            return Some(message(asked, 0x8180, &[], 0));
        }
        let last = name.answers.len() == 1;
        let addresses = if last {
            name.answers.front().cloned()
        } else {
            name.answers.pop_front()
        };
        Some(message(
            asked,
            0x8180,
            &addresses.unwrap_or_default(),
            name.ttl,
        ))
    }
}

/// The question again, and IPv4 addresses for its name.
fn message(asked: &[u8], flags: u16, addresses: &[IpAddr], ttl: u32) -> Vec<u8> {
    let mut message = asked[..2].to_vec();
    message.extend(flags.to_be_bytes());
    let count = u16::try_from(addresses.len()).expect("an answer is short");
    for number in [1, count, 0, 0] {
        message.extend(number.to_be_bytes());
    }
    message.extend(&asked[HEADER_BYTES..]);
    for address in addresses {
        let IpAddr::V4(address) = address else {
            panic!("the server knows IPv4 addresses only")
        };
        message.extend([0xC0, 12, 0, 1, 0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend([0, 4]);
        message.extend(address.octets());
    }
    message
}
