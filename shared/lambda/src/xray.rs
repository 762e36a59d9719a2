//! The trace that the platform keeps of an invocation.
//!
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>

/// The trace's id in X-Ray, if the platform keeps this one.
pub(crate) fn sampled(header: &str) -> Option<&str> {
    let mut parts = header.split(';').filter_map(|part| part.split_once('='));
    let is_kept = parts.clone().any(|part| part == ("Sampled", "1"));
    let root = parts.find(|(name, _)| *name == "Root");
    root.map(|(_, id)| id).filter(|_| is_kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_named_where_it_is_kept() {
        let root = "1-5e1b4151-5ac6c58f3375aa3c7c6b73c9";

        let header = format!("Root={root};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0");
        assert_eq!(sampled(&header), Some(root));
        for other in [
            format!("Root={root};Sampled=0"),
            format!("Root={root}"),
            String::new(),
        ] {
            assert_eq!(sampled(&other), None, "{other}");
        }
    }
}
