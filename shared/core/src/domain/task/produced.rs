//! What a run produced, and where it is.

use super::unarchived::ProviderLink;
use super::{Output, State, Task};

/// One output of a completed task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Produced<'a> {
    /// In the tenant's bucket.
    Archived(&'a Output),
    /// Only at the provider.
    AtProvider(&'a ProviderLink),
}

impl Task {
    /// The outputs of a completed task, in the order in which the run produced them.
    pub fn produced(&self) -> impl Iterator<Item = Produced<'_>> {
        let (mut archived, mut links) = (self.outputs.iter(), self.links().iter().peekable());
        (0..self.outputs_made()).filter_map(move |n| match links.next_if(|link| link.n == n) {
            Some(link) => Some(Produced::AtProvider(link)),
            None => archived.next().map(Produced::Archived),
        })
    }

    /// The outputs of a completed task that are only at the provider.
    pub fn links(&self) -> &[ProviderLink] {
        self.unarchived
            .as_ref()
            .map_or(&[], |unarchived| &unarchived.links)
    }

    /// Number of outputs that the run produced.
    pub fn outputs_made(&self) -> usize {
        match (&self.deleted, self.state) {
            (Some(deleted), _) => deleted.outputs_made,
            (None, State::Archiving) => self.sources.len(),
            _ => self.outputs.len() + self.links().len(),
        }
    }

    /// The outputs still to be copied, each with its index in the run's outputs: of a finished run,
    /// or of a task that completed without them.
    pub fn to_copy(&self) -> Vec<(usize, &str)> {
        match self.state {
            State::Archiving => {
                let is_missing = |n: usize| !self.copied.iter().any(|copied| copied.n == n);
                let sources = self.sources.iter().map(String::as_str).enumerate();
                sources.filter(|(n, _)| is_missing(*n)).collect()
            }
            State::Completed => self
                .links()
                .iter()
                .map(|link| (link.n, link.url.as_str()))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// True while fresh links must be requested from the provider before anything can be copied.
    pub fn waits_for_links(&self) -> bool {
        !self.to_copy().is_empty() && self.stale.is_some_and(|stale| stale.fresh_at.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Copied, Unarchived};
    use super::*;
    use crate::base::time::Timestamp;
    use crate::domain::metering::usage::cursor::tests::task;

    fn output(key: &str) -> Output {
        let (bucket, sha256, content_type) =
            ("b".to_owned(), String::new(), "image/png".to_owned());
        Output {
            bucket,
            key: key.to_owned(),
            sha256,
            bytes: 1,
            content_type,
            ..Output::default()
        }
    }

    fn link(n: usize) -> ProviderLink {
        ProviderLink {
            n,
            url: format!("https://cdn.example/{n}"),
        }
    }

    #[test]
    fn what_was_produced_is_in_the_order_of_the_run() {
        let unarchived = Unarchived {
            reason: "bucket_denied".to_owned(),
            message: String::new(),
            links: vec![link(0), link(2)],
            expires_at: Timestamp(9),
            asked_at: None,
        };
        let mixed = Task {
            outputs: vec![output("1"), output("3")],
            unarchived: Some(unarchived),
            ..task(1, State::Completed)
        };

        let names: Vec<String> = mixed
            .produced()
            .map(|produced| match produced {
                Produced::Archived(output) => output.key.clone(),
                Produced::AtProvider(link) => link.url.clone(),
            })
            .collect();

        assert_eq!(
            names,
            ["https://cdn.example/0", "1", "https://cdn.example/2", "3"]
        );
        assert_eq!(
            mixed.to_copy(),
            [(0, "https://cdn.example/0"), (2, "https://cdn.example/2")]
        );
    }

    #[test]
    fn what_was_copied_before_is_not_to_be_copied() {
        let archiving = Task {
            sources: ["a", "b", "c"].map(str::to_owned).into(),
            copied: vec![Copied {
                n: 1,
                output: output("1"),
            }],
            ..task(1, State::Archiving)
        };

        assert_eq!(archiving.to_copy(), [(0, "a"), (2, "c")]);
        assert_eq!(
            Task {
                state: State::Failed,
                ..archiving
            }
            .to_copy(),
            []
        );
    }
}
