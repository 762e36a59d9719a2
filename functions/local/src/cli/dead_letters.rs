//! `fluxgate dead-letters list|redrive|delete`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use fluxgate_core::counted;
use serde_json::{Value, json};

use super::admin::AdminArgs;
use super::print::{Facts, PrintArgs};

#[derive(Args)]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    command: DeadLettersCommand,
}

#[derive(Subcommand)]
enum DeadLettersCommand {
    /// List jobs that failed too often, with their reasons
    List {
        /// Only this lane's [default: all lanes]
        lane: Option<LaneArg>,
        /// How many of each lane to list, 1 to 200
        #[arg(long, default_value = "50", value_name = "N")]
        limit: u16,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Send jobs again, with no failures; each is safe to run twice
    Redrive {
        /// The lane of the queue that they are of
        lane: LaneArg,
        /// Their ids [default: all of the lane]
        ids: Vec<String>,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
    /// Remove one for good
    Delete {
        /// The lane of the queue that they are of
        lane: LaneArg,
        /// Its id
        id: String,
        #[command(flatten)]
        print: PrintArgs,
        #[command(flatten)]
        admin: AdminArgs,
    },
}

/// The lanes of the queue.
#[derive(Clone, Copy, ValueEnum)]
enum LaneArg {
    /// Tasks that are moved on
    Watch,
    /// Outputs that are copied
    Archive,
    /// Callbacks that are sent
    Notify,
}

impl LaneArg {
    fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Archive => "archive",
            Self::Notify => "notify",
        }
    }
}

pub(super) async fn run(args: DeadLettersArgs) -> Result<()> {
    match args.command {
        DeadLettersCommand::List {
            lane,
            limit,
            print,
            admin,
        } => list(lane, limit, print, &admin).await,
        DeadLettersCommand::Redrive {
            lane,
            ids,
            print,
            admin,
        } => redrive(lane, &ids, print, &admin).await,
        DeadLettersCommand::Delete {
            lane,
            id,
            print,
            admin,
        } => delete(lane, &id, print, &admin).await,
    }
}

async fn list(
    lane: Option<LaneArg>,
    limit: u16,
    print: PrintArgs,
    admin: &AdminArgs,
) -> Result<()> {
    let (admin, limit) = (admin.admin()?, limit.to_string());
    let lanes = lane.map_or_else(|| LaneArg::value_variants().to_vec(), |lane| vec![lane]);
    let (mut all, mut more) = (Vec::new(), false);
    for lane in lanes {
        let query = [("lane", lane.as_str()), ("limit", limit.as_str())];
        let page: Value = admin.get("/dead-letters", &query).await?;
        all.extend(page["dead_letters"].as_array().cloned().unwrap_or_default());
        more |= page["next"].is_string();
    }
    print.print(&Facts {
        quiet: all
            .iter()
            .map(|letter| format!("{}\n", field(letter, "id")))
            .collect(),
        text: all.iter().map(line).collect(),
        json: all.into(),
    })?;
    if more {
        print.note("there are more: raise --limit, or redrive and delete those that are listed");
    }
    Ok(())
}

fn line(letter: &Value) -> String {
    let job = letter["job"]["job"].as_str().unwrap_or("no job");
    format!(
        "{:<8} {:<36}  {:<24}  {:<16} {job:<8} {}\n",
        field(letter, "lane"),
        field(letter, "id"),
        field(letter, "at"),
        field(letter, "tenant"),
        field(letter, "reason")
    )
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

async fn redrive(lane: LaneArg, ids: &[String], print: PrintArgs, admin: &AdminArgs) -> Result<()> {
    let (admin, _lock) = admin.admin_of_holder()?;
    let path = format!("/dead-letters/{}/redrive", lane.as_str());
    let body = if ids.is_empty() {
        json!({})
    } else {
        json!({ "ids": ids })
    };
    let answer: Value = admin.post(&path, &body).await?;
    let redriven = answer["redriven"].as_array().into_iter().flatten();
    let redriven: Vec<&str> = redriven.filter_map(Value::as_str).collect();
    let told = counted(redriven.len(), "job");
    print.print(&Facts {
        quiet: redriven.iter().map(|id| format!("{id}\n")).collect(),
        text: format!("{told} sent again"),
        json: answer.clone(),
    })
}

async fn delete(lane: LaneArg, id: &str, print: PrintArgs, admin: &AdminArgs) -> Result<()> {
    let (admin, _lock) = admin.admin_of_holder()?;
    let path = format!("/dead-letters/{}/{id}", lane.as_str());
    admin.delete(&path, &[]).await?;
    print.print(&Facts {
        json: json!({ "id": id, "deleted": true }),
        quiet: id.to_owned(),
        text: format!("dead letter {id} is deleted"),
    })
}
