//! Which names may be meant by one that is none of them.

/// How much of two names must agree for one to be taken for a slip of the other.
const LIKENESS_MIN: f64 = 0.75;

/// Those that are most like the name, the likest first, and of two equals the first by the
/// alphabet.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let likeness = |other: &str| strsim::normalized_damerau_levenshtein(name, other);
    let mut near: Vec<(f64, &str)> = known
        .into_iter()
        .map(|other| (likeness(other), other))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .collect();
    near.sort_by(|(a, a_name), (b, b_name)| b.total_cmp(a).then_with(|| a_name.cmp(b_name)));
    near.into_iter().map(|(_, name)| name).collect()
}
