//! The one error of Fluxgate: what went wrong, what the caller does next, and what the reader can
//! do about it.

use std::error::Error as StdError;
use std::fmt;

/// Result of every port and use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync>;

/// What the caller does with the error. The edge turns each kind into one status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input is wrong and must be changed.
    Invalid,
    /// The caller did not prove who it is.
    Unauthenticated,
    /// The caller is known but may not do this.
    Forbidden,
    /// Nothing of that name exists for this tenant.
    NotFound,
    /// The thing changed under the caller: read again, decide again.
    Conflict,
    /// An idempotency key was reused for another request.
    KeyReused,
    /// The account does not hold enough.
    InsufficientFunds,
    /// What was there before is no more, for good.
    Gone,
    /// The input is over a named bound.
    TooLarge,
    /// The caller took too long over its own request.
    TooSlow,
    /// Too many at once; see [`Retry::AfterMs`].
    Busy,
    /// Something Fluxgate depends on does not answer.
    Unavailable,
    /// A defect, or a resource of this machine is gone (a full disk).
    Internal,
}

/// What a caller within Fluxgate goes by where the kind does not tell enough. Codes and texts are
/// for those outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The stored version is not the one that the change was made from.
    VersionMoved,
    /// The run that a change names belongs to another task.
    RunClaimed,
    /// The record itself is not there, or is another tenant's.
    NoRecord,
    /// Something else lies at an object's key.
    KeyTaken,
}

/// When trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// On the caller's own schedule.
    Later,
    /// Not before this many milliseconds.
    AfterMs(u64),
}

/// On whose side the cause lies, where that decides who pays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    /// Fluxgate's, the provider's, or nobody's that is known.
    #[default]
    Ours,
    /// The tenant's: its bucket, the bucket's policy or key, the role.
    Tenant,
}

/// An error with a stable machine code and a text that says what to do.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    pub retry: Retry,
    /// Stable, snake case, part of the API.
    pub code: &'static str,
    /// Lower case, no full stop; names the subject and the remedy. Shown to callers, so it holds no
    /// secret.
    pub message: String,
    /// The input field at fault, when there is one.
    pub field: Option<String>,
    pub fault: Fault,
    reason: Option<Reason>,
    source: Option<Source>,
}

impl Error {
    /// An error that will not go away by trying again.
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
            source: None,
        }
    }

    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, message)
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

    /// True when this is the reason.
    pub fn is(&self, reason: Reason) -> bool {
        self.reason == Some(reason)
    }

    #[must_use]
    pub fn source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error with all that caused it, in one line: for logs.
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
