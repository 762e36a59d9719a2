//! Whether a path stays in a folder of a server.

/// The parser has resolved dot segments. A server or a proxy that decodes a path before it looks at
/// it would leave the folder by a slash that is encoded.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| {
        let rest = rest.to_ascii_lowercase();
        !["%2f", "%5c"].iter().any(|slash| rest.contains(slash))
    })
}
