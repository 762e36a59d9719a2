//! Texts of URLs that not every program reads alike.
//!
//! What is checked here is parsed by the URL standard, as browsers do it
//! (<https://url.spec.whatwg.org/#url-parsing>): it takes a backslash for a slash, skips slashes
//! before the host, and drops tabs and line ends. By RFC 3986 the same text may name another host.

/// Why an http or https URL is not clear; `None` if all programs find the same host in it. It is
/// not normalized instead: that would break the signature of a signed URL.
pub(crate) fn unclear(text: &str) -> Option<&'static str> {
    if text.contains(char::is_control) {
        return Some("contains control characters; percent-encode or remove them");
    }
    if text.contains('\\') {
        return Some("contains a backslash; write %5C for it");
    }
    if text.contains(char::is_whitespace) {
        return Some("contains spaces; write %20 for each, or remove them");
    }
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let Some(rest) = rest
        .strip_prefix("//")
        .filter(|rest| !rest.starts_with('/'))
    else {
        return Some("must start with https:// or http:// and have a host");
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.matches('@').count() > 1 {
        return Some("contains more than one '@' before its path; write %40 within a password");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_which_two_programs_may_find_two_hosts_is_not_clear() {
        for text in [
            "http://127.0.0.1:1\\@127.0.0.2/zz",
            "https:\\\\a.example/",
            "https://a.example\\.b.example/",
            "https://a.example/x\\y",
            "https://a.exa\tmple/",
            "https://a.example/x\n",
            "https://a.example/\0",
            "https://a.example/\u{85}",
            " https://a.example/",
            "https://a.example/x y",
            "https://a.example/x\u{3000}y",
            "https://a.example/x ",
            "https:///a.example/",
            "https:/a.example/",
            "https:a.example/",
            "https:a?b=://c",
            "https://a@b.example@c.example/",
            "https:",
            "",
        ] {
            assert!(unclear(text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_signed_url_and_one_with_letters_of_any_script_are_clear() {
        for text in [
            "https://a.example/x%20y%5Cz.png?X-Amz-Signature=0f&e=a@b@c://d#e",
            "https://user:word@a.example:8443/x",
            "HTTPS://A.Example",
            "http://[2001:db8::1]:8080/@@",
            "https://bücher.example/ü?q=ü",
        ] {
            assert_eq!(unclear(text), None, "{text:?}");
        }
    }
}
