//! `fluxgate encryption status|rotate`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use fluxgate_core::app::{RotationState, RotationStep};
use fluxgate_core::counted;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::time::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::admin::{CallArgs, cursor_query};
use super::print::{Facts, PrintArgs};
use crate::client::Admin;

#[derive(Args)]
pub(super) struct EncryptionArgs {
    #[command(subcommand)]
    command: EncryptionCommand,
}

#[derive(Subcommand)]
enum EncryptionCommand {
    /// Show which keys the stored secrets are sealed with
    Status(CallArgs),
    /// Add a key, seal every stored secret with it, and drop the old key; may be interrupted and
    /// run again, also while 'serve' runs on the same folder
    Rotate(CallArgs),
}

pub(super) async fn run(args: EncryptionArgs) -> Result<()> {
    match args.command {
        EncryptionCommand::Status(call) => status(call.print, &call.admin.admin()?).await,
        EncryptionCommand::Rotate(call) => {
            let (admin, _lock) = call.admin.admin_of_holder()?;
            rotate(call.print, &admin).await
        }
    }
}

/// A part of what the admin API tells of the keys.
#[derive(Deserialize)]
struct StatusAnswer {
    active_key: String,
    old_keys: Vec<String>,
    secrets: BTreeMap<String, usize>,
    plain_secrets: usize,
    lost_secrets: usize,
    unreadable: Vec<String>,
    next: Option<String>,
}

async fn status(print: PrintArgs, admin: &Admin) -> Result<()> {
    let (mut counts, mut plain, mut lost) = (BTreeMap::<String, usize>::new(), 0, 0);
    let mut unreadable = Vec::new();
    let mut cursor: Option<String> = None;
    let keys = loop {
        let query = cursor_query(cursor.as_deref());
        let part: StatusAnswer = admin.get("/encryption", &query).await?;
        for (key, count) in part.secrets {
            *counts.entry(key).or_default() += count;
        }
        plain += part.plain_secrets;
        lost += part.lost_secrets;
        unreadable.extend(part.unreadable);
        cursor = part.next;
        if cursor.is_none() {
            break (part.active_key, part.old_keys);
        }
    };
    let (active, old) = keys;
    let of = |key: &str| counted(counts.get(key).copied().unwrap_or_default(), "secret");
    let mut text = format!("{active}  active  {}\n", of(&active));
    for key in &old {
        text += &format!("{key}  old     {}\n", of(key));
    }
    if plain > 0 {
        text += &format!(
            "{plain} stored in plain text by an earlier release; 'fluxgate encryption rotate' seals them\n"
        );
    }
    if lost > 0 {
        text += &format!(
            "{lost} sealed with a key that is lost; restore it from a backup, or rotate these secrets\n"
        );
    }
    for name in &unreadable {
        text += &format!("{name} cannot be read\n");
    }
    print.print(&Facts {
        json: json!({
            "active_key": active, "old_keys": old, "secrets": counts, "plain_secrets": plain,
            "lost_secrets": lost, "unreadable": unreadable,
        }),
        quiet: active.clone(),
        text,
    })?;
    if !old.is_empty() {
        print.note("a rotation is under way; 'fluxgate encryption rotate' goes on with it");
    }
    Ok(())
}

async fn rotate(print: PrintArgs, admin: &Admin) -> Result<()> {
    let (mut cursor, mut resealed, mut lost) = (None, 0, 0);
    loop {
        let query = cursor_query(cursor.as_deref());
        let step = admin.call(Method::POST, "/encryption/rotate", &query, None);
        let step = step.await.and_then(StepAnswer::step)?;
        resealed += step.resealed;
        lost = lost.max(step.lost);
        let (seen, keys) = (counted(step.tenants, "tenant"), &step.active_key);
        print.note(format_args!(
            "{seen} looked at, {} of {} sealed with {keys}",
            step.resealed,
            counted(step.secrets, "secret")
        ));
        match step.state {
            RotationState::Running { next } => cursor = Some(next),
            RotationState::Waiting { next, not_before } => {
                wait_until(print, not_before, &step.old_keys).await;
                cursor = Some(next);
            }
            RotationState::Blocked { records } => bail!(
                "{} kept for {} that cannot be read: {}; mend or delete them, and run this again",
                is_or_are(&step.old_keys),
                counted(records, "record"),
                step.unreadable.join(", ")
            ),
            RotationState::Done => break told(print, &step, resealed, lost),
        }
    }
}

fn told(print: PrintArgs, step: &RotationStep, resealed: usize, lost: usize) -> Result<()> {
    if lost > 0 {
        print.note(format_args!(
            "{} did not open and stayed as they were: 'fluxgate encryption status'",
            counted(lost, "secret")
        ));
    }
    let dropped = match step.retired_keys.as_slice() {
        [] => String::new(),
        keys => format!("; {} dropped", is_or_are(keys)),
    };
    let (sealed, key) = (counted(resealed, "secret"), &step.active_key);
    print.print(&Facts {
        json: json!({
            "active_key": key, "retired_keys": step.retired_keys, "resealed": resealed,
            "lost_secrets": lost,
        }),
        quiet: key.clone(),
        text: format!("{sealed} sealed with {key}{dropped}; back up encryption-keys.json now"),
    })
}

fn is_or_are(keys: &[String]) -> String {
    let verb = if keys.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", keys.join(" and "))
}

async fn wait_until(print: PrintArgs, not_before: Timestamp, old: &[String]) {
    let wait = Duration::from_millis(not_before.since_ms(SystemClock.now()));
    print.note(format_args!(
        "waiting {} s until no process can still seal with {}",
        wait.as_secs() + 1,
        old.join(" or ")
    ));
    tokio::time::sleep(wait).await;
}

/// What the admin API answers.
#[derive(Deserialize)]
struct StepAnswer {
    state: String,
    active_key: String,
    old_keys: Vec<String>,
    retired_keys: Vec<String>,
    tenants: usize,
    secrets: usize,
    resealed: usize,
    lost_secrets: usize,
    unreadable: Vec<String>,
    next: Option<String>,
    not_before: Option<String>,
    blocked_by: Option<usize>,
}

impl StepAnswer {
    fn step(self) -> Result<RotationStep> {
        let next = || self.next.clone().context("the answer has no 'next'");
        let state = match self.state.as_str() {
            "running" => RotationState::Running { next: next()? },
            "waiting" => RotationState::Waiting {
                next: next()?,
                not_before: self
                    .not_before
                    .as_deref()
                    .and_then(Timestamp::from_rfc3339)
                    .context("the answer has no 'not_before'")?,
            },
            "blocked" => RotationState::Blocked {
                records: self.blocked_by.unwrap_or(1),
            },
            "done" => RotationState::Done,
            other => bail!("the server is in the unknown state '{other}'; use its own release"),
        };
        Ok(RotationStep {
            state,
            active_key: self.active_key,
            old_keys: self.old_keys,
            retired_keys: self.retired_keys,
            tenants: self.tenants,
            secrets: self.secrets,
            resealed: self.resealed,
            lost: self.lost_secrets,
            unreadable: self.unreadable,
        })
    }
}
