//! Names that a host can have.

/// RFC 1123, section 2.1, with the underscores that some name servers have, and the dot at the end
/// that DNS allows.
pub(crate) fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// What is said of one that is none.
pub(crate) const NO_HOST_NAME: &str =
    "names a host that cannot be: labels of 1 to 63 letters, digits and inner hyphens, 253 in all";
