//! How log lines look.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Text is for people, JSON for programs: one object a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogStyle {
    Text,
    Json,
}

impl LogStyle {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}
