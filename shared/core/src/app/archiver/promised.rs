//! What each output of a run is expected to be. A model that makes pictures may list a text among
//! them, and that is an output too; a text alone, in place of pictures, is not.

use crate::domain::media::{DataUri, MediaKind};
use crate::domain::task::Task;

/// One word of at least this length may be a file as base64.
const WORD_BYTES_MIN: usize = 64;

pub(super) fn promised(task: &Task, source: &str) -> Option<MediaKind> {
    let is_among_files = || {
        let mut others = task.sources.iter();
        task.outputs_made() > 1 && (task.sources.is_empty() || others.any(|other| !is_text(other)))
    };
    task.makes
        .filter(|_| !(is_text(source) && is_among_files()))
}

fn is_text(source: &str) -> bool {
    let source = source.trim();
    let is_link = source.starts_with("https://") || source.starts_with("http://");
    let is_sentence = source.contains(' ') || source.len() < WORD_BYTES_MIN;
    !is_link && !DataUri::is_one(source) && is_sentence
}
