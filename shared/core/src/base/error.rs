//! The one error type of Fluxgate: what went wrong, what the caller does next, and what the reader
//! can do about it.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// Result of every port and use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Shared, so that everybody who waited for one thing can be told the same.
type Source = Arc<dyn StdError + Send + Sync>;

/// What the caller does with the error. The edge maps each kind to one status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong and must be changed.
    Invalid,
    /// The caller did not prove its identity.
    Unauthenticated,
    /// The caller is known but may not do this.
    Forbidden,
    /// Nothing with this name or id exists for this tenant.
    NotFound,
    /// The record changed meanwhile: read it again and decide again.
    Conflict,
    /// An idempotency key was reused for a different request.
    KeyReused,
    /// The input is well formed, and does not fit what it is about.
    Unprocessable,
    /// The account does not have enough money.
    InsufficientFunds,
    /// It existed before and is permanently gone.
    Gone,
    /// The input exceeds a named bound.
    TooLarge,
    /// The caller took too long to send its request.
    TooSlow,
    /// Too many requests at once; see [`Retry::AfterMs`].
    Busy,
    /// A service that Fluxgate depends on does not answer.
    Unavailable,
    /// A bug, or this machine ran out of a resource (such as disk space).
    Internal,
}

/// Finer than [`Kind`], for code inside Fluxgate that must tell errors apart. Codes and messages
/// are for callers outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The stored version is not the one that the change was based on.
    VersionMoved,
    /// The run named by a change belongs to another task.
    RunClaimed,
    /// The record does not exist, or belongs to another tenant.
    NoRecord,
    /// A different object already exists at this key.
    KeyTaken,
    /// An inbox was read past the time that the event would have.
    EventLate,
    /// The stored record does not parse.
    Unreadable,
    /// This process has no room for it now: nothing was begun.
    NoRoom,
    /// The provider answered, and refuses the operator's account.
    AccountRefused,
    /// The store was restored from a backup, and nobody has seen to it yet.
    RestorationNeeded,
    /// The store was restored to be looked at alone.
    Drill,
}

/// Whether and when to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the same call will fail the same way.
    Never,
    /// Yes, on the caller's own schedule.
    Later,
    /// Yes, after at least this many milliseconds.
    AfterMs(u64),
}

/// Who caused the error, where that decides who pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Fluxgate, the provider, or unknown.
    #[default]
    Ours,
    /// The tenant: its bucket, the bucket's policy or key, the role.
    Tenant,
}

/// An error with a stable machine code and a text that says what to do.
#[derive(Debug, Clone)]
pub struct Error {
    pub kind: Kind,
    pub retry: Retry,
    /// Stable, snake case, part of the API.
    pub code: &'static str,
    /// Lower case, no full stop; names the subject and the remedy. Shown to callers, so it must not
    /// contain secrets.
    pub message: String,
    /// The input field at fault, if any.
    pub field: Option<String>,
    pub fault: Fault,
    reason: Option<Reason>,
    is_of_earlier_call: bool,
    source: Option<Source>,
}

impl Error {
    /// An error whose retry hint follows from its kind.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        let retry = match kind {
            Kind::Busy | Kind::Unavailable | Kind::Conflict => Retry::Later,
            _ => Retry::Never,
        };
        Self {
            kind,
            retry,
            code,
            message: message.into(),
            field: None,
            fault: Fault::Ours,
            reason: None,
            is_of_earlier_call: false,
            source: None,
        }
    }

    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, message)
    }

    /// Of a step whose cursor no step before gave.
    pub(crate) fn invalid_cursor() -> Self {
        let text = "'cursor' is the 'next' of an answer, unchanged; leave it out to start from the beginning";
        Self::invalid("invalid_cursor", text).field("cursor")
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, "not_found", message)
    }

    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, code, message)
    }

    pub fn internal(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, code, message)
    }

    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }

    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// True if this is the error's reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == Some(reason)
    }

    /// What somebody else's call was told, or one before: no call was made for this answer.
    #[must_use]
    pub fn of_earlier_call(mut self) -> Self {
        self.is_of_earlier_call = true;
        self
    }

    pub fn is_of_earlier_call(&self) -> bool {
        self.is_of_earlier_call
    }

    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// The error with its chain of causes on one line, for logs.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
