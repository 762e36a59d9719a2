//! `fluxgate listen`, against a real program.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use fluxgate_emulator::Emulator;
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::{FluxgateProcess, LiveReceiver, TestTenant, eventually, process, verifiers};

use super::Bed;

/// A running command, ended with the test.
struct Listening {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Listening {
    /// Once it says that it is ready.
    async fn start(args: &[&str]) -> Self {
        let mut command = process::command(&[&["listen"], args].concat());
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
        for reader in readers {
            let said = said.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(reader).lines().map_while(Result::ok) {
                    said.lock().unwrap().push(line);
                }
            });
        }
        let listening = Self { child, said };
        listening.line("Ready.", 1).await;
        listening
    }

    async fn start_with(bed: &Bed, forward: &str, state: &Path) -> Self {
        let (data, url) = bed.place();
        let named = ["--tenant", "acme", "--data", &data, "--url", &url];
        let state = state.to_str().unwrap();
        let rest = ["--forward", forward, "--state", state];
        Self::start(&[&named[..], &rest].concat()).await
    }

    /// The last of so many lines with this text.
    async fn line(&self, text: &str, count: usize) -> String {
        eventually(&format!("{count} lines of '{text}'"), || async {
            let said = self.said.lock().unwrap();
            let mut lines = said.iter().filter(|line| line.contains(text));
            lines.nth(count - 1).cloned()
        })
        .await
    }

    async fn secret(&self) -> String {
        secret(&self.line("Ready.", 1).await)
    }

    /// How it ends after Ctrl-C.
    fn interrupted(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

fn secret(ready: &str) -> String {
    let (_, secret) = ready.rsplit_once(' ').unwrap();
    assert!(secret.starts_with("whsec_"), "{ready}");
    secret.to_owned()
}

impl Bed {
    /// The data folder and the gateway.
    fn place(&self) -> (String, String) {
        let data = self.gateway.server.folder().path.clone();
        let data = data.into_os_string().into_string().unwrap();
        (data, self.gateway.server.base_url())
    }

    async fn ended(&self) -> String {
        let task = self.tenant.submit(&self.tenant.inputs().await).await;
        self.tenant.ended(&task).await;
        task
    }
}

fn state() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    (folder, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was_with_the_same_secret_and_stock_libraries_take_each_event() {
    let bed = Bed::start().await;
    let (_folder, state) = state();
    let hook = bed.receiver.url("hook");
    let first = Listening::start_with(&bed, &hook, &state).await;
    let secret = first.secret().await;
    let seen = bed.ended().await;
    let received = bed.receiver.about(&seen, 1).await;
    assert!(verifiers::takes(&secret, &received[0]));
    let line = first.line(&seen, 1).await;
    assert!(
        line.contains("  task.completed    evt_") && line.contains("  204  "),
        "{line}"
    );
    assert_eq!(first.interrupted().code(), Some(0));
    let mode = std::fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let told = bed.told(&["trigger", "task.failed"]).await;
    assert!(
        told.contains("waits to be read: task.failed evt_"),
        "{told}"
    );
    let missed = bed.ended().await;
    let second = Listening::start_with(&bed, &hook, &state).await;

    let received = bed.receiver.about(&missed, 1).await;
    assert!(verifiers::takes(&secret, &received[0]));
    assert_eq!(second.secret().await, secret);
    second.line("  task.failed       evt_", 1).await;
    assert_eq!(bed.receiver.about(&seen, 1).await.len(), 1);
    assert_eq!(second.interrupted().code(), Some(0));
    let states = bed
        .told(&["deliveries", "list", "--state", "pending"])
        .await;
    assert!(!states.contains("pending"), "{states}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_down_or_refuses_is_told_of_and_the_next_event_follows() {
    let bed = Bed::start().await;
    let (_folder, state) = state();
    let addr = free_address();
    let listening = Listening::start_with(&bed, &format!("http://{addr}/hook"), &state).await;

    let lost = bed.ended().await;
    let line = listening.line(&lost, 1).await;
    assert!(line.contains("failed: nothing answers there"), "{line}");
    assert!(line.ends_with("after 4 tries"), "{line}");

    let program = LiveReceiver::start_at(addr).await;
    program.answer(&[503, 204, 404]);
    let (mended, refused) = (bed.ended().await, bed.ended().await);
    let line = listening.line(&mended, 1).await;
    assert!(
        line.contains("  204  ") && line.ends_with("after 2 tries"),
        "{line}"
    );
    let line = listening.line(&refused, 1).await;
    assert!(line.contains("  404  ") && line.ends_with(" ms"), "{line}");
    let next = bed.ended().await;
    assert_eq!(program.about(&next, 1).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_made_anew_and_reset_makes_another() {
    let bed = Bed::start().await;
    let (_folder, state) = state();
    let hook = bed.receiver.url("hook");
    let listening = Listening::start_with(&bed, &hook, &state).await;
    let first = listening.secret().await;
    let listed = bed.tenant.get("/v1/endpoints").await;
    assert_eq!(listed.text("/0/kind"), "pull");
    let path = format!("/v1/endpoints/{}", listed.text("/0/id"));
    assert_eq!(bed.tenant.delete(&path).await.status, 204);

    let again = secret(&listening.line("Ready.", 2).await);

    assert_ne!(first, again);
    listening.line("the endpoint is gone", 1).await;
    let task = bed.ended().await;
    let received = bed.receiver.about(&task, 1).await;
    assert!(verifiers::takes(&again, &received[0]));
    assert_eq!(listening.interrupted().code(), Some(0));

    let (data, url) = bed.place();
    let (forward, state) = (
        ["--forward", hook.as_str()],
        ["--state", state.to_str().unwrap()],
    );
    let named = [
        "--tenant", "acme", "--data", &data, "--url", &url, "--reset",
    ];
    let events = ["--events", "task.failed,task.cancelled"];
    let reset = [&forward[..], &state, &named, &events].concat();
    let reset = Listening::start(&reset).await;
    assert_ne!(reset.secret().await, again);
    let listed = bed.tenant.get("/v1/endpoints").await;
    assert_eq!(
        listed.body.as_array().map(Vec::len),
        Some(1),
        "{:?}",
        listed.body
    );
    let types = &listed.body[0]["event_types"];
    assert_eq!(types, &serde_json::json!(["task.failed", "task.cancelled"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_address_no_event_or_no_state_is_refused_at_once() {
    let bed = Bed::start().await;
    let (_folder, state) = state();
    let (hook, path) = (bed.receiver.url("hook"), state.to_str().unwrap().to_owned());
    let why = bed
        .why(&["listen", "--forward", "ftp://x", "--state", &path])
        .await;
    assert!(why.contains("http://"), "{why}");
    let why = bed
        .why(&["listen", "--forward", "localhost:3000", "--state", &path])
        .await;
    assert!(why.contains("write http://localhost:3000"), "{why}");
    let unknown = [
        "listen",
        "--forward",
        &hook,
        "--state",
        &path,
        "--events",
        "task.done",
    ];
    let why = bed.why(&unknown).await;
    assert!(why.contains("'task.done' is not an event type"), "{why}");
    std::fs::write(&state, "{}").unwrap();
    let why = bed
        .why(&["listen", "--forward", &hook, "--state", &path])
        .await;
    assert!(why.contains("is not what 'fluxgate listen' wrote"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_passed_by_comes_again_from_the_cursor_that_was_printed() {
    let bed = Bed::start().await;
    let (_folder, state) = state();
    let hook = bed.receiver.url("hook");
    let listening = Listening::start_with(&bed, &hook, &state).await;
    bed.receiver.answer(&[204, 400]);
    let (taken, refused) = (bed.ended().await, bed.ended().await);
    let told = listening.line("passed by", 1).await;
    assert_eq!(bed.receiver.about(&refused, 1).await.len(), 1);
    assert_eq!(listening.interrupted().code(), Some(0));

    let (_, cursor) = told.rsplit_once("--after ").unwrap();
    let (data, url) = bed.place();
    let named = ["--tenant", "acme", "--data", &data, "--url", &url];
    let state = state.to_str().unwrap();
    let rest = ["--forward", &hook, "--state", state, "--after", cursor];
    let again = Listening::start(&[&named[..], &rest].concat()).await;

    assert_eq!(bed.receiver.about(&refused, 2).await.len(), 2);
    assert_eq!(bed.receiver.about(&taken, 1).await.len(), 1);
    let why = bed
        .why(&["listen", "--forward", &hook, "--state", state])
        .await;
    assert!(
        why.contains("another 'fluxgate listen'") && why.contains("--state"),
        "{why}"
    );
    assert_eq!(again.interrupted().code(), Some(0));
    let ended = Listening::start(&[&named[..], &rest[..4]].concat()).await;
    assert_eq!(ended.interrupted().code(), Some(0));
}

/// The gateway is killed and comes back while the command waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_goes_away_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let add = ["tenants", "add", "acme", "--balance", "1", "--data", data];
    assert!(process::run(&add).status.success());
    let (listen, s3) = (free_address().to_string(), free_address().to_string());
    let base_url = format!("http://{listen}");
    let provider = emulator.base_url();
    let args = [
        "--data",
        data,
        "--listen",
        &listen,
        "--s3-listen",
        &s3,
        "--provider",
        &provider,
    ];
    let env = [("WAVESPEED_API_KEY", emulator.api_key())];
    let serve = || FluxgateProcess::serve(&args, &env, &base_url);
    let gateway = serve().await;
    let token = process::run(&["token", "acme", "--data", data]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let tenant = TestTenant::new("acme".parse().unwrap(), &base_url, token);
    let program = LiveReceiver::start().await;
    let (_state_folder, state) = self::state();
    let (hook, state) = (program.url("hook"), state.to_str().unwrap().to_owned());
    let named = ["--tenant", "acme", "--data", data, "--url", &base_url];
    let listening = [&named[..], &["--forward", &hook, "--state", &state]].concat();
    let listening = Listening::start(&listening).await;

    gateway.kill();
    listening.line("trying again", 1).await;
    let gateway = serve().await;
    let task = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(program.about(&task, 1).await.len(), 1);
    assert_eq!(listening.interrupted().code(), Some(0));
    gateway.kill();
}
