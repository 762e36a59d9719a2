//! The vendor's envelope, `{"code":200,"message":"success","data":…}`, and what an HTTP answer says together with it.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

const MESSAGE_CHARS_MAX: usize = 300;
/// A development key shorter than this may be part of any sentence.
const SECRET_BYTES_MIN: usize = 8;

#[derive(Default, Deserialize)]
struct Envelope {
    code: Option<i64>,
    message: Option<String>,
    #[serde(default)]
    data: Value,
}

/// An answer as first-party clients understand it: a `code` other than 200 inside a 200 is a failure too.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Data(Value),
    /// A status of 3xx, 4xx or 5xx; a 4xx may have come as the envelope's `code` under 2xx.
    Status(Refusal),
    /// A 2xx whose envelope names a code that no client knows how to take.
    Odd {
        code: i64,
    },
    /// A 2xx that is no envelope.
    Unreadable,
}

#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The vendor's own number (1400, 1401, …) where it gave one.
    pub(super) code: Option<u32>,
    /// One line, bounded; empty when the vendor gave none.
    pub(super) message: String,
}

impl Answer {
    /// `body` is `None` when it broke off or was too large.
    pub(super) fn read(status: StatusCode, body: Option<&[u8]>) -> Self {
        let envelope = body.and_then(|body| serde_json::from_slice::<Envelope>(body).ok());
        if !status.is_success() {
            return Self::Status(Refusal::new(status.as_u16(), envelope.unwrap_or_default()));
        }
        match envelope {
            None => Self::Unreadable,
            Some(Envelope { code: None | Some(200), data, .. }) if !data.is_null() => Self::Data(data),
            Some(Envelope { code: None | Some(200), .. }) => Self::Unreadable,
            Some(envelope) => Self::of_code(envelope),
        }
    }

    /// The same answer without the words of a refusal that quotes this secret.
    pub(super) fn without(mut self, secret: &str) -> Self {
        if let Self::Status(refusal) = &mut self
            && secret.len() >= SECRET_BYTES_MIN
            && refusal.message.contains(secret)
        {
            refusal.message.clear();
        }
        self
    }

    fn of_code(envelope: Envelope) -> Self {
        match envelope.code.map(u16::try_from) {
            Some(Ok(status @ 400..=499)) => Self::Status(Refusal::new(status, envelope)),
            _ => Self::Odd { code: envelope.code.unwrap_or_default() },
        }
    }
}

impl Refusal {
    fn new(status: u16, envelope: Envelope) -> Self {
        let code = envelope.code.and_then(|code| u32::try_from(code).ok()).filter(|code| (1000..6000).contains(code));
        Self { status, code, message: one_line(&envelope.message.unwrap_or_default()) }
    }
}

fn one_line(text: &str) -> String {
    let line = text.split(char::is_control).flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    line.chars().take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Answer {
        Answer::read(StatusCode::from_u16(status).unwrap(), Some(body.as_bytes()))
    }

    fn refusal(status: u16, code: Option<u32>, message: &str) -> Answer {
        Answer::Status(Refusal { status, code, message: message.to_owned() })
    }

    #[test]
    fn a_4xx_code_under_200_counts_as_that_status() {
        assert_eq!(read(200, r#"{"code":429,"message":"slow down"}"#), refusal(429, None, "slow down"));
    }

    #[test]
    fn a_code_that_is_neither_200_nor_4xx_under_200_is_odd() {
        for code in [0, -1, 201, 302, 500, 1401, 70_000] {
            assert_eq!(read(200, &format!(r#"{{"code":{code},"data":{{}}}}"#)), Answer::Odd { code });
        }
    }

    #[test]
    fn a_200_without_data_is_unreadable() {
        for body in ["", "<html>", "{}", r#"{"code":200,"data":null}"#, r#"{"code":"200","data":{}}"#, "[]"] {
            assert_eq!(read(200, body), Answer::Unreadable, "{body:?}");
        }
    }

    #[test]
    fn a_vendor_s_text_is_one_bounded_line() {
        let long = "x".repeat(999);

        assert_eq!(read(400, r#"{"code":1400,"message":" a\n\tb\u0000c "}"#), refusal(400, Some(1400), "a b c"));
        assert_eq!(read(400, &format!(r#"{{"message":"{long}"}}"#)), refusal(400, None, &long[..300]));
        assert_eq!(read(502, "<html>bad gateway</html>"), refusal(502, None, ""));
    }
}
