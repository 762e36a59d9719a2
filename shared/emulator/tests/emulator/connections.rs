//! What the emulator bears of its clients.

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_listen::ConnectionBounds;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::quick;

#[tokio::test]
async fn a_silent_client_and_one_with_a_large_head_are_closed() {
    let connections = ConnectionBounds {
        head_timeout_ms: 300,
        ..ConnectionBounds::default()
    };
    let emulator = Emulator::start(EmulatorConfig {
        connections,
        ..quick()
    })
    .await
    .unwrap();
    let mut silent = TcpStream::connect(emulator.addr()).await.unwrap();
    let mut large = TcpStream::connect(emulator.addr()).await.unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
        "x".repeat(33 * 1024)
    );
    large.write_all(head.as_bytes()).await.unwrap();

    let (mut nothing, mut refusal) = (String::new(), Vec::new());
    silent.read_to_string(&mut nothing).await.unwrap();
    // A reset may follow the answer.
    drop(large.read_to_end(&mut refusal).await);

    assert_eq!(nothing, "");
    assert!(
        refusal.starts_with(b"HTTP/1.1 431"),
        "{}",
        String::from_utf8_lossy(&refusal)
    );
}
