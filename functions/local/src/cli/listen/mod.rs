//! `fluxgate listen`: a tenant's events for a program on this machine. They are read from a pull
//! endpoint of its own, verified, signed anew and POSTed to the program.

mod event;
mod forward;
mod inbox;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use reqwest::StatusCode;
use serde_json::json;

use self::event::Event;
use self::forward::Forwarding;
use self::inbox::Inbox;
use super::access::{AccessArgs, written_url};
use super::exit::usage;
use super::print::{self, PrintArgs};
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
  fluxgate listen --forward 3000/hook --events task.completed --token …

Each event is verified, signed anew by the secret that is printed first, and POSTed as any \
callback is: give the secret to the program. It stays the same over restarts, and so does the \
place to go on from: events that came meanwhile follow at once. An event is tried four \
times while the program does not answer, or answers 5xx or 429, and once where it answers anything \
else. Then it is passed by; if that was no 2xx, a cursor is printed that gets it again by --after. \
After a day without 'listen' its endpoint \
is gone, with the events that wait there, and the next 'listen' makes another with another secret.")]
pub(super) struct ListenArgs {
    /// Where events are POSTed to; a port alone, as 3000 or 3000/hook, is one of this machine
    #[arg(long, value_name = "URL", value_parser = address)]
    forward: String,
    /// Event types, separated by commas [default: all but task.started]
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    events: Vec<String>,
    /// Where the endpoint, its secret and the place to go on from are kept [default: a file for
    /// each gateway and tenant in the user's state folder]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Begin behind this cursor, with all that follows it once more
    #[arg(long, value_name = "CURSOR", conflicts_with = "reset")]
    after: Option<String>,
    /// Forget the endpoint of before and its waiting events, and make another
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    print: PrintArgs,
}

/// A port without a host is one of this machine.
fn address(text: &str) -> Result<String> {
    let text = text.strip_prefix(':').unwrap_or(text);
    let (port, _) = text.split_once('/').unwrap_or((text, ""));
    match port.parse::<u16>() {
        Ok(_) => written_url(&format!("http://localhost:{text}")),
        Err(_) => written_url(text),
    }
}

pub(super) async fn run(args: ListenArgs) -> Result<()> {
    if args.access.is_operator() {
        let text = "the operator's own events are POSTed to its endpoints alone: 'fluxgate endpoints create URL --tenant operator'";
        return Err(usage(text));
    }
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
    ready(inbox, args.print)?;
    let (mut backoff, mut renewed) = (BACKOFF_FIRST, false);
    loop {
        match inbox.page().await {
            Ok(page) => {
                (backoff, renewed) = (BACKOFF_FIRST, false);
                for event in &page.events {
                    offer(inbox, forwarding, event, args.print).await?;
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
                    ready(inbox, args.print)?;
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

async fn offer(
    inbox: &Inbox,
    forwarding: &Forwarding,
    event: &Event,
    print: PrintArgs,
) -> Result<()> {
    let forwarded = forwarding.forward(event, &inbox.state.secret).await;
    match print {
        PrintArgs { json: true, .. } => print::json_line(&forwarded.view(event))?,
        PrintArgs { quiet: true, .. } => print::line(&event.id)?,
        PrintArgs { .. } => print::line(&forwarded.line)?,
    }
    if !forwarded.is_taken {
        print.note(format_args!(
            "passed by; to get it again, with what follows it, start 'listen' with --after {}",
            print::shown(&inbox.place())
        ));
    }
    Ok(())
}

fn ready(inbox: &Inbox, print: PrintArgs) -> Result<()> {
    let (endpoint, secret) = (&inbox.state.endpoint, &inbox.state.secret);
    match print {
        PrintArgs { json: true, .. } => {
            print::json_line(&json!({ "type": "ready", "endpoint": endpoint, "secret": secret }))
        }
        PrintArgs { quiet: true, .. } => print::line(secret),
        PrintArgs { .. } => print::line(format_args!("Ready. Your signing secret is {secret}")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_of_this_machine_and_a_host_needs_a_scheme() {
        for (text, url) in [
            ("3000", "http://localhost:3000"),
            (":3000", "http://localhost:3000"),
            ("3000/hook", "http://localhost:3000/hook"),
            ("https://dev.example/hook", "https://dev.example/hook"),
        ] {
            assert_eq!(address(text).unwrap(), url);
        }
        for text in ["localhost:3000/hook", "dev.example"] {
            let why = address(text).unwrap_err().to_string();
            assert!(why.contains(&format!("write http://{text}")), "{why}");
        }
        assert!(address("70000").is_err());
    }
}
