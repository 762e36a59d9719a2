//! What a command's exit code says. Every command ends through [`code_of`], which looks at the
//! types of errors and never at their text.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use fluxgate_core::{Error, Kind};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::print::OutputFailed;
use super::signals::{self, Stopped};
use crate::client::{BrokenOff, NoCredentials, NoGateway, NothingAnswers, Refused};
use crate::folder::NoFolder;
use crate::settings::BadSettings;

/// The same list as in the guide to the command line.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  failed, or a check found something
  2  the command line or a setting is wrong
  3  refused by the gateway or the data
  4  not found
  5  still running
  6  unreachable; try again
  130, 141, 143  stopped by Ctrl-C, a closed pipe, SIGTERM";

/// What scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Anything else, such as a task or a check that failed.
    Failed = 1,
    /// The command line or a setting is wrong; the same call fails again.
    Usage = 2,
    /// The gateway or the data folder says no, such as for want of money.
    Refused = 3,
    /// What was named does not exist, or no longer.
    NotFound = 4,
    /// The task or batch has not ended yet.
    Running = 5,
    /// The gateway, or what it depends on, does not answer.
    Unreachable = 6,
}

/// An error of a command's own words.
#[derive(Debug)]
struct Told {
    text: String,
    meaning: Meaning,
}

/// What a program is told of an error.
#[derive(Debug, Clone)]
struct Meaning {
    exit: Exit,
    /// The gateway's or the core's machine code.
    code: Option<String>,
}

/// What the admin API has in a query, and the command line as a flag.
const ALLOWANCES: [(&str, &str); 3] = [
    ("allow_under_cost=true", "--allow-under-cost"),
    ("forget_balance=true", "--forget-balance"),
    ("force=true", "--force"),
];

/// An error after a task was accepted, whose id a program needs to go on.
#[derive(Debug)]
struct OfTask {
    task: String,
    error: anyhow::Error,
}

impl Display for OfTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl StdError for OfTask {}

impl Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Told {}

impl Exit {
    /// An error that ends the command with this code.
    pub(super) fn error(self, text: impl Into<String>) -> anyhow::Error {
        let meaning = Meaning::from(self);
        let text = text.into();
        Told { text, meaning }.into()
    }
}

impl From<Exit> for Meaning {
    fn from(exit: Exit) -> Self {
        Self { exit, code: None }
    }
}

/// A command line that its parser let pass.
pub(super) fn usage(text: impl Into<String>) -> anyhow::Error {
    Exit::Usage.error(text)
}

/// The error with other words and the same meaning.
pub(super) fn reworded(error: &anyhow::Error, text: impl Into<String>) -> anyhow::Error {
    let meaning = meaning(error);
    let text = text.into();
    Told { text, meaning }.into()
}

/// The error, which is about this task.
pub(super) fn of_task(error: anyhow::Error, task: &str) -> anyhow::Error {
    let task = task.to_owned();
    OfTask { task, error }.into()
}

/// What went wrong, whichever task it is about.
fn inner(error: &anyhow::Error) -> &anyhow::Error {
    let of_task = error.downcast_ref::<OfTask>();
    of_task.map_or(error, |of_task| &of_task.error)
}

/// A refusal of the admin API in the command line's words.
pub(super) fn in_flags(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Refused>() {
        Ok(mut refused) => {
            for (parameter, flag) in ALLOWANCES {
                refused.why = refused.why.replace(parameter, flag);
            }
            refused.into()
        }
        Err(error) => error,
    }
}

/// A refusal that names a field, with the flag that the field has here.
pub(super) fn with_flag(error: anyhow::Error, flags: &[(&str, &str)]) -> anyhow::Error {
    let refused = error.downcast_ref::<Refused>();
    let field = refused.and_then(|refused| refused.field.as_deref());
    match flags.iter().find(|(name, _)| Some(*name) == field) {
        Some((_, flag)) => reworded(&error, format!("{error:#}; it is given by {flag}")),
        None => error,
    }
}

/// The exit code of a command that ended so.
pub(super) fn code_of(error: &anyhow::Error) -> u8 {
    if is_unread(error) {
        return signals::UNREAD_EXIT_CODE;
    }
    match inner(error).downcast_ref::<Stopped>() {
        Some(stopped) => stopped.stop.exit_code(),
        None => meaning(error).exit as u8,
    }
}

/// True when the reader of the output has gone: then nothing is said.
pub(super) fn is_unread(error: &anyhow::Error) -> bool {
    let failed = inner(error).downcast_ref::<OutputFailed>();
    failed.is_some_and(OutputFailed::is_unread)
}

/// The error as `--json` tells it.
pub(super) fn to_json(error: &anyhow::Error) -> Value {
    let mut told = json!({ "exit_code": code_of(error), "message": format!("{error:#}") });
    if let Some(code) = meaning(error).code {
        told["code"] = code.into();
    }
    if let Some(of_task) = error.downcast_ref::<OfTask>() {
        told["task_id"] = of_task.task.as_str().into();
    }
    json!({ "error": told })
}

