//! How far a stream of a task's events has come: the id of each event says it.

use axum::http::HeaderMap;
use fluxgate_core::task::State as TaskState;
use fluxgate_core::{Error, Result, echo};

use crate::header::one;
use crate::query::Query;

const AFTER: &str = "after";
const LAST_EVENT_ID: &str = "last-event-id";

/// Written as `4.submitted`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// How many lines of the timeline were told.
    pub(super) lines: usize,
    /// The state that was told last.
    pub(super) state: Option<TaskState>,
}

impl Position {
    /// The beginning, unless the request says otherwise. Kind `Invalid`, naming the parameter.
    pub(super) fn asked(query: &Query, headers: &HeaderMap) -> Result<Self> {
        query.only(&[AFTER])?;
        let last = one(headers, LAST_EVENT_ID)?.map(|id| id.to_str().unwrap_or("?"));
        // A browser sends an empty one before its first event.
        match last.filter(|id| !id.is_empty()) {
            Some(id) => Self::parse(LAST_EVENT_ID, id),
            None => {
                let after = query.text(AFTER)?.map(|id| Self::parse(AFTER, id));
                after.transpose().map(Option::unwrap_or_default)
            }
        }
    }

    pub(super) fn text(&self) -> String {
        let state = self.state.map_or("", TaskState::as_str);
        format!("{}.{state}", self.lines)
    }

    fn parse(field: &str, text: &str) -> Result<Self> {
        let parsed = text.split_once('.').and_then(|(lines, state)| {
            let named = |known: &TaskState| known.as_str() == state;
            let known = TaskState::ALL.into_iter().find(named);
            (known.is_some() || state.is_empty()).then_some(Self {
                lines: lines.parse().ok()?,
                state: known,
            })
        });
        parsed.ok_or_else(|| {
            let text = format!(
                "'{}' is no id of an event of a task; give the last one as it came, like '4.submitted'",
                echo(text)
            );
            Error::invalid("invalid_cursor", text).field(field)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is() {
        for (lines, state) in [(0, None), (3, None), (4, Some(TaskState::Submitted))] {
            let position = Position { lines, state };
            assert_eq!(
                Position::parse(AFTER, &position.text()).ok(),
                Some(position)
            );
        }
        for odd in [
            "",
            "4",
            "4.flying",
            "-1.",
            "x.submitted",
            "4.submitted.",
            "1e9.",
        ] {
            let refused = Position::parse(AFTER, odd).map_err(|error| error.code);
            assert_eq!(refused.err(), Some("invalid_cursor"), "{odd}");
        }
    }
}
