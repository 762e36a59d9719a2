//! Names from earlier releases, so that an error can give the new one.

/// Former and current parts of flags, variables and settings.
const RENAMED: [(&str, &str); 2] = [("upstream", "provider"), ("UPSTREAM", "PROVIDER")];

/// The current name, if this is a former one.
pub(crate) fn renamed(name: &str) -> Option<String> {
    let (before, now) = RENAMED.iter().find(|(before, _)| name.contains(before))?;
    Some(name.replace(before, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_an_earlier_release_is_told_its_new_one() {
        assert_eq!(
            renamed("--upstream-concurrency").as_deref(),
            Some("--provider-concurrency")
        );
        assert_eq!(
            renamed("FLUXGATE_UPSTREAM").as_deref(),
            Some("FLUXGATE_PROVIDER")
        );
        assert_eq!(renamed("--listen"), None);
    }
}
