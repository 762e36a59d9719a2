//! `fluxgate listen`: a tenant's events for a program on this machine. They are read from a pull
//! endpoint of its own, verified, signed anew and POSTed to the program.

mod event;
mod forward;
mod inbox;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use reqwest::StatusCode;

use self::forward::Forwarding;
use self::inbox::Inbox;
use super::access::{AccessArgs, written_url};
use super::print;
use super::signals::stop_signal;
use crate::client::{BrokenOff, NothingAnswers, Refused};

/// While the gateway does not answer.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// What a stop waits for the gateway to be told how far this has come.
const LAST_WORD_MAX: Duration = Duration::from_secs(2);

#[derive(Args)]
#[command(after_help = "\
Examples:
  fluxgate listen --forward http://localhost:3000/hook --tenant acme --data ./data
  fluxgate listen --forward localhost:3000/hook --events task.completed --token …

Each event is verified, signed anew by the secret that is printed first, and POSTed as any \
callback is: give the secret to the program. It stays the same over restarts, and so does the \
place to go on from: events that came meanwhile follow at once. An event that the program does \
not take is tried four times, printed, and passed by. After a day without 'listen' its endpoint \
is gone, with the events that wait there, and the next 'listen' makes another with another secret.")]
pub(super) struct ListenArgs {
    /// Where events are POSTed to
    #[arg(long, value_name = "URL", value_parser = address)]
    forward: String,
    /// Event types, separated by commas [default: all but task.started]
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    events: Vec<String>,
    /// Where the endpoint, its secret and the place to go on from are kept [default: a file for
    /// each gateway and tenant in the user's state folder]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Forget the endpoint of before and its waiting events, and make another
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    access: AccessArgs,
}

/// A port on this machine is mostly written without a scheme.
fn address(text: &str) -> Result<String> {
    if text.contains("://") {
        return written_url(text);
    }
    written_url(&format!("http://{text}"))
}

pub(super) async fn run(args: ListenArgs) -> Result<()> {
    let forwarding = Forwarding::to(&args.forward)?;
    let mut inbox = Inbox::open(&args).await?;
    let outcome = tokio::select! {
        outcome = listen(&mut inbox, &forwarding, &args) => outcome,
        _ = stop_signal() => Ok(()),
    };
    drop(tokio::time::timeout(LAST_WORD_MAX, inbox.acknowledge()).await);
    outcome
}

/// Until something is wrong that waiting does not mend.
async fn listen(inbox: &mut Inbox, forwarding: &Forwarding, args: &ListenArgs) -> Result<()> {
    ready(inbox)?;
    let (mut backoff, mut renewed) = (BACKOFF_FIRST, false);
    loop {
        match inbox.page().await {
            Ok(page) => {
                (backoff, renewed) = (BACKOFF_FIRST, false);
                for event in &page.events {
                    print::line(forwarding.forward(event, &inbox.state.secret).await)?;
                    inbox.passed(&event.cursor)?;
                }
                inbox.passed(&page.next)?;
            }
            Err(error) => match after(&error) {
                After::Renew if args.access.makes_tokens() && !renewed => {
                    inbox.renew(args).await?;
                    renewed = true;
                }
                After::Remake => {
                    print::note(
                        "the endpoint is gone: nobody read it for too long, or it was deleted",
                    );
                    inbox.remake(args).await?;
                    ready(inbox)?;
                }
                After::Retry => {
                    print::note(format_args!(
                        "{error:#}; trying again in {} s",
                        backoff.as_secs_f32()
                    ));
                    tokio::time::sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
                After::Renew | After::Fail => return Err(error),
            },
        }
    }
}

fn ready(inbox: &Inbox) -> Result<()> {
    if inbox.state.endpoint.is_empty() {
        bail!("the gateway gave the endpoint no id");
    }
    print::line(format_args!(
        "Ready. Your signing secret is {}",
        inbox.state.secret
    ))
}

enum After {
    /// The token is no longer accepted.
    Renew,
    /// There is no such endpoint.
    Remake,
    Retry,
    Fail,
}

fn after(error: &anyhow::Error) -> After {
    if error.is::<BrokenOff>() || error.is::<NothingAnswers>() {
        return After::Retry;
    }
    match error
        .downcast_ref::<Refused>()
        .map(|refused| refused.status)
    {
        Some(StatusCode::UNAUTHORIZED) => After::Renew,
        Some(StatusCode::NOT_FOUND) => After::Remake,
        Some(StatusCode::TOO_MANY_REQUESTS) => After::Retry,
        Some(status) if status.is_server_error() => After::Retry,
        _ => After::Fail,
    }
}
