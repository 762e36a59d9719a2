//! Starting and stopping.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

#[tokio::test]
async fn a_server_that_stops_takes_a_running_upload_to_its_end_and_nothing_new() {
    let running = running().await;
    let objects = running.objects.clone();
    let (addr, path) = (running.server.addr(), upload_path(&running, "a.png").await);
    let head = format!(
        "PUT {path} HTTP/1.1\r\nhost: {addr}\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n"
    );
    let mut upload = TcpStream::connect(addr).await.unwrap();
    upload.write_all(head.as_bytes()).await.unwrap();
    let mut more = [0; 25];
    upload.read_exact(&mut more).await.unwrap();
    assert_eq!(&more, b"HTTP/1.1 100 Continue\r\n\r\n");

    let stopping = tokio::spawn(running.server.stop());
    upload.write_all(b"picture").await.unwrap();
    let mut answer = String::new();
    upload.read_to_string(&mut answer).await.unwrap();
    stopping.await.unwrap();

    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(TcpStream::connect(addr).await.is_err());
    assert_eq!(
        std::fs::read(objects.file(BUCKET, "a.png").unwrap().unwrap()).unwrap(),
        b"picture"
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error() {
    let running = running().await;

    let second = S3Server::start(S3Settings {
        objects: running.objects.clone(),
        listen: running.server.addr(),
        access_key: "local".to_owned(),
        secret_key: Secret::new("local-secret"),
        connections: ConnectionBounds::default(),
        downloads_per_bucket_max: 2,
    });

    assert_eq!(
        second.err().map(|error| error.kind()),
        Some(std::io::ErrorKind::AddrInUse)
    );
}
