//! What became of a batch's lines.

use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::id::TaskId;

/// Stored texts of a refusal are cut here, so that a chunk's size is bounded.
const MESSAGE_CHARS_MAX: usize = 400;
/// In place of a refusal's text, which may quote the line.
const ERASED: &str = "what was said of the line was erased; the code is what is left of it";

/// What became of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum LineResult {
    /// Not admitted yet.
    Waiting,
    /// It is no task, and never will be.
    Refused {
        code: String,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// Its task had not ended when it was last looked at.
    Admitted {
        task: TaskId,
    },
    Ended {
        task: TaskId,
        completed: bool,
    },
}

impl LineResult {
    pub fn refused(error: &Error) -> Self {
        Self::Refused {
            code: error.code.to_owned(),
            message: error.message.chars().take(MESSAGE_CHARS_MAX).collect(),
            field: error.field.clone(),
        }
    }

    pub fn task(&self) -> Option<&TaskId> {
        match self {
            Self::Admitted { task } | Self::Ended { task, .. } => Some(task),
            Self::Waiting | Self::Refused { .. } => None,
        }
    }

    /// The code is one of Fluxgate's own; the rest may quote the line.
    fn erased(self) -> Self {
        match self {
            Self::Refused { code, .. } => Self::Refused {
                code,
                message: ERASED.to_owned(),
                field: None,
            },
            other => other,
        }
    }

    /// A line only goes forward, so that whoever writes last takes nothing back.
    fn stage(&self) -> u8 {
        match self {
            Self::Waiting => 0,
            Self::Admitted { .. } => 1,
            Self::Refused { .. } | Self::Ended { .. } => 2,
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLine {
    /// Its number in the request, from 1. Blank lines are counted, and are nothing else.
    pub line: u32,
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub result: LineResult,
}

/// Consecutive lines, which are stored together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchChunk {
    pub lines: Vec<BatchLine>,
}

impl BatchChunk {
    /// Lines in a chunk.
    pub const LINES_MAX: usize = 100;

    /// The number of its last line, which identifies the chunk in its batch.
    pub fn last(&self) -> u32 {
        self.lines.last().map_or(0, |line| line.line)
    }

    /// The lines that are not admitted yet, with their places among all.
    pub fn waiting(&self) -> impl Iterator<Item = (usize, &BatchLine)> {
        let lines = self.lines.iter().enumerate();
        lines.filter(|(_, line)| line.result == LineResult::Waiting)
    }

    /// The texts without those of decided lines; `None` if there are none to blank.
    pub fn blanked(&self, texts: &str) -> Option<String> {
        let pairs = self.lines.iter().zip(texts.split('\n'));
        let mut blanked = String::new();
        for (line, text) in pairs {
            if line.result == LineResult::Waiting {
                blanked.push_str(text);
            }
            blanked.push('\n');
        }
        (blanked.len() < texts.len()).then_some(blanked)
    }

    /// Tasks that had not ended when they were last looked at.
    pub(super) fn running(&self) -> u32 {
        self.count(|result| matches!(result, LineResult::Admitted { .. }))
    }

    pub(super) fn count(&self, wanted: impl Fn(&LineResult) -> bool) -> u32 {
        let found = self.lines.iter().filter(|line| wanted(&line.result));
        u32::try_from(found.count()).unwrap_or(u32::MAX)
    }

    /// Without the tenant's own words: references, and what refusals quote.
    #[must_use]
    pub fn erased(&self) -> Self {
        let lines = self.lines.iter().cloned().map(|line| BatchLine {
            reference: None,
            result: line.result.erased(),
            ..line
        });
        Self {
            lines: lines.collect(),
        }
    }

    /// Without the names of the lines that became this task.
    #[must_use]
    pub fn without_reference_to(&self, task: &TaskId) -> Self {
        let lines = self.lines.iter().cloned().map(|line| BatchLine {
            reference: line.reference.filter(|_| line.result.task() != Some(task)),
            ..line
        });
        Self {
            lines: lines.collect(),
        }
    }

    /// These results, and of each line the later one of both. References are never taken from the
    /// other, which may be older than their erasure.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let lines = self.lines.iter().zip(&other.lines);
        let later = |(ours, theirs): (&BatchLine, &BatchLine)| {
            let is_later = theirs.result.stage() > ours.result.stage();
            BatchLine {
                result: if is_later { theirs } else { ours }.result.clone(),
                ..ours.clone()
            }
        };
        Self {
            lines: lines.map(later).collect(),
        }
    }
}
