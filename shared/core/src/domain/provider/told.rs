//! What the provider says in words, before anybody reads it: one bounded line, in which secrets of
//! ours and whatever may be one are left out.

use serde_json::Value;

use crate::base::secret::Secret;
use crate::base::unprintable::is_unprintable;

/// What stands where something was left out.
const LEFT_OUT: &str = "…";
/// A development key shorter than this could be part of any sentence.
const SECRET_BYTES_MIN: usize = 8;
/// A run's id has 32 characters, a UUID 36; the provider's keys have more. This also leaves out a
/// key in a process that does not know it, and one that was rotated.
const WORD_CHARS_MAX: usize = 36;

/// Leaves a secret out of every text in the value.
pub fn leave_out(value: &mut Value, secret: &Secret) {
    let secret = secret.expose();
    if secret.len() >= SECRET_BYTES_MIN {
        leave_out_of(value, secret);
    }
}

fn leave_out_of(value: &mut Value, secret: &str) {
    match value {
        Value::String(text) if text.contains(secret) => *text = text.replace(secret, LEFT_OUT),
        Value::Array(values) => values.iter_mut().for_each(|one| leave_out_of(one, secret)),
        Value::Object(fields) => fields
            .values_mut()
            .for_each(|one| leave_out_of(one, secret)),
        _ => {}
    }
}

/// One line of at most so many characters. URLs lose their query, which may be a signature, and
/// words that are as long as a key are left out.
pub fn told(text: &str, chars_max: usize) -> String {
    let words = text.split(|c: char| is_unprintable(c) || c.is_whitespace());
    let words = words.filter(|word| !word.is_empty());
    let line: Vec<String> = words.map(told_word).collect();
    line.join(" ").chars().take(chars_max).collect()
}

/// What has no space in it; in JSON that may be several texts.
fn told_word(word: &str) -> String {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`' | '<' | '>');
    let mut told = String::with_capacity(word.len());
    for part in word.split_inclusive(is_quote) {
        let text = part.strip_suffix(is_quote).unwrap_or(part);
        let (text, query) = without_query(text);
        tell_short(text, &mut told);
        told.push_str(query);
        told.extend(part.chars().next_back().filter(|c| is_quote(*c)));
    }
    told
}

fn without_query(text: &str) -> (&str, &str) {
    let is_url = text.contains("://");
    match text.split_once('?') {
        Some((url, query)) if is_url || query.contains('=') => (url, "?…"),
        _ => (text, ""),
    }
}

fn tell_short(text: &str, told: &mut String) {
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '=');
    for part in text.split_inclusive(|c: char| !is_of_key(c)) {
        let word = part.strip_suffix(|c: char| !is_of_key(c)).unwrap_or(part);
        let is_long = word.len() > WORD_CHARS_MAX;
        told.push_str(if is_long { LEFT_OUT } else { word });
        told.push_str(&part[word.len()..]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_left_out_of_every_text_and_a_short_one_is_no_secret() {
        let value = json!({ "error": "KEY wsk_0123, wsk_0123", "all": [{ "a": "wsk_0123" }, 7] });
        let (mut without, mut same) = (value.clone(), value.clone());

        leave_out(&mut without, &Secret::new("wsk_0123"));
        leave_out(&mut same, &Secret::new("wsk_012"));

        assert_eq!(
            without,
            json!({ "error": "KEY …, …", "all": [{ "a": "…" }, 7] })
        );
        assert_eq!(same, value);
    }

    #[test]
    fn a_url_loses_its_query_and_a_word_as_long_as_a_key_is_left_out() {
        let (id, key) = ("0f3c".repeat(8), "4d".repeat(32));
        for (text, expected) in [
            ("why? no prompt=…", "why? no prompt=…".to_owned()),
            (
                "http://a.example/s?sig=SIG, then",
                "http://a.example/s?… then".to_owned(),
            ),
            (
                r#"{"url":"https://a.example/?S","n":1}"#,
                r#"{"url":"https://a.example/?…","n":1}"#.to_owned(),
            ),
            ("at /s?X-Amz-Signature=0f&x=1", "at /s?…".to_owned()),
            (
                &format!("run {id}: https://a.example/{id}/1.png"),
                format!("run {id}: https://a.example/{id}/1.png"),
            ),
            (
                &format!("(key={key}) Bearer:{key}"),
                "(…) Bearer:…".to_owned(),
            ),
            (" a\n\tb\u{0}c ", "a b c".to_owned()),
            ("\u{202e}ü", "ü".to_owned()),
        ] {
            assert_eq!(told(text, 99), expected);
        }
        assert_eq!(told("ab cd", 4), "ab c");
    }
}
