//! One DNS question: to the first server, and to the next ones if it is silent for a while or gives
//! no usable answer.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::net::client::protocol::UdpConnect;
use domain::net::client::request::{RequestMessage, RequestMessageMulti, SendRequest as _};
use domain::net::client::{dgram, stream};
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

type Request = RequestMessage<Vec<u8>>;

/// The time-outs of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After this the same packet is sent once more: it may have been lost.
    resend: Duration,
    /// After this the next server is asked as well.
    next: Duration,
}

impl Patience {
    /// For a look-up with this total time.
    pub(super) fn within(time: Duration) -> Self {
        Self {
            resend: time / 2,
            next: time / 4,
        }
    }
}

/// The first usable answer of any server; `None` if there is none. The caller bounds the time.
pub(super) async fn ask(
    servers: &[SocketAddr],
    name: &Name<Vec<u8>>,
    kind: Rtype,
    patience: Patience,
) -> Option<Message<Bytes>> {
    let request = request(name, kind)?;
    let mut rest = servers.iter();
    let mut asked = FuturesUnordered::new();
    loop {
        match rest.next() {
            Some(server) => asked.push(one(*server, request.clone(), patience)),
            None if asked.is_empty() => return None,
            None => {}
        }
        if let Ok(Some(Some(answer))) = timeout(patience.next, asked.next()).await {
            return Some(answer);
        }
    }
}

fn request(name: &Name<Vec<u8>>, kind: Rtype) -> Option<Request> {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_rd(true);
    let mut message = message.question();
    message.push((name, kind)).ok()?;
    RequestMessage::new(message).ok()
}

/// One server's answer: records, or that there are none.
async fn one(server: SocketAddr, request: Request, patience: Patience) -> Option<Message<Bytes>> {
    let mut config = dgram::Config::new();
    config.set_read_timeout(patience.resend);
    config.set_max_retries(1);
    // Like the C library: old servers reject a question with options as malformed.
    config.set_udp_payload_size(None);
    // A separate socket for each packet, so that nobody can guess the port for a forged answer.
    let packets = dgram::Connection::with_config(UdpConnect::new(server), config);
    let mut answer = packets
        .send_request(request.clone())
        .get_response()
        .await
        .ok()?;
    if answer.header().tc() {
        answer = over_tcp(server, request).await?;
    }
    matches!(answer.header().rcode(), Rcode::NOERROR | Rcode::NXDOMAIN).then_some(answer)
}

async fn over_tcp(server: SocketAddr, request: Request) -> Option<Message<Bytes>> {
    let stream = TcpStream::connect(server).await.ok()?;
    let (connection, transport) =
        stream::Connection::<Request, RequestMessageMulti<Vec<u8>>>::new(stream);
    let mut asked = connection.send_request(request);
    tokio::select! {
        answer = asked.get_response() => answer.ok(),
        () = transport.run() => None,
    }
}