/// That of the outermost cause that has one.
fn meaning(error: &anyhow::Error) -> Meaning {
    let known = inner(error).chain().find_map(of_cause);
    known.unwrap_or_else(|| Exit::Failed.into())
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Meaning> {
    if let Some(told) = cause.downcast_ref::<Told>() {
        return Some(told.meaning.clone());
    }
    if let Some(refused) = cause.downcast_ref::<Refused>() {
        return Some(Meaning {
            exit: of_status(refused.status),
            code: refused.code.clone(),
        });
    }
    if let Some(error) = cause.downcast_ref::<Error>() {
        return Some(Meaning {
            exit: of_kind(error.kind),
            code: Some(error.code.to_owned()),
        });
    }
    let exit = if cause.is::<BadSettings>() || cause.is::<NoCredentials>() {
        Exit::Usage
    } else if cause.is::<NoFolder>() {
        Exit::NotFound
    } else if cause.is::<NothingAnswers>() || cause.is::<BrokenOff>() || cause.is::<NoGateway>() {
        Exit::Unreachable
    } else {
        of_call(cause.downcast_ref()?)?
    };
    Some(exit.into())
}

/// Of a call that is no gateway's, such as the download of an output.
fn of_call(error: &reqwest::Error) -> Option<Exit> {
    match error.status() {
        Some(status) => Some(of_status(status)),
        None => (!error.is_builder()).then_some(Exit::Unreachable),
    }
}

fn of_status(status: StatusCode) -> Exit {
    match status.as_u16() {
        404 | 410 => Exit::NotFound,
        502..=504 => Exit::Unreachable,
        400..=499 => Exit::Refused,
        _ => Exit::Failed,
    }
}

fn of_kind(kind: Kind) -> Exit {
    match kind {
        Kind::NotFound | Kind::Gone => Exit::NotFound,
        Kind::Unavailable => Exit::Unreachable,
        Kind::Internal => Exit::Failed,
        Kind::Invalid
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Conflict
        | Kind::KeyReused
        | Kind::Unprocessable
        | Kind::InsufficientFunds
        | Kind::TooLarge
        | Kind::TooSlow
        | Kind::Busy => Exit::Refused,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    fn refused(why: &str, status: u16) -> anyhow::Error {
        Refused {
            status: StatusCode::from_u16(status).unwrap(),
            why: why.to_owned(),
            code: Some("why_not".to_owned()),
            field: Some("event_types".to_owned()),
        }
        .into()
    }

    #[test]
    fn the_code_is_that_of_the_cause_however_it_is_worded() {
        for (error, code) in [
            (anyhow::anyhow!("bare"), 1),
            (usage("give --limit"), 2),
            (refused("no", 401), 3),
            (refused("no", 402), 3),
            (refused("no", 404), 4),
            (refused("no", 410), 4),
            (refused("no", 429), 3),
            (refused("no", 500), 1),
            (refused("no", 503), 6),
            (Error::not_found("no tenant").into(), 4),
            (Error::invalid("bad", "no").into(), 3),
            (Error::unavailable("away", "no").into(), 6),
            (Error::internal("bug", "no").into(), 1),
            (Exit::Running.error("still running"), 5),
        ] {
            assert_eq!(code_of(&error), code, "{error:#}");
            let reworded = reworded(&error, "in other words");
            assert_eq!(code_of(&reworded), code, "{error:#}");
            let within = Err::<(), _>(error).context("outer").unwrap_err();
            assert_eq!(code_of(&within), code, "{within:#}");
        }
    }

    #[test]
    fn an_error_speaks_of_flags() {
        let error = in_flags(refused("left; delete with forget_balance=true", 409));
        assert_eq!(
            error.to_string(),
            "left; delete with --forget-balance (HTTP 409)"
        );

        let error = with_flag(refused("no", 400), &[("event_types", "--event")]);
        assert_eq!(error.to_string(), "no (HTTP 400); it is given by --event");
        assert_eq!(code_of(&error), 3);
        let error = with_flag(refused("no", 400), &[("url", "--address")]);
        assert_eq!(error.to_string(), "no (HTTP 400)");
    }

    #[test]
    fn a_program_is_told_which_task_an_error_is_about() {
        let error = of_task(Exit::Running.error("still running"), "7f");

        assert_eq!(error.to_string(), "still running");
        assert_eq!(
            to_json(&error),
            json!({ "error": { "exit_code": 5, "message": "still running", "task_id": "7f" } })
        );
    }

    #[test]
    fn a_program_is_told_the_machine_code_of_who_refused() {
        let error = reworded(&refused("no", 402), "no; top it up");

        assert_eq!(
            to_json(&error),
            json!({ "error": { "exit_code": 3, "message": "no; top it up", "code": "why_not" } })
        );
    }
}
