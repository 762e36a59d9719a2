//! SHA-256: of bytes at once, of a stream, and of JSON regardless of key order.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

/// A SHA-256 digest.
pub type Sha256 = [u8; 32];

/// Digests a stream of bytes.
#[derive(Clone)]
pub struct RunningSha256(Context);

impl Default for RunningSha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl RunningSha256 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(self) -> Sha256 {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.0.finish().as_ref());
        digest
    }
}

pub fn sha256(bytes: &[u8]) -> Sha256 {
    let mut running = RunningSha256::default();
    running.update(bytes);
    running.finish()
}

/// Adds a JSON value to a digest. Objects are sorted by key, and every part is prefixed with its
/// kind and length, so that only equal values have equal digests.
pub fn update_json(running: &mut RunningSha256, value: &Value) {
    match value {
        Value::Object(map) => {
            running.update(format!("o{};", map.len()).as_bytes());
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            for key in keys {
                update_text(running, 'k', key);
                update_json(running, &map[key]);
            }
        }
        Value::Array(items) => {
            running.update(format!("a{};", items.len()).as_bytes());
            items.iter().for_each(|item| update_json(running, item));
        }
        Value::String(text) => update_text(running, 's', text),
        other => update_text(running, 'v', &other.to_string()),
    }
}

fn update_text(running: &mut RunningSha256, kind: char, text: &str) {
    running.update(format!("{kind}{};", text.len()).as_bytes());
    running.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: &Value) -> Sha256 {
        let mut running = RunningSha256::default();
        update_json(&mut running, value);
        running.finish()
    }

    #[test]
    fn equal_json_digests_alike_and_different_json_does_not() {
        assert_eq!(
            of(&json!({"a": 1, "b": [true]})),
            of(&serde_json::from_str(r#"{"b":[true],"a":1}"#).unwrap())
        );
        assert_ne!(of(&json!({"a": "1"})), of(&json!({"a": 1})));
        assert_ne!(of(&json!(["ab", "c"])), of(&json!(["a", "bc"])));
    }
}
