//! Takes secrets out of what the audit log records: whatever is about to be written there, and
//! whatever an earlier release wrote.

use serde_json::{Map, Value};
use url::Url;

/// What stands in place of a secret.
const REDACTED: &str = "[redacted]";
/// Names of fields that hold a secret, whole or as the end of a longer name.
const SECRET_NAMES: [&str; 10] = [
    "secret",
    "token",
    "password",
    "passphrase",
    "authorization",
    "api_key",
    "private_key",
    "secret_key",
    "access_key",
    "external_id",
];
/// The private members of a JSON Web Key (RFC 7518, section 6).
const JWK_PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// How our own secrets, and those of a JWT and of a header, begin.
const SECRET_STARTS: [&str; 4] = ["whsec_", "whsk_", "fga_", "eyJ"];

/// The same without secrets: fields that are named for one, values of headers, private parts of
/// keys, and of a URL its user, its password, its query and its fragment.
#[must_use]
pub fn redacted(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(redacted_fields(fields)),
        Value::Array(values) => values.into_iter().map(redacted).collect(),
        Value::String(text) => Value::String(redacted_text(&text)),
        other => other,
    }
}

fn redacted_fields(fields: Map<String, Value>) -> Map<String, Value> {
    let is_key = fields.contains_key("kty");
    let field = |(name, value): (String, Value)| {
        let value = match name.to_ascii_lowercase().as_str() {
            _ if value.is_null() => value,
            lower if is_secret(lower) => REDACTED.into(),
            lower if is_key && JWK_PRIVATE.contains(&lower) => REDACTED.into(),
            "headers" => hidden_values(value),
            _ => redacted(value),
        };
        (name, value)
    };
    fields.into_iter().map(field).collect()
}

fn is_secret(name: &str) -> bool {
    SECRET_NAMES.iter().any(|secret| {
        let rest = name.strip_suffix(secret);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-']))
    })
}

/// A receiver's own headers often authenticate the caller.
fn hidden_values(headers: Value) -> Value {
    match headers {
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, _)| (name, Value::from(REDACTED)))
            .collect(),
        other => redacted(other),
    }
}

fn redacted_text(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(redacted_word).collect();
    words.join(" ")
}

fn redacted_word(word: &str) -> String {
    let is_ours = SECRET_STARTS.iter().any(|start| word.starts_with(start));
    if is_ours {
        return REDACTED.to_owned();
    }
    match Url::parse(word) {
        Ok(url) if url.has_host() => without_secrets(url, word),
        _ => word.to_owned(),
    }
}

fn without_secrets(mut url: Url, word: &str) -> String {
    let has_user = !url.username().is_empty() || url.password().is_some();
    if !has_user && url.query().is_none() && url.fragment().is_none() {
        return word.to_owned();
    }
    // Only a URL without a host refuses these.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_secret_is_left_wherever_it_stands() {
        let key = json!({ "kty": "RSA", "kid": "1", "n": "public", "d": "S3CRET", "p": "S3CRET" });
        let told = redacted(json!({
            "webhook_secret": "S3CRET",
            "trust": [{ "issuer": "https://user:S3CRET@id.example/x?key=S3CRET#S3CRET",
                        "keys": { "jwks": { "keys": [key, { "kty": "oct", "k": "S3CRET" }] } } }],
            "headers": { "X-Receiver": "S3CRET" },
            "role": { "arn": "arn:aws:iam::210987654321:role/x", "external_id": "S3CRET" },
            "store": { "access_key": "S3CRET", "Authorization": "Bearer S3CRET" },
            "reason": "see https://wiki.example/x?t=S3CRET and whsec_S3CRET or eyJ.S3CRET.x",
        }));

        assert!(!told.to_string().contains("S3CRET"), "{told}");
        assert_eq!(told["trust"][0]["issuer"], "https://id.example/x");
        assert_eq!(told["trust"][0]["keys"]["jwks"]["keys"][0]["n"], "public");
        assert_eq!(told["role"]["arn"], "arn:aws:iam::210987654321:role/x");
        assert_eq!(told["headers"], json!({ "X-Receiver": "[redacted]" }));
        assert!(
            told["reason"]
                .as_str()
                .unwrap()
                .starts_with("see https://wiki.example/x and [redacted]")
        );
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let told = json!({
            "bucket": "acme", "old_secrets_sign_until": "2026-01-01T00:00:00Z", "d": 5,
            "issuer": "https://id.example", "urn": "urn:fluxgate:local", "webhook_secret": null,
            "limits": { "tasks_in_flight": 3 }, "tokens": 7,
        });

        assert_eq!(redacted(told.clone()), told);
    }
}
