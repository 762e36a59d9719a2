//! Just enough of HTTP/1.1 to send what was written before and to find the end of an answer.

use anyhow::{Context as _, Result, bail};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// No answer and no callback is larger.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";
/// Of a body in chunks.
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// What one connection has read.
#[derive(Default)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    filled: usize,
}

/// The head and the body of one message.
pub(super) struct Message<'a> {
    pub(super) head: &'a [u8],
    pub(super) body: &'a [u8],
}

impl Incoming {
    /// The next message; `None` where the other side hung up instead. Nothing may follow it: each
    /// side waits for the other.
    pub(super) async fn read(&mut self, stream: &mut TcpStream) -> Result<Option<Message<'_>>> {
        self.filled = 0;
        let mut head_bytes = None;
        loop {
            if self.filled == self.buffer.len() {
                if self.filled > MESSAGE_BYTES_MAX {
                    bail!("a message is too long");
                }
                self.buffer.resize(self.filled + 4096, 0);
            }
            let count = stream.read(&mut self.buffer[self.filled..]).await?;
            if count == 0 {
                return match self.filled {
                    0 => Ok(None),
                    _ => bail!("a connection was closed within a message"),
                };
            }
            self.filled += count;
            let read = &self.buffer[..self.filled];
            head_bytes = head_bytes.or_else(|| position(read, HEAD_END));
            if let Some(end) = head_bytes.filter(|end| is_whole(read, *end)) {
                let (head, body) = self.buffer[..self.filled].split_at(end);
                let body = &body[HEAD_END.len()..];
                return Ok(Some(Message { head, body }));
            }
        }
    }
}

impl Message<'_> {
    pub(super) fn status(&self) -> Result<u16> {
        let digits = self.head.get(9..12).context("an answer has no status")?;
        Ok(std::str::from_utf8(digits)?.parse()?)
    }

    /// The first text called `id` within `data`.
    pub(super) fn id_in_data(&self) -> Option<&str> {
        let data = after(self.body, b"\"data\":{")?;
        let id = after(data, b"\"id\":\"")?;
        let end = id.iter().position(|byte| *byte == b'"')?;
        std::str::from_utf8(&id[..end]).ok()
    }
}

/// Whether the body is complete behind a head of so many bytes.
fn is_whole(read: &[u8], head_bytes: usize) -> bool {
    let body = read.len() - head_bytes - HEAD_END.len();
    match length(&read[..head_bytes]) {
        Some(length) => body >= length,
        None => read.ends_with(LAST_CHUNK) || body == 0 && !is_chunked(&read[..head_bytes]),
    }
}

fn length(head: &[u8]) -> Option<usize> {
    let line = header(head, b"content-length:")?;
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}

fn is_chunked(head: &[u8]) -> bool {
    header(head, b"transfer-encoding:").is_some()
}

fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        start.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn after<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    position(text, word).map(|at| &text[at + word.len()..])
}

fn position(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_whole_once_all_that_its_head_announces_has_come() {
        let whole = |text: &str| {
            let read = text.as_bytes();
            position(read, HEAD_END).is_some_and(|end| is_whole(read, end))
        };

        assert!(whole("HTTP/1.1 204 No Content\r\nserver: x\r\n\r\n"));
        assert!(whole("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        assert!(!whole("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(!whole(chunked));
        assert!(!whole(&format!("{chunked}2\r\nok\r\n")));
        assert!(whole(&format!("{chunked}2\r\nok\r\n0\r\n\r\n")));
    }

    #[test]
    fn a_task_s_id_is_read_where_the_data_is() {
        let message = Message {
            head: b"HTTP/1.1 200 OK",
            body: br#"{"id":"evt","data":{"model":"a","id":"t1"}}"#,
        };

        assert_eq!(message.status().unwrap(), 200);
        assert_eq!(message.id_in_data(), Some("t1"));
    }
}
