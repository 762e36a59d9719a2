//! The provider's envelope, `{"code":200,"message":"success","data":…}`, and what it means together
//! with the HTTP status.

use fluxgate_core::provider::lenient::{Fields, message, number, text};
use fluxgate_core::provider::{leave_out, told};
use fluxgate_core::secret::Secret;
use reqwest::StatusCode;
use serde_json::Value;

const MESSAGE_CHARS_MAX: usize = 300;

#[derive(Default)]
struct Envelope {
    code: Option<i64>,
    message: String,
    data: Value,
}

impl Envelope {
    /// `None` for a body that is neither an envelope nor a bare prediction.
    fn read(body: &[u8], secrets: &[Secret]) -> Option<Self> {
        let mut whole: Value = serde_json::from_slice(body).ok()?;
        secrets
            .iter()
            .for_each(|secret| leave_out(&mut whole, secret));
        if is_bare_prediction(&whole) {
            return Some(Self {
                data: whole,
                ..Self::default()
            });
        }
        let fields = Fields::of(&whole)?;
        let code = fields.first(&["code"]).map(integer);
        let message = fields
            .first(&["message", "msg"])
            .map(message)
            .unwrap_or_default();
        let data = whole.get_mut("data").map(Value::take).unwrap_or_default();
        // A code that is not a number is meaningless.
        Some(Self {
            code: code.map_or(Some(None), |code| code.map(Some))?,
            message,
            data,
        })
    }
}

/// The provider's webhooks have this form; its responses so far do not.
fn is_bare_prediction(value: &Value) -> bool {
    let Some(fields) = Fields::of(value) else {
        return false;
    };
    let has = |names: &[&str]| fields.first(names).is_some();
    let id = fields.first(&["id"]).and_then(text);
    id.is_some()
        && has(&["status"])
        && has(&["outputs", "urls", "model"])
        && !has(&["data", "message", "msg"])
}

fn integer(value: &Value) -> Option<i64> {
    number(value)
        .filter(|number| number.fract() == 0.0)
        .map(|number| number as i64)
}

/// A response as first-party clients understand it: a `code` other than 200 inside a 200 is also a
/// failure.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Data(Value),
    /// A status of 3xx, 4xx or 5xx; a 4xx may have been the envelope's `code` in a 2xx.
    Status(Refusal),
    /// A 2xx whose envelope has a code that no client knows how to handle.
    Odd {
        code: i64,
    },
    /// A 2xx that is not an envelope.
    Unreadable,
}

#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// The provider's own number (1400, 1401, …), if it gave one.
    pub(super) code: Option<u32>,
    /// As it may be told; empty if the provider gave none.
    pub(super) message: String,
}

impl Answer {
    /// `body` is `None` if it broke off or was too large. The secrets are left out of it.
    pub(super) fn read(status: StatusCode, body: Option<&[u8]>, secrets: &[Secret]) -> Self {
        let envelope = body.and_then(|body| Envelope::read(body, secrets));
        if !status.is_success() {
            return Self::Status(Refusal::new(status.as_u16(), &envelope.unwrap_or_default()));
        }
        match envelope {
            None => Self::Unreadable,
            Some(Envelope {
                code: None | Some(200),
                data,
                ..
            }) if !data.is_null() => Self::Data(data),
            Some(Envelope {
                code: None | Some(200),
                ..
            }) => Self::Unreadable,
            Some(envelope) => Self::of_code(&envelope),
        }
    }

    fn of_code(envelope: &Envelope) -> Self {
        match envelope.code.map(u16::try_from) {
            Some(Ok(status @ 400..=499)) => Self::Status(Refusal::new(status, envelope)),
            _ => Self::Odd {
                code: envelope.code.unwrap_or_default(),
            },
        }
    }
}

impl Refusal {
    fn new(status: u16, envelope: &Envelope) -> Self {
        let code = envelope
            .code
            .and_then(|code| u32::try_from(code).ok())
            .filter(|code| (1000..6000).contains(code));
        Self {
            status,
            code,
            message: told(&envelope.message, MESSAGE_CHARS_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Answer {
        Answer::read(
            StatusCode::from_u16(status).unwrap(),
            Some(body.as_bytes()),
            &[],
        )
    }

    fn refusal(status: u16, code: Option<u32>, message: &str) -> Answer {
        Answer::Status(Refusal {
            status,
            code,
            message: message.to_owned(),
        })
    }

    #[test]
    fn a_4xx_code_under_200_counts_as_that_status() {
        assert_eq!(
            read(200, r#"{"code":429,"message":"slow down"}"#),
            refusal(429, None, "slow down")
        );
    }

    #[test]
    fn a_code_that_is_neither_200_nor_4xx_under_200_is_odd() {
        for code in [0, -1, 201, 302, 500, 1401, 70_000] {
            assert_eq!(
                read(200, &format!(r#"{{"code":{code},"data":{{}}}}"#)),
                Answer::Odd { code }
            );
        }
    }

    #[test]
    fn a_200_without_data_is_unreadable() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"code":200,"data":null}"#,
            r#"{"code":"ok","data":{}}"#,
            "[]",
            r#"[200,"",{}]"#,
        ] {
            assert_eq!(read(200, body), Answer::Unreadable, "{body:?}");
        }
    }

    #[test]
    fn an_envelope_is_read_whatever_the_types_of_its_fields() {
        let id = || Answer::Data(serde_json::json!({"id": "a"}));

        for code in [
            r#""code":200,"#,
            r#""code":"200","#,
            r#""code":200.0,"#,
            r#""code":null,"#,
            "",
        ] {
            assert_eq!(
                read(
                    200,
                    &format!(r#"{{{code}"message":{{"text":1}},"data":{{"id":"a"}}}}"#)
                ),
                id(),
                "{code}"
            );
        }
        assert_eq!(
            read(400, r#"{"code":"1400","message":{"message":"no prompt"}}"#),
            refusal(400, Some(1400), "no prompt")
        );
        assert_eq!(
            read(200, r#"{"code":"429","message":null}"#),
            refusal(429, None, "")
        );
    }

    #[test]
    fn a_prediction_without_its_envelope_is_read_and_a_refusal_with_an_id_is_not_taken_for_one() {
        let bare = r#"{"id":"a","status":"created","outputs":[]}"#;

        assert_eq!(
            read(200, bare),
            Answer::Data(serde_json::from_str(bare).unwrap())
        );
        assert_eq!(
            read(
                200,
                r#"{"id":"request","status":"error","code":500,"message":"x"}"#
            ),
            Answer::Odd { code: 500 }
        );
    }

    #[test]
    fn a_provider_s_text_is_one_bounded_line() {
        let long = "x ".repeat(999);

        assert_eq!(
            read(400, r#"{"code":1400,"message":" a\n\tb\u0000c "}"#),
            refusal(400, Some(1400), "a b c")
        );
        assert_eq!(
            read(400, &format!(r#"{{"message":"{long}"}}"#)),
            refusal(400, None, &long[..300])
        );
        assert_eq!(
            read(502, "<html>bad gateway</html>"),
            refusal(502, None, "")
        );
    }
}
