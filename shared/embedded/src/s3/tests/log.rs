//! What the server logs, and what it never logs.

use std::io;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tracing::dispatcher::set_default;
use tracing::{Dispatch, Level};
use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

// One thread: the subscriber of the test is also the server's. No AWS client while it records: that
// client logs a lot.
#[tokio::test]
async fn a_request_leaves_nothing_in_the_log_but_what_this_machine_is_to_blame_for() {
    let folder = tempfile::tempdir().unwrap();
    let lines = Lines::default();
    let writer = lines.clone();
    let log: Dispatch = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_writer(writer)
        .finish()
        .into();
    let listening = set_default(&log);
    let objects = objects(&folder);
    let server = start(&objects);
    drop(listening);
    create_bucket(folder.path(), BUCKET).unwrap();
    let client = client(&server, "local", "local-secret");
    let running = Running {
        folder,
        objects,
        server,
        client,
    };
    let path = upload_path(&running, "a.png").await;

    let _listening = set_default(&log);
    assert!(put(&running, &path).await.contains(" 200 OK"));
    assert!(
        put(&running, &path.replace("a.png", "b.png"))
            .await
            .contains(" 403 Forbidden")
    );
    let files = running.folder.path().join(".fluxgate/objects");
    std::fs::remove_dir_all(&files).unwrap();
    std::fs::write(&files, "in the way").unwrap();
    assert!(
        put(&running, &path)
            .await
            .contains(" 500 Internal Server Error")
    );

    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(
        lines
            .matches("the folder of objects could not be read or written")
            .count(),
        1,
        "{lines}"
    );
    assert!(
        !lines.contains("X-Amz-") && !lines.contains("local-secret") && !lines.contains(".png"),
        "{lines}"
    );
}

async fn put(running: &Running, path: &str) -> String {
    let addr = running.server.addr();
    let request = format!(
        "PUT {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\ncontent-length: 7\r\n\r\npicture"
    );
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
